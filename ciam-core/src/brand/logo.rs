//! Logos.

use std::fmt;
use std::sync::Arc;

use super::InvalidBrand;

/// The most bytes of a logo.
const MAX_LOGO: usize = 256 * 1024;
/// What every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A picture that stands for an application: served by ciam itself, as an image in a page, in which nothing runs.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    bytes: Arc<[u8]>,
    svg: bool,
}

impl Logo {
    /// Takes a PNG or an SVG of at most 256 KiB. Its background should be transparent; it is shown 32 pixels high.
    ///
    /// # Errors
    /// [`InvalidBrand::Logo`] when it is neither; [`InvalidBrand::LogoSize`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, InvalidBrand> {
        let bytes = bytes.into();
        if bytes.len() > MAX_LOGO {
            return Err(InvalidBrand::LogoSize { most: MAX_LOGO });
        }
        let svg = std::str::from_utf8(&bytes).is_ok_and(|text| {
            let text = text.trim_start_matches('\u{feff}').trim_start();
            text.starts_with("<svg") || (text.starts_with('<') && text.contains("<svg"))
        });
        if !svg && !bytes.starts_with(PNG) {
            return Err(InvalidBrand::Logo);
        }
        Ok(Self { bytes: bytes.into(), svg })
    }

    /// What it consists of.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Its type: `image/svg+xml` or `image/png`.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        if self.svg { "image/svg+xml" } else { "image/png" }
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.content_type(), self.bytes.len())
    }
}
