//! The authenticators that an engine has.

use std::sync::Arc;

use super::{Authenticator, Enrolment, Method};
use crate::evidence::{Factor, Strength};

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

    /// What a proof with this enrolment counts for at most; nothing where the engine has not its method.
    pub(crate) fn strength(&self, enrolment: &Enrolment) -> Option<Strength> {
        self.of(&enrolment.method).map(|one| weaker(one.ceiling(), enrolment.strength))
    }
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
