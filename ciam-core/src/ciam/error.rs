//! Why an engine could not be built.

use crate::authenticators::Method;
use crate::brand::InvalidBrand;
use crate::config::{InvalidPathPrefix, InvalidPublicUrl};
use crate::identifiers::InvalidPolicy;
use crate::language::InvalidLanguage;
use crate::messages::Channel;
use crate::passwords::{InvalidArgon2Options, PepperError};
use crate::store::StoreError;
use crate::vault::InvalidMasterKey;

/// Why the engine could not be built. Each says what to do, in `Debug` too: that is what a `main` that returns
/// it prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No store was given.
    #[error("no store was given: call .store(…) with a SqliteStore, a PostgresStore or a MemoryStore")]
    NoStore,
    /// No messenger was given.
    #[error("no messenger was given: call .messenger(…) with an SmtpMessenger, or with a Mailbox in development")]
    NoMessenger,
    /// Sign-up of an application asks for what no message of ours would reach.
    #[error(
        "{application} has people sign up by what a message of the channel {channel} proves, and the messenger carries \
         none: give .messenger(…) one more with ByChannel, such as an HttpSmsMessenger, or change the identifiers"
    )]
    NoCarrier {
        /// The application's name.
        application: String,
        /// The channel.
        channel: Channel,
    },
    /// The public URL is none.
    #[error(transparent)]
    PublicUrl(#[from] InvalidPublicUrl),
    /// The path prefix is none.
    #[error(transparent)]
    PathPrefix(#[from] InvalidPathPrefix),
    /// A public site has no master key, and one that is made up would be lost or lie beside the database.
    #[error(
        "no master key was given: call .master_key(…) with 32 random bytes in base64 that the database's backup does not hold"
    )]
    NoMasterKey,
    /// The file of the key in development cannot be read or written.
    #[error("the file of the master key in development cannot be read or written")]
    KeyFile(#[source] std::io::Error),
    /// The file of the key in development holds no key.
    #[error("the file of the master key in development holds no master key")]
    KeyFileContent(#[from] InvalidMasterKey),
    /// Two steps of the host's have one name.
    #[error("two steps are called {0}: a step's name is its own")]
    DuplicateStep(String),
    /// Two authenticators have one method, or one has that of the password.
    #[error("two authenticators are of the method {0}: a method is one authenticator's")]
    DuplicateAuthenticator(Method),
    /// Two applications of the host's have one key.
    #[error("two applications have the key {0:?}: a key is one application's")]
    DuplicateApplication(String),
    /// The policy of an application contradicts itself.
    #[error("the identifiers of {application} cannot be as they are set")]
    Identifiers {
        /// The application's name.
        application: String,
        /// What is wrong.
        source: InvalidPolicy,
    },
    /// The brand of an application cannot be used.
    #[error("the brand of {application} cannot be used")]
    Brand {
        /// The application's name.
        application: String,
        /// What is wrong.
        source: InvalidBrand,
    },
    /// A language cannot be added.
    #[error(transparent)]
    Language(#[from] InvalidLanguage),
    /// The password hasher cannot run.
    #[error(transparent)]
    Hasher(#[from] InvalidArgon2Options),
    /// There is no pepper of the version that was asked for.
    #[error(transparent)]
    Pepper(#[from] PepperError),
    /// A pepper was asked for, and the hasher is the host's own, which would leave it out.
    #[error("a pepper was asked for, and the hasher is your own: leave out .pepper(…) or .hasher(…)")]
    PepperOfOwnHasher,
    /// The store was begun with another master key: what waits in it would be lost.
    #[error(
        "the master key is not the one of this database: start with that one, or, if it is lost, give up what was \
         sealed under it with `ciam keys adopt`"
    )]
    OtherKey,
    /// The store cannot be made ready.
    #[error("the store cannot be made ready")]
    Store(#[from] StoreError),
}

impl std::fmt::Debug for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::with_causes(self))
    }
}
