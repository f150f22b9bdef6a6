//! Many users at once, from another system.

use super::{ReadyUser, User, UserError, Users};
use crate::events::Cause;

impl Users {
    /// Creates many users in bulk; the answers come in their order. Nobody is sent a message.
    ///
    /// Of each user all records are there in the end or none: user, standing, identifiers, credential, the event
    /// `user.imported`, and what the host writes with each
    /// ([`CiamBuilder::on_registered`](crate::CiamBuilder::on_registered)). Some thousand users share a commit, so
    /// that the same import can be run again after a crash: who is there already is refused as
    /// [`AddressTaken`](UserError::AddressTaken) or [`Exists`](UserError::Exists). A user without a proved identifier
    /// and without an id ([`NewUser::id`](super::NewUser::id)) cannot be recognized, and would be there twice.
    ///
    /// Hand over a large file in pieces of some thousand: all that a call holds in memory is its users.
    ///
    /// ```
    /// use ciam_core::events::Cause;
    /// use ciam_core::passwords::PasswordHash;
    /// use ciam_core::users::NewUser;
    /// # use ciam_core::{Ciam, messages::Mailbox, store::MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let identity = Ciam::builder().store(MemoryStore::new()).messenger(Mailbox::new()).build().await?;
    /// let export = [("ada@example.com", "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$c29tZSBoYXNoIHRoYXQgbm9ib2R5IGtub3dzIQ")];
    /// let mut users = Vec::new();
    /// for (email, hash) in export {
    ///     let new = NewUser::new(email.parse::<ciam_core::email::Email>()?);
    ///     users.push(identity.users().prepare(new.password_hash(PasswordHash::from_phc(hash.to_owned()))).await?);
    /// }
    /// for answer in identity.users().import(&Cause::system(), &users).await {
    ///     if let Err(error) = answer { eprintln!("not imported: {error}"); }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// For each [`UserError::AddressTaken`], [`UserError::Exists`], [`UserError::PasswordHash`] or
    /// [`UserError::Store`]. Once the store does not answer, the users behind are not tried.
    pub async fn import(&self, by: &Cause, users: &[ReadyUser]) -> Vec<Result<User, UserError>> {
        let import = self.store.load(users, |work, new| async move {
            if new.password.as_ref().is_some_and(|hash| !self.creation.hasher.can_check(hash)) {
                return Err(UserError::PasswordHash);
            }
            Ok(self.write_in(&work, by, new, "user.imported").await?)
        });
        let answers = import.await.into_iter().zip(users);
        answers.map(|(answer, new)| answer.map_err(|error: UserError| error.of(new))).collect()
    }
}

#[cfg(test)]
mod tests;
