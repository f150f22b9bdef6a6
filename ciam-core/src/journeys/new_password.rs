//! Choosing a password: how it is judged, and how often a client may have one judged.

use super::Client;
use super::Journeys;
use super::error::JourneyError;
use crate::events::Origin;
use crate::id::UserId;
use crate::identifiers::Identifier;
use crate::passwords::{Password, PasswordProblem};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::throttle;
use crate::users::User;

/// What an attacker knows of a person, so that no password is made of it.
pub(crate) struct Known(pub(crate) Vec<String>);

impl Journeys {
    /// What is known of a user: their identifiers and name, and the application's name.
    pub(crate) async fn known_of(&self, user: UserId, origin: &Origin) -> Result<Known, StoreError> {
        let own = self.store.find(&Identifier::all_of(user)).await?.items;
        let name = self.store.get::<User>(user).await?.and_then(|user| user.name);
        let application = self.config.application_or_default(origin.application);
        let mut known: Vec<String> = own.iter().map(|own| own.handle.as_str().to_owned()).collect();
        known.extend(name.map(|name| name.as_str().to_owned()));
        known.push(application.name.clone());
        Ok(Known(known))
    }

    /// Judges a new password, knowing what an attacker knows of the person; counted for the client first.
    pub(super) async fn judge(
        &self,
        client: &Client,
        typed: &Secret<String>,
        Known(known): Known,
    ) -> Result<Result<Password, PasswordProblem>, JourneyError> {
        let flood = throttle::client_limit(&self.config.throttle, "sign_up.client", &client.origin);
        self.throttle.spend(&flood).await?;
        match Password::parse(typed) {
            Ok(password) => Ok(self.judges.judge(password, known).await?),
            Err(problem) => Ok(Err(problem)),
        }
    }
}
