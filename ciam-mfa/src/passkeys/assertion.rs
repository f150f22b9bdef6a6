//! Judging an assertion (WebAuthn Level 3 §7.2).

use ciam_core::UserId;

use super::{AssertionResponse, Challenge, Credential, Refusal, RelyingParty};

/// Whose passkey was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// That of whoever comes: the response must name its user.
    Anybody,
    /// One of this user's.
    Of(UserId),
}

/// What the store has of the credential that a response says it is by.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'k> {
    /// Whose it is.
    pub owner: UserId,
    /// The passkey.
    pub credential: &'k Credential,
    /// The greatest counter that was heard of it.
    pub counter: u32,
}

/// What a right assertion says, to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Proved {
    /// Its counter: raise the kept one to it.
    pub counter: u32,
    /// Whether the key is backed up now.
    pub backed_up: bool,
    /// Whether that is news: see [`Credential::set_backed_up`].
    pub backup_changed: bool,
}

impl RelyingParty {
    /// Judges what came back for [`RelyingParty::discoverable_options`] or [`RelyingParty::named_options`] with one of
    /// the challenges in `given`, by the credential with the id that the response names.
    ///
    /// The user was there and was verified; the page was one of [`RelyingParty::origins`], not framed by another site;
    /// the signature is of the kept key, over this challenge.
    ///
    /// # Errors
    /// A [`Refusal`] says why nothing is proved.
    pub fn judge_assertion(
        &self,
        response: &AssertionResponse,
        given: &[Challenge],
        sought: Sought,
        kept: &Kept<'_>,
    ) -> Result<Proved, Refusal> {
        let challenge = response.challenge(given, self.origins())?;
        let named = if response.has_user_handle() { Some(response.user().ok_or(Refusal::OtherUser)?) } else { None };
        let right_user = match sought {
            Sought::Anybody => named == Some(kept.owner),
            Sought::Of(user) => user == kept.owner && named.is_none_or(|named| named == user),
        };
        if !right_user {
            return Err(Refusal::OtherUser);
        }
        let ceremonies = &self.ceremonies;
        let state = ceremonies.authentication(&challenge)?;
        let key = &kept.credential.key;
        let result = ceremonies.library.finish_discoverable_authentication_v2(&response.response, state, key)?;
        if !result.user_verified() {
            return Err(Refusal::NotVerified);
        }
        // The library was given zero for the counter that is kept, so that a wrong one can be told with its numbers.
        let (sent, kept_counter) = (result.counter(), kept.counter);
        if (sent > 0 || kept_counter > 0) && sent <= kept_counter {
            return Err(Refusal::CounterWentBack { kept: kept_counter, sent });
        }
        let backed_up = result.backup_state();
        Ok(Proved { counter: sent, backed_up, backup_changed: backed_up != kept.credential.is_backed_up() })
    }
}
