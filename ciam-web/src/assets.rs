//! Stylesheets, the script and pictures, under names that change with their content.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::get;
use ciam_core::brand::{Brand, Logo, Palette};
use ciam_core::config::PathPrefix;

/// A picture can bring styles of its own and nothing else: opened by itself, it runs nothing and loads nothing.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A file that pages are made of.
#[derive(Debug, Clone)]
struct Asset {
    path: String,
    content_type: &'static str,
    content: Bytes,
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, content: Bytes) -> Self {
        Self { path: format!("/_ciam/{name}-{:016x}.{extension}", fingerprint(&content)), content_type, content }
    }

    fn fixed(name: &str, extension: &str, content_type: &'static str, content: &'static str) -> Self {
        Self::new(name, extension, content_type, Bytes::from_static(content.as_bytes()))
    }

    fn logo(name: &str, logo: &Logo) -> Self {
        let extension = if logo.content_type() == "image/png" { "png" } else { "svg" };
        Self::new(name, extension, logo.content_type(), Bytes::from_owner(logo.bytes().clone()))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        if self.content_type.starts_with("image/") {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY));
        }
        headers
    }
}

/// The files that the pages of an application are made of.
#[derive(Debug)]
pub(crate) struct Assets {
    style: Asset,
    script: Asset,
    icon: Asset,
    brand: Option<Asset>,
    logo: Option<Asset>,
    dark_logo: Option<Asset>,
}

/// The paths for templates.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Paths {
    style: String,
    script: String,
    icon: String,
    brand: Option<String>,
    logo: Option<String>,
    dark_logo: Option<String>,
}

impl Assets {
    pub(crate) fn new(brand: &Brand) -> Self {
        let css = "text/css; charset=utf-8";
        Self {
            style: Asset::fixed("ciam", "css", css, include_str!("../assets/ciam.css")),
            script: Asset::fixed("ciam", "js", "text/javascript; charset=utf-8", include_str!("../assets/ciam.js")),
            icon: Asset::fixed("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
            brand: stylesheet(brand).map(|text| Asset::new("brand", "css", css, Bytes::from(text))),
            logo: brand.logo.as_ref().map(|logo| Asset::logo("logo", logo)),
            dark_logo: brand.dark_logo.as_ref().map(|logo| Asset::logo("logo-dark", logo)),
        }
    }

    pub(crate) fn paths(&self, base: &PathPrefix) -> Paths {
        let path = |asset: &Asset| base.join(&asset.path);
        Paths {
            style: path(&self.style),
            script: path(&self.script),
            icon: path(&self.icon),
            brand: self.brand.as_ref().map(path),
            logo: self.logo.as_ref().map(path),
            dark_logo: self.dark_logo.as_ref().map(path),
        }
    }

    /// The routes that serve them, to be kept by browsers for a year.
    pub(crate) fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let of_the_brand = [&self.brand, &self.logo, &self.dark_logo].into_iter().flatten();
        [&self.style, &self.script, &self.icon].into_iter().chain(of_the_brand).fold(Router::new(), |router, asset| {
            let (headers, content) = (asset.headers(), asset.content.clone());
            router.route(&asset.path, get(move || async move { (headers, content) }))
        })
    }
}

/// What a brand changes of the stylesheet; none when it changes nothing.
fn stylesheet(brand: &Brand) -> Option<String> {
    let colours = |palette: &Palette| -> Vec<String> {
        palette.colours().into_iter().map(|(name, colour)| format!("--{name}:{colour}")).collect()
    };
    let mut light: Vec<String> = brand.light.iter().flat_map(colours).collect();
    light.extend(brand.radius.map(|radius| format!("--radius:{radius}px")));
    light.extend(brand.font.as_ref().map(|font| format!("--font:{}", font.css())));
    light.extend(brand.variables.iter().map(|variable| format!("--{}:{}", variable.name(), variable.value())));
    let dark: Vec<String> = brand.dark.iter().flat_map(colours).collect();
    let rules = |declarations: &[String]| format!(":root{{{}}}", declarations.join(";"));
    let light_rules = (!light.is_empty()).then(|| format!("{}\n", rules(&light)));
    // Behind the rules of the light and of ciam's own dark.
    let dark = match (&brand.light, dark.is_empty()) {
        (Some(_), true) => colours(&Palette::dark()),
        _ => dark,
    };
    let dark_rules = (!dark.is_empty()).then(|| format!("@media (prefers-color-scheme:dark){{{}}}\n", rules(&dark)));
    let text: String = light_rules.into_iter().chain(dark_rules).collect();
    (!text.is_empty()).then_some(text)
}

/// FNV-1a: tells versions apart, protects nothing.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
