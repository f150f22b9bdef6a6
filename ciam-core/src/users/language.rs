//! The language in which a person wants to be spoken to.

use super::{User, UserError, Users};
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::language::Language;
use crate::store::Work;

impl Users {
    /// Speaks to a user in this language from now on, on pages and in messages; or, with none, in the one that
    /// their browser asks for.
    ///
    /// One that is not spoken here is kept all the same: what is said is said in the nearest one that is.
    ///
    /// # Errors
    /// [`UserError::Unknown`]; [`UserError::Store`]: not changed.
    pub async fn set_language(&self, by: &Cause, id: UserId, language: Option<Language>) -> Result<(), UserError> {
        let language = &language;
        self.store.transact(|work| async move { self.set_language_in(&work, by, id, language.clone()).await }).await
    }

    /// As [`Users::set_language`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Users::set_language`].
    pub async fn set_language_in(
        &self,
        work: &Work,
        by: &Cause,
        id: UserId,
        language: Option<Language>,
    ) -> Result<(), UserError> {
        let mut user = work.get::<User>(id).await?.ok_or(UserError::Unknown)?;
        if user.language == language {
            return Ok(());
        }
        user.language = language;
        work.replace(&user)?;
        work.record(NewEvent::new("user.language_changed", by).about(id))?;
        Ok(())
    }
}
