//! The stylesheet, the script and the icon, under names that change with their content.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::routing::get;
use ciam_core::config::PathPrefix;

struct Asset {
    name: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const STYLE: Asset = Asset {
    name: "ciam",
    extension: "css",
    content_type: "text/css; charset=utf-8",
    content: include_str!("../assets/ciam.css"),
};
const SCRIPT: Asset = Asset {
    name: "ciam",
    extension: "js",
    content_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/ciam.js"),
};
const ICON: Asset = Asset {
    name: "icon",
    extension: "svg",
    content_type: "image/svg+xml",
    content: include_str!("../assets/icon.svg"),
};

impl Asset {
    fn path(&self) -> String {
        format!("/_ciam/{}-{:016x}.{}", self.name, fingerprint(self.content.as_bytes()), self.extension)
    }
}

/// The paths for templates.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Paths {
    style: String,
    script: String,
    icon: String,
}

pub(crate) fn paths(base: &PathPrefix) -> Paths {
    let path = |asset: &Asset| base.join(&asset.path());
    Paths { style: path(&STYLE), script: path(&SCRIPT), icon: path(&ICON) }
}

/// The routes that serve them, to be kept by browsers for a year.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    [STYLE, SCRIPT, ICON].into_iter().fold(Router::new(), |router, asset| {
        let headers: [(HeaderName, HeaderValue); 2] = [
            (CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        ];
        router.route(&asset.path(), get(move || async move { (headers, asset.content) }))
    })
}

/// FNV-1a: tells versions apart, protects nothing.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
