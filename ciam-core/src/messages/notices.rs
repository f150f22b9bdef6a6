//! Telling the owner of an account what has happened to it.

use std::sync::Arc;

use super::letter::{Change, Letter};
use super::{Draft, Outbox, Sealed, Templates};
use crate::application::Application;
use crate::config::Config;
use crate::events::Origin;
use crate::id::UserId;
use crate::identifiers::{Identifier, IdentifierKind};
use crate::store::{Store, StoreError, Work};
use crate::throttle::{self, Tries};
use crate::users::User;
use crate::vault::VaultError;

/// A notice is of no use after this time.
const GOOD_FOR: std::time::Duration = std::time::Duration::from_hours(72);
/// To how many of an account's addresses a notice goes.
const MOST: usize = 5;

/// Writes notices.
#[derive(Debug, Clone)]
pub(crate) struct Notices {
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) templates: Templates,
    pub(crate) tries: Tries,
    pub(crate) config: Arc<Config>,
}

/// Why a notice could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    #[error("the owner's addresses cannot be read")]
    Store(#[from] StoreError),
    #[error("the notice cannot be sealed")]
    Vault(#[from] VaultError),
}

impl Notices {
    /// The notices of a change, one to each address that the account has now (to its numbers, if it has no
    /// address): slow work that belongs before the unit of the change.
    pub(crate) async fn write(
        &self,
        user: UserId,
        change: Change,
        origin: &Origin,
    ) -> Result<Vec<Sealed>, NoticeError> {
        let identifiers = self.store.find(&Identifier::proved_of(user)).await?.items;
        let has_email = identifiers.iter().any(|identifier| identifier.handle.kind() == IdentifierKind::Email);
        let wanted = if has_email { IdentifierKind::Email } else { IdentifierKind::Phone };
        let (name, language) = match self.store.get::<User>(user).await? {
            Some(user) => (user.name, user.language),
            None => (None, None),
        };
        let application = self.application(origin);
        let wording = self.config.wording(application, [language.as_ref(), origin.language.as_ref()]);
        let recover = self.config.link(application, "/recover");
        let at = self.store.clock().now();
        let letter = Letter::Changed {
            name: name.as_ref(),
            change,
            at,
            device: origin.user_agent.as_deref(),
            recover: &recover,
        };
        let mut sealed = Vec::new();
        for identifier in identifiers.iter().filter(|identifier| identifier.handle.kind() == wanted).take(MOST) {
            let Some(channel) = identifier.handle.kind().channel() else { continue };
            let draft = Draft {
                to: identifier.handle.as_str().to_owned(),
                channel,
                text: self.templates.write(application, &wording, channel, &letter).await?,
                template: letter.template(),
                subject: Some(user),
                good_until: at + GOOD_FOR,
            };
            sealed.push(self.outbox.seal(draft).await?);
        }
        Ok(sealed)
    }

    /// Queues the notices in the unit of the change that somebody there makes. Where the account has had too many,
    /// they are left out; the change is made all the same, and its event written.
    pub(crate) async fn queue_in(&self, work: &Work, notices: &[Sealed], origin: &Origin) -> Result<(), StoreError> {
        let Some((user, channel)) = notices.first().and_then(|first| Some((first.subject()?, first.channel()))) else {
            return Ok(());
        };
        let postage = throttle::notice_postage(&self.config.throttle, user, channel, origin);
        let messages = u32::try_from(notices.len()).unwrap_or(u32::MAX);
        if !self.tries.notice_in(work, &postage, messages).await? {
            return Ok(());
        }
        notices.iter().try_for_each(|notice| self.outbox.queue_in(work, notice))
    }

    fn application(&self, origin: &Origin) -> &Application {
        self.config.application_or_default(origin.application)
    }
}
