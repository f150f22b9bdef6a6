//! How applications look, and templates of a host's own.

use axum::http::header::CONTENT_SECURITY_POLICY;
use ciam_core::Application;
use ciam_core::brand::{Brand, Colour, CssVariable, Font, Logo, Palette};
use ciam_core::config::PublicUrl;
use ciam_core::events::Event;
use ciam_core::store::{MemoryStore, Position};
use ciam_core::vault::MasterKey;

use super::second_factors::FakeFactor;
use super::*;
use crate::MountError;

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";

fn green() -> Brand {
    Brand::new()
        .logo(Logo::new(SVG).unwrap())
        .dark_logo(Logo::new(b"\x89PNG\r\n\x1a\nx".to_vec()).unwrap())
        .light(Palette::light().accent(Colour::parse("#14532d").unwrap()))
        .radius(4)
        .font(Font::sans(&["Noto Sans"]).unwrap())
        .variable(CssVariable::new("shop-banner", "1.5rem").unwrap())
}

/// An engine with two applications, and a mount for each.
async fn two_shops() -> (TestBed, Router, Router) {
    leaks::log();
    let bed = TestBed::with(|builder| {
        let outlet = Application::new("outlet", "Outlet & <Co>")
            .public_url(PublicUrl::parse("https://outlet.example").unwrap())
            .language("nl".parse().unwrap())
            .brand(green());
        let key = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        builder.store(MemoryStore::new()).application(outlet).master_key(key)
    })
    .await;
    let shop = around(&bed, Router::new());
    let outlet = Mount::new(&bed.ciam).application("outlet").around(Router::new()).unwrap();
    (bed, shop, outlet)
}

/// The path of the asset with this name: what follows it is the sixteen digits of its content.
fn asset(page: &str, name: &str) -> String {
    let paths = page.split("\"/_ciam/").skip(1).filter_map(|rest| rest.split('"').next());
    let is_it = |path: &&str| path.strip_prefix(name).is_some_and(|rest| rest.len() > 17 && !rest[1..17].contains('-'));
    let path = paths.into_iter().find(is_it).unwrap_or_else(|| panic!("no {name}: {page}"));
    format!("/_ciam/{path}")
}

#[tokio::test]
async fn ac1_a_brand_is_files_of_its_own_and_a_logo_is_inert() {
    let (_, shop, outlet) = two_shops().await;
    let mut visitor = Visitor::browser(&outlet);
    let page = visitor.get("/sign-in").await;
    assert!(page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("style-src 'self'; script-src 'self'"));
    assert!(!page.body.contains("<style") && !page.body.contains(" style="), "{}", page.body);
    assert!(page.body.contains("alt=\"Outlet &amp; &lt;Co&gt;\""), "{}", page.body);

    let css = visitor.get(&asset(&page.body, "brand")).await;
    assert_eq!(css.headers[CONTENT_TYPE], "text/css; charset=utf-8");
    for wanted in
        ["--accent:#14532d", "--on-accent:#ffffff", "--radius:4px", "--shop-banner:1.5rem", "--font:\"Noto Sans\", "]
    {
        assert!(css.body.contains(wanted), "{wanted}: {}", css.body);
    }
    let dark = css.body.split("prefers-color-scheme:dark").nth(1).unwrap();
    assert!(dark.contains("--accent:#94a3ff"), "the dark scheme that was left out is ciam's own: {dark}");

    let logo = visitor.get(&asset(&page.body.replace("/_ciam/logo-dark-", ""), "logo")).await;
    assert_eq!((logo.headers[CONTENT_TYPE].to_str().unwrap(), logo.body.as_str()), ("image/svg+xml", SVG));
    let policy = logo.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
    assert_eq!(logo.headers["x-content-type-options"], "nosniff");
    assert!(asset(&page.body, "logo-dark").ends_with(".png"));
    assert!(page.body.contains("media=\"(prefers-color-scheme: dark)\""));

    let plain = Visitor::browser(&shop).get("/sign-in").await;
    assert!(!plain.body.contains("/_ciam/brand-") && plain.body.contains("class=\"mark\""), "{}", plain.body);
}

#[tokio::test]
async fn every_mount_is_its_own_application() {
    let (bed, shop, outlet) = two_shops().await;
    let (mut in_shop, mut in_outlet) = (Visitor::browser(&shop), Visitor::browser(&outlet));
    assert_eq!(in_shop.get("/sign-up").await.heading(), "Create your account");
    let page = in_outlet.get("/sign-up").await;
    assert_eq!(page.heading(), "Maak je account aan");
    assert!(in_outlet.jar.contains_key("__Host-ciam_browser"), "the cookies are those of its scheme");
    in_outlet.sign_up_until_code(EMAIL).await;
    let message = bed.mail().await.remove(0);
    assert!(message.subject.ends_with("is je code voor Outlet & <Co>"), "{}", message.subject);
    assert!(message.text.contains("https://outlet.example/verify?ticket="), "{}", message.text);
    let events = bed.ciam.store().tail::<Event>(Position::START, 100).await.unwrap();
    let asked = events.iter().find(|(_, event)| event.name == "sign_up.asked").unwrap();
    assert_eq!(asked.1.origin.application, Application::id_of("outlet"));

    // Each site's pages change something at their own site only.
    for (visitor, own, foreign) in [
        (&mut in_shop, "http://localhost:8080", "https://outlet.example"),
        (&mut in_outlet, "https://outlet.example", "http://localhost:8080"),
    ] {
        for (origin, status) in [(own, StatusCode::SEE_OTHER), (foreign, StatusCode::FORBIDDEN)] {
            let request = visitor.request(Method::POST, "/sign-out").header("origin", origin);
            let request = request.header(CONTENT_TYPE, FORM).body(Body::empty()).unwrap();
            assert_eq!(visitor.send(request).await.status, status, "{origin}");
        }
    }
    let unknown = Mount::new(&bed.ciam).application("nobody").around(Router::<()>::new());
    assert!(matches!(unknown, Err(MountError::UnknownApplication(key)) if key == "nobody"));
}

#[tokio::test]
async fn an_account_is_good_in_every_application() {
    let (bed, shop, outlet) = two_shops().await;
    Visitor::browser(&shop).sign_up(&bed, EMAIL).await;
    let mut visitor = Visitor::browser(&outlet);
    assert_eq!(visitor.sign_in(EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert!(visitor.get("/account").await.body.contains(EMAIL));
}

#[tokio::test]
async fn a_template_of_the_host_s_takes_the_place_of_one_of_ciam_s() {
    let bed =
        TestBed::with(|builder| builder.store(MemoryStore::new()).language("en", "shop-hi = Hi from { $app }")).await;
    let own = "{% extends \"ciam/identify.html\" %}{% block head %}<meta name=\"x\" content=\"{{ t('shop-hi', app=app) }}\">{% endblock %}";
    let mount = Mount::new(&bed.ciam).template("identify.html", own);
    let app = mount.around(Router::<()>::new()).unwrap();
    let page = Visitor::browser(&app).get("/sign-in").await;
    assert!(page.body.contains("<meta name=\"x\" content=\"Hi from Test Shop\">"), "{}", page.body);
    assert!(page.body.contains("name=\"email\""));

    let unknown = Mount::new(&bed.ciam).template("identfy.html", own).around(Router::<()>::new());
    assert!(matches!(unknown, Err(MountError::UnknownTemplate(name)) if name == "identfy.html"));
    let broken = Mount::new(&bed.ciam).template("identify.html", "{% if %}").around(Router::<()>::new());
    assert!(matches!(broken, Err(MountError::Template(_))));
    let text = format!("{:?}", broken.unwrap_err());
    assert!(text.starts_with("a template does not parse: syntax error"), "{text}");
    let endless = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
    let app = Mount::new(&bed.ciam).template("identify.html", endless).around(Router::<()>::new()).unwrap();
    assert_eq!(Visitor::browser(&app).get("/sign-in").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// The templates and their variables, as the guide lists them.
fn documented() -> BTreeMap<String, Vec<String>> {
    let guide = include_str!("../../../docs/branding-and-language.md");
    let table = guide.split("| template | gets |").nth(1).unwrap();
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut templates = BTreeMap::new();
    for line in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').collect();
        for template in words(cells[1]) {
            templates.insert(template, words(cells[2]));
        }
    }
    templates
}

#[tokio::test]
async fn templates_get_what_the_guide_says() {
    let bed = TestBed::with(|builder| {
        builder.store(MemoryStore::new()).authenticator(FakeFactor::app()).authenticator(FakeFactor::codes())
    })
    .await;
    let documented = documented();
    assert_eq!(documented.len(), 27);
    let mut mount = Mount::new(&bed.ciam).danger_show_mailbox(bed.mailbox.clone());
    for (template, variables) in &documented {
        let everywhere = ["t", "lang", "dir", "app", "base", "assets"].map(str::to_owned);
        let seen: String = variables
            .iter()
            .chain(&everywhere)
            .map(|name| format!("{{% if {name} is defined %}}{name}{{% else %}}MISSING-{name}{{% endif %}} "))
            .collect();
        let source =
            format!("{{% extends \"ciam/{template}\" %}}{{% block head %}}<!-- {template} {seen}-->{{% endblock %}}");
        mount = mount.template(template, source);
    }
    let app = mount.around(Router::<()>::new()).unwrap();
    let mut pages = Vec::new();
    let mut ada = Visitor::browser(&app);
    let mut page = ada.get("/sign-up").await;
    for fields in [&[("email", EMAIL)][..], &[("new_password", PASSWORD), ("name", "Ada")]] {
        pages.push(page.body.clone());
        page = ada.answer(&page, fields).await;
    }
    pages.push(page.body.clone());
    let ticket = bed.ticket_for(EMAIL).await;
    pages.push(ada.get(&format!("/verify?ticket={ticket}")).await.body);
    let code = bed.code_for(EMAIL).await;
    ada.submit(&page, &[("code", &code)]).await;
    for path in [
        "/account",
        "/account/profile",
        "/account/security",
        "/account/sessions",
        "/account/add",
        "/nowhere",
        "/dev/mailbox",
    ] {
        pages.push(ada.get(path).await.body);
    }
    pages.push(ada.get("/step-up").await.body);
    for method in ["recovery_code", "totp"] {
        let page = ada.get("/account/authenticators/add").await;
        pages.push(page.body.clone());
        let page = ada.answer(&page, &[("method", method)]).await;
        pages.push(page.body.clone());
        ada.submit(&page, &[("code", "123456")]).await;
    }
    let security = ada.get("/account/security").await.body;
    let remove = security.split("href=\"").find_map(|rest| rest.split('"').next().filter(|p| p.ends_with("/remove")));
    pages.push(ada.get(remove.unwrap()).await.body);
    let mut phone = Visitor::browser(&app);
    let page = phone.get("/sign-in").await;
    let page = phone.answer(&page, &[("email", EMAIL)]).await;
    pages.push(phone.answer(&page, &[("password", PASSWORD)]).await.body);
    let page = ada.get("/account/add?only=email").await;
    let page = ada.answer(&page, &[("email", "ada@work.example")]).await; // an only address is not to be removed
    ada.submit(&page, &[("code", &bed.code_for("ada@work.example").await)]).await;
    let profile = ada.get("/account/profile").await.body;
    let remove =
        profile.split("href=\"").find_map(|rest| rest.split('"').next().filter(|path| path.ends_with("/remove")));
    pages.push(ada.get(remove.unwrap()).await.body);
    let mut stranger = Visitor::browser(&app);
    let add = ada.get("/account/add?only=email").await;
    ada.answer(&add, &[("email", "ada@second.example")]).await;
    let ticket = bed.ticket_for("ada@second.example").await;
    pages.push(stranger.get(&format!("/verify?ticket={ticket}")).await.body);
    let recover = stranger.get("/recover").await;
    pages.push(recover.body.clone());
    stranger.answer(&recover, &[("email", EMAIL)]).await;
    let ticket = bed.ticket_for(EMAIL).await;
    pages.push(Visitor::browser(&app).get(&format!("/verify?ticket={ticket}")).await.body);
    let page = stranger.get("/sign-in").await;
    pages.push(stranger.answer(&page, &[("email", EMAIL)]).await.body);

    let shown: BTreeSet<&str> = pages.iter().filter_map(|page| page.split("<!-- ").nth(1)?.split(' ').next()).collect();
    let never = [
        "completed.html",
        "confirmed.html",
        "continued_elsewhere.html",
        "refused.html",
        "reset_password.html",
        "step_up.html",
    ];
    for template in documented.keys().filter(|template| !never.contains(&template.as_str())) {
        assert!(shown.contains(template.as_str()), "{template} was not shown, but {shown:?}");
    }
    for page in &pages {
        assert!(!page.contains("MISSING-"), "{page}");
    }
}
