//! User agents in words that people read.

use super::Wording;

// Order matters: nearly every browser claims to be several others.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
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

impl Wording {
    /// `Firefox on Windows`, for someone to recognise their own device by. A guess that decides nothing; it holds
    /// nothing of what the client sent.
    #[must_use]
    pub fn device(&self, user_agent: Option<&str>) -> String {
        let text = user_agent.unwrap_or_default();
        let known =
            |names: &[(&str, &'static str)]| names.iter().find(|(sign, _)| text.contains(sign)).map(|(_, name)| *name);
        match (known(&BROWSERS), known(&SYSTEMS)) {
            (Some(browser), Some(system)) => {
                self.say("device", &[("browser", browser.into()), ("system", system.into())])
            }
            (Some(only), None) => only.to_owned(),
            (None, Some(system)) => self.say("device-app-on", &[("system", system.into())]),
            (None, None) if text.contains("okhttp/") => self.say("device-app", &[]),
            (None, None) => self.say("device-unknown", &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::language::Languages;

    #[test]
    fn devices_are_recognised() {
        let (english, dutch) = (Languages::builtin().english(), Languages::builtin().wording(&"nl".parse().unwrap()));
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
            ("okhttp/4.12.0", "An app"),
            ("Shop/3 (Android 15)", "An app on Android"),
            ("<script>", "An unknown browser or app"),
        ] {
            assert_eq!(english.device(Some(agent)), name);
        }
        assert_eq!(dutch.device(Some("Firefox/130.0 Windows")), "Firefox op Windows");
        assert_eq!(dutch.device(None), "Een onbekende browser of app");
    }
}
