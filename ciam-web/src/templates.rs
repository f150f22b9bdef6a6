//! The pages' templates.

use std::sync::Arc;

use axum::response::{Html, IntoResponse, Response};
use ciam_core::config::PathPrefix;
use ciam_core::language::{Argument, Wording};
use minijinja::value::{Kwargs, Object, Serde, Value, ValueKind, from_args};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, context};

use crate::assets::Assets;
use crate::error::Problem;
use crate::mount::MountError;

/// Enough for any page of ours; a template that loops is stopped.
const FUEL: u64 = 200_000;

/// Renders pages; everything that is put into one is escaped.
#[derive(Debug)]
pub(crate) struct Templates(Environment<'static>);

/// The prefix of the names under which ciam's templates are kept that a host has replaced.
const FORMER: &str = "ciam/";
/// The prefix of the names under which the templates of the host's steps are kept.
const STEP: &str = "step/";

macro_rules! templates {
    ($env:ident, $($name:literal)*) => {
        $($env.add_template(concat!($name, ".html"), include_str!(concat!("../templates/", $name, ".html")))?;)*
    };
}

impl Templates {
    /// Each of ciam's own paths in a template begins with `{{ base }}`, the prefix below which they all lie.
    pub(crate) fn new(app_name: &str, base: &PathPrefix, assets: &Assets) -> Result<Self, Error> {
        let mut env = Environment::new();
        env.set_auto_escape_callback(|_| AutoEscape::Html);
        env.set_formatter(write_escaped);
        env.set_undefined_behavior(UndefinedBehavior::Chainable);
        env.set_fuel(Some(FUEL));
        env.add_filter("strong", strong);
        env.add_filter("time", time);
        env.add_global("app", app_name);
        env.add_global("base", base.as_str());
        env.add_global("assets", Value::from(Serde(assets.paths(base))));
        templates!(env, "base" "journey" "hidden" "alert" "identify" "password" "new_password" "code" "otp" "others" "enrol" "totp_create" "recovery_codes" "remove_authenticator" "confirmed" "refused"
            "verify" "verified" "problem" "signed_in" "account" "sessions" "mailbox");
        templates!(env, "identifier_field" "username_field" "recover" "reset_password" "completed" "continued_elsewhere" "verify_by_code"
            "verify_recovery" "step_up" "add_identifier" "security" "profile" "remove_identifier");
        Ok(Self(env))
    }

    /// Puts a host's template in the place of one of ciam's, which is then called `ciam/` and its name.
    pub(crate) fn replace(&mut self, name: &str, source: String) -> Result<(), MountError> {
        let Ok(own) = self.0.get_template(name) else { return Err(MountError::UnknownTemplate(name.to_owned())) };
        let (own, former) = (own.source().to_owned(), format!("{FORMER}{name}"));
        if self.0.get_template(&former).is_err() {
            self.0.add_template_owned(former, own)?;
        }
        Ok(self.0.add_template_owned(name.to_owned(), source)?)
    }

    /// Adds the template of a host's step.
    pub(crate) fn add_step(&mut self, name: &str, source: String) -> Result<(), Error> {
        self.0.add_template_owned(format!("{STEP}{name}"), source)
    }

    /// The name of the template of a host's step, or authenticator, if it has one.
    pub(crate) fn step(&self, name: &str) -> Option<String> {
        let template = format!("{STEP}{name}");
        self.0.get_template(&template).is_ok().then_some(template)
    }

    /// A page. A template that cannot be rendered is a defect: the client gets the problem, the log the cause.
    pub(crate) fn page(&self, name: &str, context: Value, wording: &Wording) -> Response {
        match self.render(name, context, wording) {
            Ok(text) => Html(text).into_response(),
            Err(error) => {
                tracing::error!(%error, template = name, "a page could not be rendered");
                Problem::internal().into_response()
            }
        }
    }

    /// A problem as a page.
    pub(crate) fn problem(&self, problem: &Problem, wording: &Wording) -> Option<Response> {
        let context = context! {
            title => problem.title(wording),
            detail => problem.sentence(wording),
            way => problem.way().map(Serde),
        };
        let text = self.render("problem.html", context, wording).ok()?;
        let (status, headers) = problem.head();
        Some((status, headers, Html(text)).into_response())
    }

    fn render(&self, name: &str, context: Value, wording: &Wording) -> Result<String, Error> {
        let language = wording.language();
        let context = context! {
            t => Value::from_object(Texts(wording.clone())),
            lang => language.as_str(),
            dir => if language.is_right_to_left() { "rtl" } else { "ltr" },
            ..context
        };
        self.0.get_template(name)?.render(context)
    }
}

/// `t("key", name=value)` in a template: the text in the language of the page.
#[derive(Debug)]
struct Texts(Wording);

/// Around the number of a piece of markup while a text is escaped: characters of no language.
const MARK: (char, char) = ('\u{F0000}', '\u{F0001}');

impl Object for Texts {
    /// What is put into a text is escaped with it, save for what a template has made markup, as `strong` does.
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (key, values): (&str, Kwargs) = from_args(args)?;
        let mut markup: Vec<String> = Vec::new();
        let mut about: Vec<(&str, Argument<'_>)> = Vec::new();
        for name in values.args() {
            let value: Value = values.get(name)?;
            let argument = match value.kind() {
                ValueKind::Number => u64::try_from(value.clone())?.into(),
                _ if value.is_safe() => {
                    markup.push(unmarked(&value));
                    format!("{}{}{}", MARK.0, markup.len() - 1, MARK.1).into()
                }
                _ => unmarked(&value).into(),
            };
            about.push((name, argument));
        }
        let text = self.0.say(key, &about);
        if markup.is_empty() {
            return Ok(Value::from(text));
        }
        let mut html = escaped(&text);
        for (at, markup) in markup.iter().enumerate() {
            html = html.replace(&format!("{}{at}{}", MARK.0, MARK.1), markup);
        }
        Ok(Value::from_safe_string(html))
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        None
    }
}

/// The value without what stands for markup.
fn unmarked(value: &Value) -> String {
    value.to_string().replace([MARK.0, MARK.1], "")
}

/// `value | strong`: the value, standing out, to be put into a text.
fn strong(value: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "there is nothing to stand out"));
    }
    Ok(Value::from_safe_string(format!("<span class=\"strong\">{}</span>", escaped(&value.to_string()))))
}

/// `moment | time`: how long ago it was, to be put into a text, and the moment itself for programs.
fn time(moment: &Value) -> Result<Value, Error> {
    let (at, ago) = (moment.get_attr("at")?.to_string(), moment.get_attr("ago")?.to_string());
    Ok(Value::from_safe_string(format!("<time datetime=\"{}\">{}</time>", escaped(&at), escaped(&ago))))
}

/// Escapes what HTML needs and nothing more: paths stay readable.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, special) = rest.split_at(at);
        html.push_str(plain);
        html.push_str(match special.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &special[1..];
    }
    html.push_str(rest);
    html
}

fn write_escaped(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) => Ok(out.write_str(&escaped(text))?),
        None => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
mod tests {
    use ciam_core::brand::Brand;
    use ciam_core::language::Languages;

    use super::*;

    const HOSTILE: &str = r#""><script>alert('1')</script>&amp;/x"#;
    const INERT: &str = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;/x";

    fn rendered(name: &str, context: Value) -> String {
        let dutch = Languages::builtin().wording(&"nl".parse().unwrap());
        Templates::new("Shop", &PathPrefix::default(), &Assets::new(&Brand::default()))
            .unwrap()
            .render(name, context, &dutch)
            .unwrap()
    }

    #[test]
    fn whatever_is_put_into_a_page_is_inert() {
        let values = context! { identifier => HOSTILE };
        let text = rendered(
            "identify.html",
            context! { kind => "sign_in", action => "/sign-in", journey => HOSTILE, values => values },
        );
        assert!(!text.contains("<script>"));
        assert_eq!(text.matches(INERT).count(), 2, "{text}");
    }

    #[test]
    fn whatever_is_put_into_a_text_is_inert_and_only_a_template_makes_markup() {
        let forged = format!("{}0{}<b>", MARK.0, MARK.1);
        for (hostile, inert) in [(HOSTILE, INERT), (&forged, "0&lt;b&gt;")] {
            let prompt = context! { to => hostile, length => 6 };
            let text = rendered("code.html", context! { prompt => prompt, good_for => "x" });
            let whole = format!("gestuurd naar <span class=\"strong\">{inert}</span>. Vul de code van 6 cijfers in");
            assert!(text.contains(&whole), "{text}");
            assert!(!text.contains("<script>"));
            let text = rendered("account.html", context! { name => hostile });
            assert!(text.contains(&format!("<h1>Hallo {inert}</h1>")), "{text}");
        }
    }
}
