//! What sessions are called: as their owners say, otherwise by what their clients seem to be.

use super::{Session, SessionError, SessionId, Sessions};
use crate::events::{Cause, NewEvent};
use crate::id::UserId;
use crate::store::Work;
use crate::users::{DisplayName, Standing};

impl Session {
    /// What the session is called: as its owner has named it, otherwise what its client seems to be.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.label {
            Some(label) => label.as_str().to_owned(),
            None => device(self.user_agent.as_deref()),
        }
    }
}

impl Sessions {
    /// Names a session of the user, or takes its name away, so that it is called again what its client seems to be.
    /// The name is its owner's own word for a device and decides nothing.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] when the user has no such session (any more), also when somebody else has;
    /// [`SessionError::Store`].
    pub async fn rename(
        &self,
        by: &Cause,
        user: UserId,
        id: SessionId,
        label: Option<DisplayName>,
    ) -> Result<Session, SessionError> {
        let label = &label;
        self.store.transact(|work| async move { self.rename_in(&work, by, user, id, label.clone()).await }).await
    }

    /// As [`Sessions::rename`], in the caller's unit.
    ///
    /// # Errors
    /// As [`Sessions::rename`].
    pub async fn rename_in(
        &self,
        work: &Work,
        by: &Cause,
        user: UserId,
        id: SessionId,
        label: Option<DisplayName>,
    ) -> Result<Session, SessionError> {
        let (session, standing) = (work.get::<Session>(id).await?, work.get::<Standing>(user).await?);
        let (Some(mut session), Some(standing)) = (session, standing) else { return Err(SessionError::Unknown) };
        self.memory.seen.apply([&mut session]);
        if session.user != user || !self.limits.allow(&session, &standing, work.now()) {
            return Err(SessionError::Unknown);
        }
        if session.label != label {
            session.label = label;
            work.replace(&session)?;
            work.record(NewEvent::new("session.renamed", by).about(user).with("session", id.to_string()))?;
        }
        Ok(session)
    }
}

/// `Firefox on Windows`, for someone to recognise their own device by. A guess that decides nothing.
#[must_use]
pub fn device(user_agent: Option<&str>) -> String {
    // Order matters: nearly every browser claims to be several others.
    const BROWSERS: [(&str, &str); 10] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
        ("okhttp/", "An app"),
    ];
    const SYSTEMS: [(&str, &str); 8] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Macintosh", "macOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let Some(text) = user_agent else { return "An unknown browser or app".to_owned() };
    let known =
        |names: &[(&str, &'static str)]| names.iter().find(|(sign, _)| text.contains(sign)).map(|(_, name)| *name);
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) => only.to_owned(),
        (None, Some(system)) => format!("An app on {system}"),
        (None, None) => "An unknown browser or app".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_recognised() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36 Edg/128.0.0.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.9.1", "curl"),
            ("<script>", "An unknown browser or app"),
        ] {
            assert_eq!(device(Some(agent)), name);
        }
    }
}
