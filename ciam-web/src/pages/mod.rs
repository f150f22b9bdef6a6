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
