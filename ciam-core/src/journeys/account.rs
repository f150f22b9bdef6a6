//! What somebody who is signed in does with their own account: a fresh proof, another identifier.

use super::error::{JourneyError, Mistake};
use super::sign_in::raced;
use super::state::{End, Journey, Subject};
use super::{Advanced, Client, Halt, Journeys, Loaded};
use crate::events::{Cause, Origin};
use crate::id::UserId;
use crate::identifiers::{self, Handle, Identifier, IdentifierKind, MOST_IDENTIFIERS};
use crate::messages::Sealed;
use crate::messages::letter::Change;
use crate::sessions::Session;
use crate::store::Work;
use crate::users::{Standing, relist};

impl Journeys {
    pub(super) fn subject(&self, session: &Session) -> Subject {
        Subject { user: session.user, session: session.id }
    }

    /// What the account is called, for a password manager and for its owner.
    pub(super) async fn shown_name(&self, user: UserId) -> Result<String, JourneyError> {
        let own = self.store.find(&Identifier::proved_of(user)).await?.items;
        let shown = identifiers::primary(&own).or(own.first());
        Ok(shown.map(|identifier| identifier.handle.as_str().to_owned()).unwrap_or_default())
    }

    /// Takes what is to be added: a username at once, an address or number when it has been proved.
    pub(super) async fn add(&self, at: Loaded, client: &Client, handle: Handle) -> Result<Advanced, JourneyError> {
        let subject = at.journey.subject.clone().ok_or(JourneyError::Unknown)?;
        let own = self.store.find(&Identifier::all_of(subject.user)).await?.items;
        let is_own = |i: &Identifier| i.verified.is_some() && i.handle.canonical() == handle.canonical();
        if own.iter().any(is_own) {
            return self.wrong(&at.journey, Mistake::AlreadyYours).await;
        }
        if !has_room(&own, &handle) {
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
                self.add_in(&work, &mut journey, &client.origin, notices).await?;
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

    /// Adds what the journey is about to its subject's account, tells its owner, and ends the journey, in the caller's
    /// unit. All that an addition needs is asked here once more: the session may have ended, and the account may have
    /// become full, since the journey began.
    pub(super) async fn add_in(
        &self,
        work: &Work,
        journey: &mut Journey,
        origin: &Origin,
        notices: &[Sealed],
    ) -> Result<(), Halt> {
        let (Some(subject), Some(handle)) = (&journey.subject, &journey.handle) else {
            return Err(JourneyError::Unknown.into());
        };
        let user = subject.user;
        if !self.sessions.is_good_in(work, user, subject.session).await? {
            journey.end = Some(End::Refused("session_ended".to_owned()));
            return Ok(());
        }
        if !self.is_proved_enough_in(work, journey).await? {
            return Err(JourneyError::Stale.into());
        }
        // The set of an account's identifiers changes: others who change it wait for each other.
        work.touch::<Standing>(user)?;
        let own = work.find(&Identifier::all_of(user)).await?;
        if !has_room(&own, handle) {
            journey.end = Some(End::Refused("too_many".to_owned()));
            return Ok(());
        }
        let by = &Cause::user(user, origin.clone());
        for former in own.iter().filter(|own| gives_way(own, handle)) {
            work.remove::<Identifier>(former.id)?;
            // One that was not proved yet goes on as the proved one.
            if former.verified.is_some() {
                work.record(former.event("identifier.removed", by))?;
            }
        }
        let identifier = Identifier {
            id: work.new_id(),
            user,
            handle: handle.clone(),
            added: work.now(),
            verified: Some(work.now()),
        };
        work.insert(&identifier)?;
        work.record(identifier.event("identifier.added", by))?;
        relist(work, user).await?;
        self.notices.queue_in(work, notices, origin).await?;
        journey.end = Some(End::Session { user, session: subject.session });
        Ok(())
    }
}

/// Whether an identifier of the account goes when this handle comes: the same one, not proved yet, and the former
/// username, of which an account has one.
fn gives_way(own: &Identifier, handle: &Handle) -> bool {
    let both_usernames = own.handle.kind() == IdentifierKind::Username && handle.kind() == IdentifierKind::Username;
    both_usernames || own.handle.canonical() == handle.canonical()
}

/// Whether an account with these identifiers can have this one too.
fn has_room(own: &[Identifier], handle: &Handle) -> bool {
    own.iter().filter(|own| !gives_way(own, handle)).count() < MOST_IDENTIFIERS
}
