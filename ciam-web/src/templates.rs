//! The pages' templates.

use axum::response::{Html, IntoResponse, Response};
use ciam_core::config::PathPrefix;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, context};

use crate::assets;
use crate::error::Problem;

/// Enough for any page of ours; a template that loops is stopped.
const FUEL: u64 = 200_000;

/// Renders pages; everything that is put into one is escaped.
#[derive(Debug)]
pub(crate) struct Templates(Environment<'static>);

/// The prefix of the names under which the templates of the host's steps are kept.
const STEP: &str = "step/";

macro_rules! templates {
    ($env:ident, $($name:literal)*) => {
        $($env.add_template(concat!($name, ".html"), include_str!(concat!("../templates/", $name, ".html")))?;)*
    };
}

impl Templates {
    /// Each of ciam's own paths in a template begins with `{{ base }}`, the prefix below which they all lie.
    pub(crate) fn new(app_name: &str, base: &PathPrefix) -> Result<Self, minijinja::Error> {
        let mut env = Environment::new();
        env.set_auto_escape_callback(|_| AutoEscape::Html);
        env.set_formatter(write_escaped);
        env.set_undefined_behavior(UndefinedBehavior::Chainable);
        env.set_fuel(Some(FUEL));
        env.add_global("app", app_name);
        env.add_global("base", base.as_str());
        env.add_global("assets", Value::from(Serde(assets::paths(base))));
        templates!(env, "base" "journey" "hidden" "alert" "identify" "password" "new_password" "code" "confirmed" "refused"
            "verify" "verified" "problem" "signed_in" "account" "sessions" "mailbox");
        templates!(env, "identifier_field" "username_field" "recover" "reset_password" "completed" "continued_elsewhere"
            "verify_recovery" "step_up" "add_identifier" "security" "profile" "remove_identifier");
        Ok(Self(env))
    }

    /// Adds the template of a host's step.
    pub(crate) fn add_step(&mut self, name: &str, source: String) -> Result<(), minijinja::Error> {
        self.0.add_template_owned(format!("{STEP}{name}"), source)
    }

    /// The name of the template of a host's step, if it has one.
    pub(crate) fn step(&self, name: &str) -> Option<String> {
        let template = format!("{STEP}{name}");
        self.0.get_template(&template).is_ok().then_some(template)
    }

    /// A page. A template that cannot be rendered is a defect: the client gets the problem, the log the cause.
    pub(crate) fn page(&self, name: &str, context: Value) -> Response {
        match self.0.get_template(name).and_then(|template| template.render(context)) {
            Ok(text) => Html(text).into_response(),
            Err(error) => {
                tracing::error!(%error, template = name, "a page could not be rendered");
                Problem::internal().into_response()
            }
        }
    }

    /// A problem as a page.
    pub(crate) fn problem(&self, problem: &Problem) -> Option<Response> {
        let template = self.0.get_template("problem.html").ok()?;
        let context =
            context! { title => problem.title(), detail => problem.sentence(), way => problem.way().map(Serde) };
        let text = template.render(context).ok()?;
        let (status, headers) = problem.head();
        Some((status, headers, Html(text)).into_response())
    }
}

/// Escapes what HTML needs and nothing more: paths stay readable.
fn write_escaped(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let Some(text) = value.as_str().filter(|_| !value.is_safe()) else {
        return minijinja::escape_formatter(out, state, value);
    };
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, special) = rest.split_at(at);
        let escaped = match special.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        };
        out.write_str(plain)?;
        out.write_str(escaped)?;
        rest = &special[1..];
    }
    Ok(out.write_str(rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_put_into_a_page_is_inert() {
        let templates = Templates::new("Shop", &PathPrefix::default()).unwrap();
        let hostile = r#""><script>alert('1')</script>&amp;/x"#;
        let template = templates.0.get_template("identify.html").unwrap();
        let text = template
            .render(context! { kind => "sign_in", action => "/sign-in", journey => hostile, values => context! { identifier => hostile } })
            .unwrap();
        assert!(!text.contains("<script>"));
        let escaped = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;/x";
        assert_eq!(text.matches(escaped).count(), 2, "{text}");
    }
}
