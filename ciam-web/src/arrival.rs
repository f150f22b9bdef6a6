//! The moment at which a client gets its session.

use axum::response::Redirect;
use ciam_core::sessions::{Opened, SessionError, SessionId};

use crate::cookies::SetCookie;
use crate::current_user::CurrentUser;
use crate::error::Problem;
use crate::web::Web;
use ciam_core::journeys::LocalPath;

/// Where people go who did not say where.
pub(crate) const ACCOUNT: &str = "/account";

/// The cookie of a session just opened. The session that this client had before, if it had one, has ended:
/// nobody who knew its bearer shares in the new one or goes on with the old.
pub(crate) async fn cookie(web: &Web, former: Option<&CurrentUser>, opened: &Opened) -> Result<SetCookie, Problem> {
    if let Some(former) = former {
        end(web, former, former.session().id).await?;
    }
    let age = opened.session.absolute_end.since(web.identity().clock().now());
    Ok(web.cookies().set_session(&opened.bearer, age))
}

/// Ends a session of this user; that it has ended already is as good.
pub(crate) async fn end(web: &Web, user: &CurrentUser, session: SessionId) -> Result<(), Problem> {
    match web.identity().sessions().end(&user.cause(), user.id(), session).await {
        Ok(()) | Err(SessionError::Unknown) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// To where the person wanted to go, otherwise to the account.
pub(crate) fn go_on(return_to: Option<&LocalPath>) -> Redirect {
    Redirect::to(return_to.map_or(ACCOUNT, LocalPath::as_str))
}
