//! Passkeys: options for the browser, and judging what came back (WebAuthn Level 3).
//!
//! ```
//! use ciam_core::UserId;
//! use ciam_mfa::passkeys::{AssertionResponse, Challenge, Kept, NewPasskey, RegistrationResponse, RelyingParty, Sought};
//! # use ciam_mfa::testing::SoftAuthenticator;
//! # let mut browser = SoftAuthenticator::new("https://shop.example");
//! # let user: UserId = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c".parse()?;
//! # let (first, second) = (Challenge::new([1; 32]), Challenge::new([2; 32]));
//! let shop = RelyingParty::new("shop.example", "The shop", &["https://shop.example"])?;
//!
//! let options = shop.registration_options(&first, &NewPasskey { user, name: "ada", display_name: "Ada", known: &[] });
//! let response = browser.create(&options)?; // navigator.credentials.create() in a page
//! let registered = shop.judge_registration(&RegistrationResponse::from_value(&response)?, &[first], &[])?;
//!
//! let response = browser.get(&shop.discoverable_options(&second))?; // navigator.credentials.get()
//! let response = AssertionResponse::from_value(&response)?; // find the credential by response.credential_id()
//! let kept = Kept { owner: user, credential: &registered.credential, counter: registered.counter };
//! let proved = shop.judge_assertion(&response, &[second], Sought::Anybody, &kept)?;
//! assert!(proved.counter > registered.counter);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is left to the caller
//!
//! - **A challenge is good once.** Nothing is kept here, so the same response is right again for the same challenge.
//!   Give each turn of a journey a challenge of its own, and use the turn up in the unit that counts the proof, for a
//!   wrong response too (CVE-2026-28787).
//! - **A credential belongs to one account.** Keep it under [`CredentialId::digest`], so that the store refuses a
//!   second one (WebAuthn Level 3 §7.1, step 26).
//! - **The counter only grows.** Keep [`Proved::counter`] in the same unit, raised and never lowered.

mod assertion;
mod ceremonies;
mod challenge;
mod credential;
mod models;
mod options;
mod refusal;
mod registration;
mod relying_party;
mod response;

pub use assertion::{Kept, Proved, Sought};
pub use challenge::Challenge;
pub use credential::{Credential, CredentialId};
pub use options::NewPasskey;
pub use refusal::Refusal;
pub use registration::Registered;
pub use relying_party::{RelyingParty, RelyingPartyError};
pub use response::{AssertionResponse, RegistrationResponse};
