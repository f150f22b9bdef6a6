//! How an account comes to be: user, standing, identifier, credential, event and the host's own records in one batch.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::{DisplayName, Listed, Standing, User, UserError, UserStatus, Users};
use crate::config::Config;
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::identifiers::{Handle, Identifier, Username};
use crate::passwords::{Judges, Password, PasswordCredential, PasswordHash, PasswordHasher};
use crate::secret::Secret;
use crate::store::{StoreError, Work};

/// A user to be, as the host's own program has it: a verified address, and what else is known.
#[derive(Debug, Clone)]
pub struct NewUser {
    id: Option<UserId>,
    handle: Handle,
    proved: bool,
    also: Vec<KnownHandle>,
    username: Option<Username>,
    name: Option<DisplayName>,
    password: Option<Given>,
}

#[derive(Debug, Clone)]
enum Given {
    Typed(Secret<String>),
    Hashed(PasswordHash),
}

impl NewUser {
    /// A user with this address or number, which the host knows to be theirs: whoever reads its mail owns the
    /// account; or with a username.
    #[must_use]
    pub fn new(handle: impl Into<Handle>) -> Self {
        let handle = handle.into();
        Self { id: None, handle, proved: true, also: Vec::new(), username: None, name: None, password: None }
    }

    /// The id that they are to have (default: a new one), so that an import which is run again recognizes them.
    #[must_use]
    pub const fn id(mut self, id: UserId) -> Self {
        self.id = Some(id);
        self
    }

    /// Nobody knows whether the address or number is theirs: until they prove it, it identifies nobody, and others
    /// may prove it before them.
    #[must_use]
    pub const fn unproved(mut self) -> Self {
        self.proved = false;
        self
    }

    /// One more address or number of theirs, and whether it is known to be.
    #[must_use]
    pub fn also(mut self, handle: impl Into<Handle>, proved: bool) -> Self {
        self.also.push(KnownHandle { handle: handle.into(), proved });
        self
    }

    /// A username beside the address.
    #[must_use]
    pub fn username(mut self, username: Username) -> Self {
        self.username = Some(username);
        self
    }

    /// How they want to be called.
    #[must_use]
    pub fn name(mut self, name: DisplayName) -> Self {
        self.name = Some(name);
        self
    }

    /// Their password, which is judged by the rules for new ones, and hashed.
    #[must_use]
    pub fn password(mut self, password: Secret<String>) -> Self {
        self.password = Some(Given::Typed(password));
        self
    }

    /// The hash of the password that they have already, from another system. Whether it can be checked shows when
    /// they sign in.
    #[must_use]
    pub fn password_hash(mut self, hash: PasswordHash) -> Self {
        self.password = Some(Given::Hashed(hash));
        self
    }
}

/// An address, a number or a username that is known of somebody.
#[derive(Debug, Clone)]
pub struct KnownHandle {
    /// What it is.
    pub handle: Handle,
    /// Whether it was proved to be theirs. One that was not identifies nobody.
    pub proved: bool,
}

/// A user to be, for whom all slow work is done: for [`Users::create_in`].
#[derive(Debug, Clone)]
pub struct ReadyUser {
    /// The id that they are to have; none: a new one.
    pub id: Option<UserId>,
    /// An address or number, or a username.
    pub handle: Handle,
    /// Whether the address or number was proved to be theirs. One that was not identifies nobody.
    pub proved: bool,
    /// More of them.
    pub also: Vec<KnownHandle>,
    /// A username beside it.
    pub username: Option<Username>,
    /// How they want to be called.
    pub name: Option<DisplayName>,
    /// The credential that they set, if it is a password. Without one they cannot sign in by a password.
    pub password: Option<PasswordHash>,
}

type Writing = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// What the host writes with every account that comes to be.
#[derive(Clone)]
pub(crate) struct OnRegistered(Arc<dyn Fn(Work, User) -> Writing + Send + Sync>);

impl OnRegistered {
    pub(crate) fn new<F, Fut>(write: F) -> Self
    where
        F: Fn(Work, User) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        Self(Arc::new(move |work, user| Box::pin(write(work, user))))
    }
}

impl fmt::Debug for OnRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRegistered(..)")
    }
}

/// What it takes to make an account.
#[derive(Debug)]
pub(crate) struct Creation {
    pub(crate) judges: Arc<Judges>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) config: Arc<Config>,
    pub(crate) on_registered: Vec<OnRegistered>,
}

impl Users {
    /// Creates a user without a journey: for imports, operators, tests. Nobody is sent a message.
    ///
    /// # Errors
    /// [`UserError::AddressTaken`]; [`UserError::Exists`] when the id was given; [`UserError::Password`] when a password was given that may not be one;
    /// [`UserError::Overloaded`]; [`UserError::Hasher`]; [`UserError::Store`]: not created.
    pub async fn create(&self, by: &Cause, new: NewUser) -> Result<User, UserError> {
        let ready = &self.prepare(new).await?;
        let created = self.store.transact(|work| async move { Ok(self.create_in(&work, by, ready).await?) }).await;
        created.map_err(|error: UserError| error.of(ready))
    }

    /// The slow work of [`Users::create`], which belongs before a unit: the password is judged and hashed.
    ///
    /// # Errors
    /// [`UserError::Password`]; [`UserError::Overloaded`]; [`UserError::Hasher`].
    pub async fn prepare(&self, new: NewUser) -> Result<ReadyUser, UserError> {
        let NewUser { id, handle, proved, also, username, name, password } = new;
        let password = match password {
            None => None,
            Some(Given::Hashed(hash)) => Some(hash),
            Some(Given::Typed(typed)) => {
                let password = Password::parse(&typed).map_err(UserError::Password)?;
                let context = vec![
                    handle.as_str().to_owned(),
                    name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
                    username.as_ref().map(|username| username.as_str().to_owned()).unwrap_or_default(),
                    self.creation.config.application.name.clone(),
                ];
                let judged = self.creation.judges.judge(password, context).await?;
                Some(self.creation.hasher.hash(&judged.map_err(UserError::Password)?).await?)
            }
        };
        Ok(ReadyUser { id, handle, proved, also, username, name, password })
    }

    /// Hashes a password without judging it.
    #[cfg(feature = "testing")]
    pub(crate) async fn hash(&self, password: &Password) -> Result<PasswordHash, crate::passwords::HashError> {
        self.creation.hasher.hash(password).await
    }

    /// Creates a user in the caller's unit: user, standing, identifier, credential, event, and what the host writes
    /// with each ([`CiamBuilder::on_registered`](crate::CiamBuilder::on_registered)), or nothing.
    ///
    /// The commit is refused with a conflict on [`Identifier::BY_VERIFIED`] when the address is taken,
    /// whoever else registers it at the same time; [`UserError`] reads it as [`UserError::AddressTaken`].
    ///
    /// # Errors
    /// [`StoreError::Misuse`], and what the host's own part says.
    pub async fn create_in(&self, work: &Work, by: &Cause, new: &ReadyUser) -> Result<User, StoreError> {
        self.write_in(work, by, new, "user.registered").await
    }

    /// Creates a user, with an event of this name.
    pub(super) async fn write_in(
        &self,
        work: &Work,
        by: &Cause,
        new: &ReadyUser,
        event: &'static str,
    ) -> Result<User, StoreError> {
        let id = new.id.unwrap_or_else(|| work.new_id());
        let primary = KnownHandle { handle: new.handle.clone(), proved: new.proved };
        let email = [&primary].into_iter().chain(&new.also).find_map(|known| match &known.handle {
            Handle::Email(email) if known.proved => Some(email.clone()),
            _ => None,
        });
        let listed = Some(Listed { email, status: UserStatus::Active });
        let user = User { id, name: new.name.clone(), language: None, created: work.now(), listed };
        work.insert(&user)?;
        work.insert(&Standing::new(id))?;
        let identify = |handle: Handle, proved: bool| {
            let verified = proved.then(|| work.now());
            Identifier { id: work.new_id(), user: id, handle, added: work.now(), verified }
        };
        let identifier = identify(new.handle.clone(), new.proved);
        work.insert(&identifier)?;
        for KnownHandle { handle, proved } in &new.also {
            work.insert(&identify(handle.clone(), *proved))?;
        }
        if let Some(username) = &new.username {
            work.insert(&identify(username.clone().into(), true))?;
        }
        if let Some(password) = &new.password {
            work.insert(&PasswordCredential { id, hash: password.clone(), set: work.now() })?;
        }
        work.record(NewEvent::new(event, by).about(id).with("identifier", identifier.id.to_string()))?;
        for OnRegistered(write) in &self.creation.on_registered {
            write(work.clone(), user.clone()).await?;
        }
        Ok(user)
    }
}
