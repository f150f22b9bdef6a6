//! The shop's own page: a handler like any other of the host's.

use axum::extract::State;
use axum::response::Html;
use ciam::CurrentUser;
use ciam::web::Problem;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2a26; --paper: #f7f5ef; --accent: #14532d; --on-accent: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ece9; --paper: #131a17; --accent: #86efac; --on-accent: #052e16; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1.05rem/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header, main { max-width: 60rem; margin: 0 auto; padding: 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; align-items: center; justify-content: space-between; }
header strong { font-size: 1.15rem; letter-spacing: .02em; }
nav { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
h1 { font-size: clamp(2rem, 6vw, 3.4rem); line-height: 1.1; max-width: 18ch; margin: 3rem 0 1rem; }
p { max-width: 60ch; }
a { color: var(--accent); }
a, .button { display: inline-flex; align-items: center; min-height: 44px; }
.button { padding: 0 1.1rem; border-radius: .6rem; background: var(--accent); color: var(--on-accent);
  text-decoration: none; font-weight: 600; }
a:focus-visible { outline: 3px solid currentColor; outline-offset: 3px; border-radius: .4rem; }
";

/// What the shop is called.
#[derive(Clone)]
pub(crate) struct Name(pub(crate) String);

/// The shop's front page, for strangers and for customers.
pub(crate) async fn home(State(Name(name)): State<Name>, user: Option<CurrentUser>) -> Result<Html<String>, Problem> {
    let (links, greeting) = match &user {
        Some(user) => {
            let person = user.name().await?.map(|person| format!(", {}", escape(&person))).unwrap_or_default();
            (r#"<a class="button" href="/account">Your account</a>"#, format!("Welcome back{person}."))
        }
        None => (
            r#"<a href="/sign-in">Sign in</a><a class="button" href="/sign-up">Create account</a>"#,
            "Create an account to keep your orders and packing lists in one place.".to_owned(),
        ),
    };
    let shop = escape(&name);
    Ok(Html(format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shop}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{STYLE}</style></head>
<body><header><strong>{shop}</strong><nav aria-label="Account">{links}</nav></header>
<main><h1>Gear for the long way round</h1><p>{greeting}</p></main></body></html>"#
    )))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
