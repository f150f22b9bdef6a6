//! Signing a client in and out: the moment at which it gets its session, and the end of it.

use axum::response::Redirect;
use ciam_core::sessions::{Opened, SessionError};
use ciam_core::with_causes;

use crate::cookies::SetCookie;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::web::Web;
use ciam_core::journeys::LocalPath;

/// Where people go who did not say where.
pub(crate) const ACCOUNT: &str = "/account";

/// The cookies of a session just opened: its own, which takes the place of the one that this client had before, and the
/// one by which the account knows the device from now on.
pub(crate) async fn cookie(web: &Web, former: Option<&CurrentUser>, opened: &Opened) -> (SetCookie, Option<SetCookie>) {
    if let Some(former) = former
        && let Err(error) = web.identity().sessions().supersede(&former.cause(), former.session()).await
    {
        let session = former.session().id;
        tracing::warn!(error = with_causes(&error), %session, "a session goes on that a new sign-in should have ended");
    }
    let age = opened.session.absolute_end.since(web.identity().clock().now());
    let device = opened.device.as_ref().map(|secret| web.cookies().set_device(secret));
    (web.cookies().set_session(opened.session.user, &opened.bearer, age), device)
}

/// Ends the session of this request; that it has ended already is as good.
pub(crate) async fn end(web: &Web, user: &CurrentUser) -> Result<(), Problem> {
    match web.identity().sessions().end(&user.cause(), user.id(), user.session().id).await {
        Err(SessionError::Unknown) => Ok(()),
        ended => Ok(ended?),
    }
}

/// To where the person wanted to go, otherwise to the account.
pub(crate) fn go_on(web: &Web, return_to: Option<&LocalPath>) -> Redirect {
    return_to.map_or_else(|| web.redirect(ACCOUNT), |path| Redirect::to(path.as_str()))
}
