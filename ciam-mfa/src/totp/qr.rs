//! A QR code as an `svg` element.

use std::fmt::Write as _;

use ciam_core::secret::Secret;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code (ISO/IEC 18004, the quiet zone).
const MARGIN: usize = 4;

/// The text as a QR code, drawn in whole modules so that it scales; none when no code holds it.
///
/// Black on white whatever the page looks like: many cameras do not read the reverse.
pub(super) fn svg(text: &str) -> Option<Secret<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let side = width + 2 * MARGIN;
    // Grown to its end at once: what a string leaves behind when it grows is not wiped.
    let mut svg = String::with_capacity(400 + width * width * 8);
    svg.push_str(r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" shape-rendering="crispEdges""#);
    write!(svg, r##" viewBox="0 0 {side} {side}"><path fill="#fff" d="M0 0h{side}v{side}H0z"/>"##).ok()?;
    svg.push_str(r##"<path fill="#000" d=""##);
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|module| **module == Color::Dark).count();
            if run > 0 {
                write!(svg, "M{} {}h{run}v1h-{run}z", x + MARGIN, y + MARGIN).ok()?;
            }
            x += run.max(1);
        }
    }
    svg.push_str(r#""/></svg>"#);
    Some(Secret::new(svg))
}
