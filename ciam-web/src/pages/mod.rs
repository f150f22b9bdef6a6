//! The pages: complete without scripts, each a rendering of what the engine says.

mod account;
mod journeys;
mod mailbox;
mod profile;
mod security;
mod sessions;
mod sign_out;
mod verify;

use axum::Router;

use crate::web::Web;

pub(crate) fn routes(with_mailbox: bool) -> Router<Web> {
    let pages = Router::new()
        .merge(journeys::routes())
        .merge(verify::routes())
        .merge(sign_out::routes())
        .merge(account::routes())
        .merge(profile::routes())
        .merge(security::routes())
        .merge(sessions::routes());
    if with_mailbox { pages.merge(mailbox::routes()) } else { pages }
}

/// What stands at the root of the site, whatever the prefix of ciam's paths is.
pub(crate) fn well_known() -> Router<Web> {
    security::well_known_routes()
}
