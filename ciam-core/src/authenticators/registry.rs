//! The authenticators that an engine has.

use std::sync::Arc;

use super::{Authenticator, Enrolment, Method};
use crate::config::Config;
use crate::evidence::{Aal, Factor, Need, Strength};
use crate::id::UserId;
use crate::store::{StoreError, Work};
use crate::users::Standing;

/// All of them, each of another method.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry(Arc<[Arc<dyn Authenticator>]>);

impl Registry {
    /// The method that two of them have, if there is one.
    pub(crate) fn new(authenticators: Vec<Arc<dyn Authenticator>>) -> Result<Self, Method> {
        for (nth, one) in authenticators.iter().enumerate() {
            let method = one.method();
            if method == Method::PASSWORD || authenticators[..nth].iter().any(|earlier| earlier.method() == method) {
                return Err(method);
            }
        }
        Ok(Self(authenticators.into()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn of(&self, method: &Method) -> Option<&Arc<dyn Authenticator>> {
        self.0.iter().find(|one| one.method() == *method)
    }

    /// The methods that people add themselves.
    pub(crate) fn that_enrol(&self) -> Vec<Method> {
        self.0.iter().filter(|one| one.uses().enrols).map(|one| one.method()).collect()
    }

    /// Whether having this asks for nothing by itself.
    pub(crate) fn stands_in(&self, enrolment: &Enrolment) -> bool {
        self.of(&enrolment.method).is_some_and(|one| one.uses().stands_in)
    }

    /// Whether an account that has these is asked for one of them.
    pub(crate) fn asks(&self, enrolled: &[Enrolment]) -> bool {
        let asks = |one: &Arc<dyn Authenticator>| one.uses().second && !one.uses().stands_in;
        enrolled.iter().any(|enrolment| self.of(&enrolment.method).is_some_and(asks))
    }

    /// What is asked of whoever has these.
    pub(crate) fn need(&self, enrolled: &[Enrolment]) -> Need {
        Need::of(if self.asks(enrolled) { Aal::Aal2 } else { Aal::Aal1 })
    }

    /// What is asked of whoever changes this account, in the caller's unit, which is stale if that changes.
    pub(crate) async fn need_in(&self, work: &Work, user: UserId, config: &Config) -> Result<Need, StoreError> {
        if self.is_empty() {
            return Ok(self.need(&[]).within(config.fresh));
        }
        work.get::<Standing>(user).await?;
        Ok(self.need(&work.find(&Enrolment::of_user(user)).await?).within(config.fresh))
    }

    /// What a proof with this enrolment counts for at most; nothing where the engine has not its method.
    pub(crate) fn strength(&self, enrolment: &Enrolment) -> Option<Strength> {
        self.of(&enrolment.method).map(|one| weaker(one.ceiling(), enrolment.strength))
    }
}

/// Those of an account's that another one of this method takes the place of.
pub(crate) fn sole_former<'e>(one: &dyn Authenticator, own: &'e [Enrolment]) -> Vec<&'e Enrolment> {
    own.iter().filter(|own| one.uses().sole && own.method == one.method()).collect()
}

/// What both allow.
fn weaker(ceiling: Strength, enrolled: Strength) -> Strength {
    let factor = match (ceiling.factor, enrolled.factor) {
        (Factor::PossessionVerified, other) => other,
        (ceiling, Factor::PossessionVerified) => ceiling,
        (Factor::Address, _) | (_, Factor::Address) => Factor::Address,
        (ceiling, enrolled) if ceiling == enrolled => ceiling,
        // Two kinds that say different things of one proof: it counts for neither.
        _ => Factor::Address,
    };
    Strength {
        amr: enrolled.amr,
        factor,
        phishing_resistant: ceiling.phishing_resistant && enrolled.phishing_resistant,
        hardware: ceiling.hardware && enrolled.hardware,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amr, AmrSet};

    #[test]
    fn no_enrolment_lifts_a_proof_above_what_its_method_allows() {
        let of = |factor| Strength::of(AmrSet::of(&[Amr::Otp]), factor);
        let strongest = of(Factor::PossessionVerified).resisting_phishing().in_hardware();
        assert_eq!(weaker(of(Factor::Possession), strongest), of(Factor::Possession));
        assert_eq!(weaker(strongest, of(Factor::Possession)), of(Factor::Possession));
        assert_eq!(weaker(strongest, strongest), strongest);
        assert_eq!(weaker(of(Factor::Address), strongest).factor, Factor::Address);
        assert_eq!(weaker(of(Factor::Possession), of(Factor::Knowledge)).factor, Factor::Address);
    }
}
