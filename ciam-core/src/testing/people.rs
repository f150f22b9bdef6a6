//! People for tests, made straight through the services: no journey, no message, no judged password.

use crate::ciam::Ciam;
use crate::email::Email;
use crate::events::{Cause, Origin};
use crate::evidence::{Aal, Amr, AmrSet, Ceremony, Claim, Evidence, Factor, Strength};
use crate::id::{RecordId, UserId};
use crate::passwords::Password;
use crate::secret::Secret;
use crate::sessions::{Opened, SessionError};
use crate::testing::TestBed;
use crate::users::{DisplayName, NewUser, UserError};

/// A key that its owner holds: with a password, a second factor.
const KEY: Strength = Strength::of(AmrSet::of(&[Amr::Hwk]), Factor::Possession).resisting_phishing();

/// A person with an account, and what they know of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Person {
    /// Who it is.
    pub id: UserId,
    /// Their address.
    pub email: String,
    /// How they want to be called.
    pub name: Option<String>,
    /// Their password, if they have one.
    pub password: Option<Secret<String>>,
}

/// A person to be; made by [`TestBed::user`].
#[derive(Debug, Clone)]
#[must_use = "nobody is there before .create().await"]
pub struct NewPerson {
    bed: TestBed,
    email: Option<String>,
    name: Option<String>,
    password: Option<String>,
}

impl TestBed {
    /// A person with an account, without the journey: an address of their own, no name and no password, unless said.
    ///
    /// ```
    /// # use ciam_core::testing::TestBed;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let bed = TestBed::new().await;
    /// let ada = bed.user().email("ada@example.com").name("Ada").password("anything goes").create().await;
    /// let session = bed.signed_in(ada.id).await;
    /// assert_eq!(session.session.user, ada.id);
    /// assert!(bed.sign_in("ada@example.com", "anything goes").await.is_ok());
    /// # }
    /// ```
    pub fn user(&self) -> NewPerson {
        NewPerson { bed: self.clone(), email: None, name: None, password: None }
    }

    /// A session of a person at AAL1, as if they had just given their password, without the journey.
    ///
    /// # Panics
    /// When they may not sign in, or do not exist.
    pub async fn signed_in(&self, user: UserId) -> Opened {
        self.session(user, &[Strength::PASSWORD]).await
    }

    /// A session of a person at AAL2, as if they had just given their password and shown a key.
    ///
    /// # Panics
    /// As [`TestBed::signed_in`].
    pub async fn signed_in_with_two_factors(&self, user: UserId) -> Opened {
        let opened = self.session(user, &[Strength::PASSWORD, KEY]).await;
        debug_assert_eq!(opened.session.assurance.reached().aal, Aal::Aal2);
        opened
    }

    async fn session(&self, user: UserId, factors: &[Strength]) -> Opened {
        let ciam: &Ciam = &self.ciam;
        let now = ciam.clock().now();
        let journey = ciam.entropy().id(now);
        let prove = |strength: &Strength| {
            let ceremony = Ceremony::open(journey, user, user.uuid(), now, *strength);
            Evidence::mint(ceremony, &Claim::full(*strength))
        };
        let evidence: Vec<Evidence> = factors.iter().map(prove).collect();
        let (evidence, origin) = (&evidence, &Origin::new(None, Some("Test/1.0")));
        let opened =
            ciam.store().transact(|work| async move { ciam.sessions().open_in(&work, evidence, origin).await });
        let opened: Result<Opened, SessionError> = opened.await;
        match opened {
            Ok(opened) => opened,
            Err(error) => panic!("no session is opened: {error}"),
        }
    }
}

impl NewPerson {
    /// Their address (default: one that nobody else has).
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// How they want to be called.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Their password. It may be one that the rules for new passwords refuse.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Makes the account.
    ///
    /// # Panics
    /// When the address is taken or none, the name is none, or the password is too long for any hasher.
    pub async fn create(self) -> Person {
        match self.try_create().await {
            Ok(person) => person,
            Err(error) => panic!("the person has no account: {error}"),
        }
    }

    async fn try_create(self) -> Result<Person, Box<dyn std::error::Error + Send + Sync>> {
        let Self { bed, email, name, password } = self;
        let users = bed.ciam.users();
        let email = email.unwrap_or_else(|| {
            let number: UserId = bed.ciam.entropy().id(bed.ciam.clock().now());
            format!("{number}@example.com")
        });
        let address: Email = email.parse()?;
        let mut new = NewUser::new(address);
        if let Some(name) = &name {
            new = new.name(DisplayName::parse(name)?);
        }
        let password = password.map(Secret::new);
        if let Some(typed) = &password {
            new = new.password_hash(users.hash(&Password::parse(typed)?).await.map_err(UserError::from)?);
        }
        let user = users.create(&Cause::system(), new).await?;
        Ok(Person { id: user.id, email, name, password })
    }
}
