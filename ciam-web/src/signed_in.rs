//! Signing a client in and out: the moment at which it gets its session, and the end of it.

use axum::response::Redirect;
use ciam_core::sessions::{Opened, SessionError};

use crate::cookies::SetCookie;
use crate::current_user::CurrentUser;
use crate::error::{Problem, causes};
use crate::web::Web;
use ciam_core::journeys::LocalPath;

/// Where people go who did not say where.
pub(crate) const ACCOUNT: &str = "/account";

/// The cookie of a session just opened. The session that this client had before, if it had one, is ended:
/// nobody who knew its bearer shares in the new one or goes on with the old.
///
/// When the store does not take the end, the client gets the cookie all the same: the bearer can be had only
/// now, and without it there would be one session more that its person can neither use nor sign out of.
pub(crate) async fn cookie(web: &Web, former: Option<&CurrentUser>, opened: &Opened) -> SetCookie {
    if let Some(former) = former
        && let Err(error) = end_session(web, former).await
    {
        let session = former.session().id;
        tracing::warn!(error = causes(&error), %session, "a session goes on that a new sign-in should have ended");
    }
    let age = opened.session.absolute_end.since(web.identity().clock().now());
    web.cookies().set_session(opened.session.user, &opened.bearer, age)
}

/// Ends the session of this request; that it has ended already is as good.
pub(crate) async fn end(web: &Web, user: &CurrentUser) -> Result<(), Problem> {
    Ok(end_session(web, user).await?)
}

async fn end_session(web: &Web, user: &CurrentUser) -> Result<(), SessionError> {
    match web.identity().sessions().end(&user.cause(), user.id(), user.session().id).await {
        Err(SessionError::Unknown) => Ok(()),
        ended => ended,
    }
}

/// To where the person wanted to go, otherwise to the account.
pub(crate) fn go_on(web: &Web, return_to: Option<&LocalPath>) -> Redirect {
    return_to.map_or_else(|| web.redirect(ACCOUNT), |path| Redirect::to(path.as_str()))
}
