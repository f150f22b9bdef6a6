//! Pages, API and sessions around the host's routes.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use ciam_core::Ciam;
use ciam_core::messages::Mailbox;
use ciam_core::secret::Secret;

use crate::assets::Assets;
use crate::error::Problem;
use crate::metrics::Figures;
use crate::proxies::TrustedProxies;
use crate::templates::Templates;
use crate::web::Web;
use crate::{api, health, limits, metrics, middleware, pages};

/// Adds ciam's pages, JSON API and sessions around the host's routes, with the defaults of [`Mount`].
///
/// ```
/// use axum::{Router, response::Html, routing::get};
/// use ciam_core::{Ciam, messages::Mailbox, store::MemoryStore};
/// use ciam_web::CurrentUser;
///
/// async fn home(user: Option<CurrentUser>) -> Html<&'static str> {
///     Html(if user.is_some() { "Welcome back" } else { r#"<a href="/sign-in">Sign in</a>"# })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Ciam::builder().store(MemoryStore::new()).messenger(Mailbox::new()).build().await?;
/// let app: Router = ciam_web::mount(Router::new().route("/", get(home)), &identity);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// At startup, when the host has a route at one of ciam's paths.
pub fn mount<S: Clone + Send + Sync + 'static>(app: Router<S>, identity: &Ciam) -> Router<S> {
    match Mount::new(identity).around(app) {
        Ok(app) => app,
        Err(error) => panic!("ciam cannot be mounted: {error:?}"),
    }
}

/// How ciam is put around an application.
///
/// Handlers of the host get [`CurrentUser`](crate::CurrentUser) and its relatives. Every request of the
/// whole application that changes something is refused when another site's page sent it. A panic in a
/// handler becomes the problem `internal`. An address that no route serves gets `not_found`, which
/// browsers see as a page, unless the host has a fallback whose answer has a body. Everything else of the
/// host's stays as it is.
#[derive(Debug, Clone)]
pub struct Mount {
    identity: Ciam,
    mailbox: Option<Mailbox>,
    application: Option<String>,
    replaced: Vec<(String, String)>,
    steps: Vec<(String, String)>,
    health: bool,
    proxies: TrustedProxies,
    figures: Option<Figures>,
}

/// Why an application cannot be mounted. Each says what to do, in `Debug` too: that is what a `main` that returns it
/// prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// A template does not parse.
    #[error("a template does not parse")]
    Template(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// ciam has no template of this name to be replaced.
    #[error("ciam has no template {0:?}: docs/branding-and-language.md lists them")]
    UnknownTemplate(String),
    /// The engine has no application of this key.
    #[error("there is no application {0:?}: give it to the builder with .application(…)")]
    UnknownApplication(String),
    /// The host has a route at one of ciam's paths. It is axum that notices, by a panic of its own, which the panic hook
    /// has printed before.
    #[error("a route of the application is at one of ciam's paths: {0}. Move it, or give ciam a path_prefix")]
    RouteTaken(String),
}

impl std::fmt::Debug for MountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&ciam_core::with_causes(self))
    }
}

impl From<minijinja::Error> for MountError {
    fn from(error: minijinja::Error) -> Self {
        Self::Template(Box::new(error))
    }
}

impl Mount {
    /// The defaults: the cookies' names and the site's origin follow from the engine's public URL: over https
    /// `__Host-ciam_session`, Secure; over http, which only loopback may use, `ciam_session`.
    #[must_use]
    pub fn new(identity: &Ciam) -> Self {
        Self {
            identity: identity.clone(),
            mailbox: None,
            application: None,
            replaced: Vec::new(),
            steps: Vec::new(),
            health: true,
            proxies: TrustedProxies::default(),
            figures: None,
        }
    }

    /// Shows what this mailbox got at `/dev/mailbox` and `/dev/mailbox.json`, to anybody who asks: codes
    /// and links with which accounts can be taken over. For development only.
    ///
    /// A request is answered only under the public URL's own host and port (on loopback, under any of its names): a page of
    /// another site cannot read it, not even when that site's name is made to lead here (DNS rebinding).
    #[must_use]
    pub fn danger_show_mailbox(mut self, mailbox: Mailbox) -> Self {
        self.mailbox = Some(mailbox);
        self
    }

    /// The proxies that are believed when they say which address a request comes from (default none). Limits and
    /// events go by that address.
    ///
    /// ```
    /// # fn behind(mount: ciam_web::Mount) -> Result<ciam_web::Mount, ciam_web::InvalidProxies> {
    /// Ok(mount.trusted_proxies("10.0.0.0/8, ::1".parse()?))
    /// # }
    /// ```
    ///
    /// The attack that it stops: a client that writes another address into every request has a counter for each, and
    /// one that writes its victim's fills the victim's.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Serves the application with this key, which the builder was given with
    /// [`CiamBuilder::application`](ciam_core::CiamBuilder::application), instead of the default one: under its name
    /// and its public URL, with its look, its language and its policy. Another application is another mount around
    /// another router; who gets which request, by its host name for example, is the host's to say.
    #[must_use]
    pub fn application(mut self, key: impl Into<String>) -> Self {
        self.application = Some(key.into());
        self
    }

    /// Puts a template of the host's own in the place of one of ciam's, such as `identify.html` or `base.html`. It is
    /// minijinja, everything in it is escaped, and `{{ t("key") }}` says a text in the reader's language; ciam's own is
    /// there as `ciam/identify.html`. The guide "Branding and language" lists the templates and what they get.
    ///
    /// ```
    /// # fn page(mount: ciam_web::Mount) -> ciam_web::Mount {
    /// mount.template("base.html", r#"{% extends "ciam/base.html" %}
    /// {% block head %}<link rel="stylesheet" href="/shop.css">{% endblock %}"#)
    /// # }
    /// ```
    #[must_use]
    pub fn template(mut self, name: impl Into<String>, source: impl Into<String>) -> Self {
        self.replaced.push((name.into(), source.into()));
        self
    }

    /// The page of a [`CustomStep`](ciam_core::journeys::CustomStep): a minijinja template in which everything
    /// is escaped. `prompt.data` is what the step shows; the fields of its form are the answer, as texts.
    /// Without one, the step is for clients of the JSON API only.
    ///
    /// ```
    /// # fn page(mount: ciam_web::Mount) -> ciam_web::Mount {
    /// mount.step_page("house_rules", r#"{% extends "journey.html" %}
    /// {% block title %}House rules{% endblock %}
    /// {% block main %}
    /// <form class="card" method="post" action="{{ action }}">
    /// <h1>House rules</h1>
    /// {% include "alert.html" %}
    /// {% set answer = "custom" %}{% include "hidden.html" %}
    /// <p>{{ prompt.data.text }}</p>
    /// <button id="main" class="main" name="accepted" value="yes" type="submit">I accept</button>
    /// </form>
    /// {% endblock %}"#)
    /// # }
    /// ```
    #[must_use]
    pub fn step_page(mut self, step: impl Into<String>, template: impl Into<String>) -> Self {
        self.steps.push((step.into(), template.into()));
        self
    }

    /// Shows figures at `/metrics`, in Prometheus' text format: what `render` gives, such as
    /// `move || handle.render()` with the handle of `metrics-exporter-prometheus`.
    ///
    /// They are shown to programs on this machine only: to connections from loopback, by a loopback name, without a
    /// header that a proxy adds. Everybody else is told that there is no such page. A proxy on this machine that
    /// adds no such header and hands a loopback name on speaks for the whole world: let it refuse `/metrics`, or
    /// ask for a [token](Self::metrics_with_token).
    #[must_use]
    pub fn metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.figures = Some(Figures::new(render));
        self
    }

    /// Shows figures as [`Mount::metrics`] does, but to whoever sends this token (`Authorization: Bearer …`), from
    /// anywhere, and to nobody else. It should be random, of 128 bits or more; an empty one shows them to nobody.
    #[must_use]
    pub fn metrics_with_token(
        mut self,
        token: &Secret<String>,
        render: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        self.figures = Some(Figures::new(render).with_token(token));
        self
    }

    /// Leaves `/healthz` and `/readyz` to the host.
    #[must_use]
    pub const fn without_health(mut self) -> Self {
        self.health = false;
        self
    }

    /// The host's routes with ciam around them.
    ///
    /// ciam's own routes lie below [`CiamBuilder::path_prefix`](ciam_core::CiamBuilder::path_prefix), save for
    /// `/healthz`, `/readyz` and `/metrics`, which are the whole application's.
    ///
    /// # Errors
    /// [`MountError::Template`] when a template does not parse; [`MountError::UnknownTemplate`] when there is none to be
    /// replaced; [`MountError::UnknownApplication`]; [`MountError::RouteTaken`] when the host has a
    /// route at one of ciam's paths.
    pub fn around<S: Clone + Send + Sync + 'static>(self, app: Router<S>) -> Result<Router<S>, MountError> {
        let prefix = self.identity.config().path_prefix.clone();
        let application = match &self.application {
            None => self.identity.config().application.clone(),
            Some(key) => {
                let mut applications = self.identity.config().applications();
                let found = applications.find(|application| application.key == *key).cloned();
                found.ok_or_else(|| MountError::UnknownApplication(key.clone()))?
            }
        };
        let assets = Assets::new(&application.brand);
        let mut templates = Templates::new(&application.name, &prefix, &assets)?;
        for (name, source) in self.replaced {
            templates.replace(&name, source)?;
        }
        for (step, source) in self.steps {
            templates.add_step(&step, source)?;
        }
        let web = Web::new(self.identity, application, templates, self.mailbox, self.proxies);
        let (api, document) = api::routes();
        let own = Router::<Web>::new()
            .merge(pages::routes(web.mailbox().is_some()))
            .merge(api)
            .merge(api::document(document, &prefix))
            .merge(assets.routes());
        let own = if prefix.as_str().is_empty() { own } else { Router::new().nest(prefix.as_str(), own) };
        let own = own.merge(pages::well_known());
        let own = if self.health { own.merge(health::routes()) } else { own };
        let own = match self.figures {
            Some(figures) => own.merge(figures.routes()),
            None => own,
        };
        let own = own
            .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
            .layer(from_fn(limits::enforce))
            .layer(from_fn(metrics::count))
            .layer(from_fn_with_state(web.clone(), middleware::protect))
            .with_state::<S>(web.clone());
        Ok(merged(app, own)?.layer(middleware::Attend(web)))
    }
}

/// Both routers in one. [`Router::merge`] panics where both have a route and gives no other way to tell; neither
/// router is seen again when it does. What it says goes to the panic hook, too.
fn merged<S: Clone + Send + Sync + 'static>(app: Router<S>, own: Router<S>) -> Result<Router<S>, MountError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| app.merge(own))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        MountError::RouteTaken(text.unwrap_or_default())
    })
}
