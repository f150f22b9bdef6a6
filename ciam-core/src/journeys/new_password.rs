//! Choosing a password: how it is judged, and how often a client may have one judged.

use super::Client;
use super::Journeys;
use super::error::JourneyError;
use crate::passwords::{Password, PasswordProblem};
use crate::secret::Secret;
use crate::throttle::Limit;

impl Journeys {
    /// Judges a new password, knowing what an attacker knows of the person; counted for the client first.
    pub(super) async fn judge(
        &self,
        client: &Client,
        typed: &Secret<String>,
        known: Vec<String>,
    ) -> Result<Result<Password, PasswordProblem>, JourneyError> {
        let flood = Limit::of_client("sign_up.client", client.origin.ip, self.config.throttle.client_sign_ups);
        flood.spend(&self.store).await?;
        match Password::parse(typed) {
            Ok(password) => Ok(self.judges.judge(password, known).await?),
            Err(problem) => Ok(Err(problem)),
        }
    }
}
