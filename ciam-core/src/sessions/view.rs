//! Sessions as their owners see them.

use std::net::IpAddr;

use serde::Serialize;

use super::{Session, SessionError, SessionId, Sessions, amr_names};
use crate::clock::{Timestamp, rfc3339};
use crate::evidence::Aal;
use crate::id::UserId;
use crate::store::MAX_PAGE;
use crate::users::Standing;

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The id, with which it can be ended.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "ses_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"))]
    pub id: SessionId,
    /// Whose it is.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "usr_0191f0c04c3e7b7a8f3c2d1e0f9a8b7c"))]
    pub user: UserId,
    /// Its level now: `aal1`, `aal2` or `aal3` (NIST SP 800-63B-4).
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "aal1"))]
    pub assurance: Aal,
    /// How it was authenticated: values of RFC 8176, and `mail` for a code or link to an email address.
    pub amr: Vec<String>,
    /// When it was opened.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used any more; use moves it, up to the session's absolute end.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
    /// What it is called: as its owner has named it, otherwise what its client seems to be (`Firefox on Windows`).
    #[cfg_attr(feature = "openapi", schema(example = "Firefox on Windows"))]
    pub label: String,
    /// Whether its owner has named it.
    pub named: bool,
    /// What its client called itself.
    pub user_agent: Option<String>,
    /// The IP address that it was opened from.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ip: Option<IpAddr>,
    /// Whether it is the session that asked.
    pub current: bool,
}

impl Sessions {
    /// The session as its owner sees it.
    #[must_use]
    pub fn view(&self, session: &Session, current: Option<SessionId>) -> SessionView {
        SessionView {
            id: session.id,
            user: session.user,
            assurance: self.level(session),
            amr: amr_names(&session.assurance),
            created_at: session.created,
            last_seen_at: session.last_seen,
            expires_at: session.absolute_end.min(session.last_seen + self.limits.idle),
            label: session.label(),
            named: session.label.is_some(),
            user_agent: session.user_agent.clone(),
            ip: session.ip,
            current: current == Some(session.id),
        }
    }

    /// The user's sessions that are good, the latest first; at most 1,000.
    ///
    /// # Errors
    /// [`SessionError::Store`].
    pub async fn list(&self, user: UserId, current: Option<SessionId>) -> Result<Vec<SessionView>, SessionError> {
        let Some(standing) = self.store.get::<Standing>(user).await? else { return Ok(Vec::new()) };
        let now = self.store.clock().now();
        let query = Session::BY_USER.eq(&user).descending().limit(MAX_PAGE);
        let mut found = self.store.find(&query).await?.items;
        self.memory.seen.apply(&mut found);
        let good = found.iter().filter(|session| self.limits.allow(session, &standing, now));
        Ok(good.map(|session| self.view(session, current)).collect())
    }
}
