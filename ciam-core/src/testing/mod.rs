//! Ports that do the same every time: for tests of ciam and of applications that use it.
//!
//! ```
//! use ciam_core::testing::TestBed;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let bed = TestBed::new().await;
//! let user = bed.sign_up("ada@example.com", "vermilion otter quays").await;
//! bed.clock.advance(std::time::Duration::from_secs(60));
//! assert!(bed.ciam.sessions().check(user.bearer.expose()).await.unwrap().is_some());
//! # }
//! ```

mod faulty_store;
mod people;
mod ports;

pub use faulty_store::{Fault, FaultyStore, Held};
pub use people::{NewPerson, Person};
pub use ports::{CountingHasher, FixedEntropy, StoppedClock};

use std::sync::Arc;

use crate::ciam::{Ciam, CiamBuilder};
use crate::events::Origin;
use crate::journeys::{Advanced, Answer, Client, Identify, JourneyError, JourneyKind, Start, Started};
use crate::messages::{Mailbox, Message};
use crate::secret::{Secret, Verifier};
use crate::sessions::{Opened, Session};
use crate::store::MemoryStore;

/// An engine over the memory store with every port in hand, and the ways that tests go again and again.
#[derive(Debug, Clone)]
pub struct TestBed {
    /// The engine, without workers: [`TestBed::mail`] sends what waits.
    pub ciam: Ciam,
    /// Its clock.
    pub clock: StoppedClock,
    /// Its hasher.
    pub hasher: CountingHasher,
    /// Its messenger.
    pub mailbox: Mailbox,
}

impl TestBed {
    /// An engine over the memory store.
    pub async fn new() -> Self {
        Self::with(|builder| builder.store(MemoryStore::new())).await
    }

    /// An engine that `configure` gives a store and whatever else it wants.
    ///
    /// # Panics
    /// When the engine cannot be built.
    pub async fn with(configure: impl FnOnce(CiamBuilder) -> CiamBuilder) -> Self {
        let (clock, hasher, mailbox) = (StoppedClock::new(), CountingHasher::default(), Mailbox::new());
        let builder = Ciam::builder()
            .clock(clock.clone())
            .entropy(FixedEntropy::new(1))
            .hasher(hasher.clone())
            .messenger(mailbox.clone())
            .app_name("Test Shop")
            .without_workers();
        match configure(builder).build().await {
            Ok(ciam) => Self { ciam, clock, hasher, mailbox },
            Err(error) => panic!("the test bed was not built: {error}"),
        }
    }

    /// Sends what waits and gives all messages, the newest first.
    pub async fn mail(&self) -> Vec<Message> {
        while self.ciam.outbox().deliver().await.is_ok_and(|sent| sent > 0) {}
        self.mailbox.messages()
    }

    /// A browser that nobody has seen before.
    #[must_use]
    pub fn browser(&self) -> Browser {
        let client = Client {
            binding: Some(self.ciam.entropy().verifier()),
            origin: Origin::new(None, Some("Test/1.0")),
            ..Client::default()
        };
        Browser { bed: self.clone(), client }
    }

    /// Signs a new person up, the whole way.
    ///
    /// # Panics
    /// When any step does not go as it should.
    pub async fn sign_up(&self, email: &str, password: &str) -> Opened {
        let browser = self.browser();
        let journey = browser.sign_up_until_code(email, password).await;
        let code = self.code_for(email).await;
        opened(browser.answer(&journey, Answer::Code { code: Secret::new(code) }).await)
    }

    /// Signs a person in from a new browser.
    ///
    /// # Errors
    /// As [`Journeys::answer`](crate::journeys::Journeys::answer).
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<Opened, JourneyError> {
        self.browser().sign_in(email, password).await
    }

    /// The code in the newest message to an address.
    ///
    /// # Panics
    /// When there is none.
    pub async fn code_for(&self, email: &str) -> String {
        let text = self.newest(email).await;
        match text.split_whitespace().find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit())) {
            Some(code) => code.to_owned(),
            None => panic!("no code in the newest message to {email}"),
        }
    }

    /// The ticket of the link in the newest message to an address.
    ///
    /// # Panics
    /// When there is none.
    pub async fn ticket_for(&self, email: &str) -> String {
        let text = self.newest(email).await;
        match text.split_once("ticket=").and_then(|(_, rest)| rest.split_whitespace().next()) {
            Some(ticket) => ticket.to_owned(),
            None => panic!("no link in the newest message to {email}"),
        }
    }

    /// The whole link in the newest message to an address.
    ///
    /// # Panics
    /// When there is none.
    pub async fn link_for(&self, email: &str) -> String {
        let text = self.newest(email).await;
        match text.split_whitespace().find(|word| word.starts_with("http://") || word.starts_with("https://")) {
            Some(link) => link.to_owned(),
            None => panic!("no link in the newest message to {email}"),
        }
    }

    /// The messages to an address, the newest first, after all that wait are sent.
    pub async fn mail_to(&self, email: &str) -> Vec<Message> {
        self.mail().await.into_iter().filter(|message| message.to == email).collect()
    }

    async fn newest(&self, email: &str) -> String {
        match self.mail_to(email).await.into_iter().next() {
            Some(message) => message.text,
            None => panic!("no message to {email}"),
        }
    }
}

/// A browser or app in a test: it keeps the secret that its journeys are bound to.
#[derive(Debug, Clone)]
pub struct Browser {
    bed: TestBed,
    /// Who it is to the engine.
    pub client: Client,
}

impl Browser {
    /// The secret that its journeys are bound to.
    ///
    /// # Panics
    /// When a test has taken it away.
    #[must_use]
    pub fn binding(&self) -> &Verifier {
        match &self.client.binding {
            Some(binding) => binding,
            None => panic!("this browser keeps no secret"),
        }
    }

    /// The same browser at an address.
    #[must_use]
    pub fn at(mut self, address: impl Into<std::net::IpAddr>) -> Self {
        self.client.origin.ip = Some(address.into());
        self
    }

    /// The same browser with a secret that accounts know it by once it has signed in to them.
    #[must_use]
    pub fn with_device(mut self) -> Self {
        self.client.device = Some(self.bed.ciam.entropy().verifier());
        self
    }

    /// Signs a person in.
    ///
    /// # Errors
    /// As [`Journeys::answer`](crate::journeys::Journeys::answer).
    ///
    /// # Panics
    /// When the journey does not begin, or more is asked than the password.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<Opened, JourneyError> {
        let journey = self.identified(JourneyKind::SignIn, email).await;
        let advanced = self.answer(&journey, Answer::Password { password: Secret::new(password.to_owned()) }).await?;
        Ok(opened(Ok(advanced)))
    }

    /// Begins a journey and gives its id.
    ///
    /// # Panics
    /// When it does not begin.
    pub async fn start(&self, kind: JourneyKind) -> String {
        match self.bed.ciam.journeys().start(Start::new(kind, self.binding())).await {
            Ok(started) => started.id,
            Err(error) => panic!("the journey did not begin: {error}"),
        }
    }

    /// Begins a journey in a session, one of the kinds that begin signed in, and gives its id and first prompt.
    ///
    /// # Panics
    /// When it does not begin.
    pub async fn start_in(&self, session: &Session, kind: JourneyKind) -> Started {
        let start = Start { session: Some(session), ..Start::new(kind, self.binding()) };
        match self.bed.ciam.journeys().start(start).await {
            Ok(started) => started,
            Err(error) => panic!("the journey did not begin: {error}"),
        }
    }

    /// Begins a journey and says who it is.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn identified(&self, kind: JourneyKind, email: &str) -> String {
        let journey = self.start(kind).await;
        match self.answer(&journey, Answer::Identify(Identify::any(email))).await {
            Ok(_) => journey,
            Err(error) => panic!("the address was refused: {error}"),
        }
    }

    /// Signs up until the code is asked for.
    ///
    /// # Panics
    /// When a step is refused.
    pub async fn sign_up_until_code(&self, email: &str, password: &str) -> String {
        let journey = self.identified(JourneyKind::SignUp, email).await;
        let answer = Answer::new_password(password);
        match self.answer(&journey, answer).await {
            Ok(_) => journey,
            Err(error) => panic!("the password was refused: {error}"),
        }
    }

    /// Answers a journey.
    ///
    /// # Errors
    /// As [`Journeys::answer`](crate::journeys::Journeys::answer).
    pub async fn answer(&self, journey: &str, answer: Answer) -> Result<Advanced, JourneyError> {
        self.bed.ciam.journeys().answer(journey, &self.client, answer).await
    }
}

/// The session that an answer opened.
///
/// # Panics
/// When it opened none.
pub fn opened(advanced: Result<Advanced, JourneyError>) -> Opened {
    match advanced {
        Ok(Advanced { opened: Some(opened), .. }) => opened,
        Ok(Advanced { prompt, .. }) => panic!("no session, but a prompt: {prompt:?}"),
        Err(error) => panic!("no session: {}", crate::with_causes(&error)),
    }
}

/// Runs `of` that often at the same time, each in a task of its own, all let go together; the results in order.
///
/// # Panics
/// When one of them does.
pub async fn in_parallel<T, F>(times: usize, of: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(times));
    let tasks: Vec<_> = (0..times)
        .map(|at| {
            let (start, work) = (Arc::clone(&start), of(at));
            tokio::spawn(async move {
                start.wait().await;
                work.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        match task.await {
            Ok(result) => results.push(result),
            Err(error) => panic!("a task of {times} failed: {error}"),
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Aal;

    #[tokio::test]
    async fn people_are_there_at_once_and_different() {
        let bed = TestBed::new().await;
        let (one, two) = (bed.user().create().await, bed.user().name("Bob").create().await);
        assert_ne!((one.id, &one.email), (two.id, &two.email));
        assert_eq!(bed.mail().await.len(), 0);
        let session = bed.signed_in(one.id).await;
        let checked = bed.ciam.sessions().check(session.bearer.expose()).await.unwrap().unwrap();
        assert_eq!((checked.user, bed.ciam.sessions().level(&checked)), (one.id, Aal::Aal1));
        let strong = bed.signed_in_with_two_factors(two.id).await;
        assert_eq!(bed.ciam.sessions().level(&strong.session), Aal::Aal2);
    }

    #[tokio::test]
    async fn messages_are_found_by_their_address() {
        let bed = TestBed::new().await;
        bed.browser().sign_up_until_code("ada@example.com", "vermilion otter quays").await;
        bed.browser().sign_up_until_code("bob@example.com", "vermilion otter quays").await;
        assert_eq!(bed.mail_to("ada@example.com").await.len(), 1);
        let (link, ticket) = (bed.link_for("ada@example.com").await, bed.ticket_for("ada@example.com").await);
        assert_eq!(link, format!("http://localhost:8080/verify?ticket={ticket}"));
    }
}
