//! What somebody who is signed in does with their own account: a fresh proof, another identifier.

use super::error::{JourneyError, Mistake};
use super::sign_in::raced;
use super::state::{End, Journey, Subject};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::clock::Timestamp;
use crate::events::{Cause, NewEvent, Origin};
use crate::id::UserId;
use crate::identifiers::{self, Handle, Identifier, IdentifierKind};
use crate::messages::letter::Change;
use crate::sessions::Session;
use crate::store::Work;
use crate::users::Standing;

impl Journeys {
    pub(super) fn subject(&self, session: &Session, now: Timestamp) -> Subject {
        let stale = session.assurance.newest().is_none_or(|newest| now.since(newest) > self.config.fresh);
        Subject { user: session.user, session: session.id, stale }
    }

    /// What the account is called, for a password manager and for its owner: the first identifier.
    pub(super) async fn shown_name(&self, user: UserId) -> Result<String, JourneyError> {
        let first = self.store.find(&Identifier::BY_USER.under(&user).limit(1)).await?.items.into_iter().next();
        Ok(first.map(|identifier| identifier.handle.as_str().to_owned()).unwrap_or_default())
    }

    /// Takes what is to be added: a username at once, an address or number when it has been proved.
    pub(super) async fn add(&self, at: Loaded, client: &Client, handle: Handle) -> Result<Advanced, JourneyError> {
        let subject = at.journey.subject.clone().ok_or(JourneyError::Unknown)?;
        let own = self.store.find(&Identifier::OF_USER.under(&subject.user).limit(100)).await?.items;
        let is_own = |i: &Identifier| i.verified.is_some() && i.handle.canonical() == handle.canonical();
        if own.iter().any(is_own) {
            return self.wrong(&at.journey, Mistake::AlreadyYours).await;
        }
        if own.len() >= identifiers::MOST {
            return self.wrong(&at.journey, Mistake::TooMany).await;
        }
        if handle.kind() == IdentifierKind::Username {
            return self.add_username(at, client, subject.user, handle).await;
        }
        let prepared = self.prepare(&at.journey, &handle, client).await?;
        let (at, handle, prepared) = (&at, &handle, &prepared);
        let advanced = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, at).await?;
                journey.handle = Some(handle.clone());
                journey.begun_on.clone_from(&client.origin.user_agent);
                self.send_in(&work, &mut journey, prepared).await?;
                self.advance(&work, at, journey, &client.origin).await
            })
            .await;
        match advanced {
            Err(halt) => Err(self.limited(halt, prepared).await),
            Ok(advanced) => self.advanced(advanced).await,
        }
    }

    async fn add_username(
        &self,
        at: Loaded,
        client: &Client,
        user: UserId,
        handle: Handle,
    ) -> Result<Advanced, JourneyError> {
        let notices = &self.notices.write(user, Change::Added(IdentifierKind::Username), &client.origin).await?;
        let (here, handle) = (&at, &handle);
        let added = self
            .store
            .transact(|work| async move {
                let mut journey = self.hold(&work, here).await?;
                journey.handle = Some(handle.clone());
                // An account has one username: the new one takes the place of the former.
                let own = work.find(&Identifier::OF_USER.under(&user).limit(100)).await?;
                for former in own.iter().filter(|own| own.handle.kind() == IdentifierKind::Username) {
                    work.remove::<Identifier>(former.id)?;
                }
                self.add_in(&work, &mut journey, &client.origin).await?;
                self.notices.queue_in(&work, notices, &client.origin).await?;
                self.advance(&work, here, journey, &client.origin).await
            })
            .await;
        match added {
            Ok(advanced) => self.advanced(advanced).await,
            Err(Halt::Store(error)) if Identifier::BY_VERIFIED.taken(&error) => {
                self.wrong(&at.journey, Mistake::UsernameTaken).await
            }
            Err(halt) => Err(raced(halt)),
        }
    }

    /// Adds what the journey is about to its subject's account, in the caller's unit, and ends the journey.
    pub(super) async fn add_in(&self, work: &Work, journey: &mut Journey, origin: &Origin) -> Result<(), Halt> {
        let (Some(subject), Some(handle)) = (&journey.subject, &journey.handle) else {
            return Err(JourneyError::Unknown.into());
        };
        let user = subject.user;
        if !self.sessions.is_good_in(work, user, subject.session).await? {
            journey.end = Some(End::Refused("session_ended".to_owned()));
            return Ok(());
        }
        // The set of an account's identifiers changes: others who change it wait for each other.
        work.touch::<Standing>(user)?;
        let own = work.find(&Identifier::OF_USER.under(&user).limit(100)).await?;
        for unproved in own.iter().filter(|own| own.handle.canonical() == handle.canonical()) {
            work.remove::<Identifier>(unproved.id)?;
        }
        let identifier = Identifier {
            id: work.new_id(),
            user,
            handle: handle.clone(),
            added: work.now(),
            verified: Some(work.now()),
        };
        work.insert(&identifier)?;
        let by = Cause::user(user, origin.clone());
        work.record(
            NewEvent::new("identifier.added", &by)
                .about(user)
                .with("identifier", identifier.id.to_string())
                .with("kind", handle.kind().as_str()),
        )?;
        journey.end = Some(End::Session { user, session: subject.session });
        Ok(())
    }
}
