//! axum for ciam: pages, JSON API and sessions around an application's own routes.
//!
//! # I want to …
//!
//! * **add sign-up, sign-in and accounts to my app**: [`mount`] it;
//! * **know who is signed in**: take a [`CurrentUser`] in the handler, or an `Option<CurrentUser>` where strangers
//!   are welcome;
//! * **ask for a second factor**: take an [`Assured<Aal2>`](Assured);
//! * **ask for a proof that is not old**: take a [`Fresh<Minutes<5>>`](Fresh);
//! * **protect a whole router**: [`require_sign_in`], [`require`];
//! * **keep something of visitors who are not signed in**: take a [`Visitor`];
//! * **test my app**: `testing` (feature `testing`);
//! * **show development messages, a page for a step of my own, templates of my own, or another application**: see
//!   [`Mount`];
//! * **use it from a mobile app or a single-page app**: the JSON API describes itself at `/openapi.json`.
//!
//! What is added: the pages `/sign-up`, `/sign-in`, `/sign-out` (POST), `/recover`, `/step-up`, `/verify`, `/account`
//! and below it `add`, `profile`, `security` and `sessions`; `/.well-known/change-password`; the API under `/api/v1`;
//! `/openapi.json`; `/healthz` and `/readyz`; and what the pages are made of under `/_ciam`. Pages work without scripts. Handlers hold no rule: they show what the engine asks and
//! hand it what is answered.
//!
//! # What it holds to
//!
//! * A request that changes something and comes from another site is refused, on the host's routes too, by
//!   `Sec-Fetch-Site` and `Origin`; so forms need no token.
//! * The session's bearer is in a cookie that scripts cannot read and that no other site's form sends.
//! * Every response of ciam's forbids scripts, styles and frames that are not its own. No cache keeps it, except for
//!   stylesheets (a brand's too), the script, the icon and logos: their names change with their content, and they are
//!   kept for a year.
//! * Bodies, the time that they take, headers, targets and the depth of JSON are bounded before any work.
//! * What goes wrong is told in RFC 9457 [problem](Problem) documents (or as a page) with fixed texts.

mod api;
mod assets;
mod attendance;
mod body;
mod client;
mod cookies;
mod cross_site;
mod current_user;
mod error;
mod fresh;
mod headers;
mod health;
mod history;
mod limits;
mod metrics;
mod middleware;
mod moments;
mod mount;
mod pages;
mod path;
mod proxies;
mod reader;
mod require;
mod return_to;
mod signed_in;
mod templates;
#[cfg(feature = "testing")]
pub mod testing;
mod visitor;
mod web;

pub use current_user::{Assured, CurrentUser, Refusal};
pub use error::Problem;
pub use fresh::{Fresh, Hours, MaxAge, Minutes};
pub use mount::{Mount, MountError, mount};
pub use proxies::{ForwardingHeader, InvalidProxies, TrustedProxies};
pub use require::{Require, Required, require, require_sign_in};
pub use visitor::{GuestId, Visitor};

#[cfg(test)]
mod tests;
