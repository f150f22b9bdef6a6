//! What a client says that it reads: the header `Accept-Language` (RFC 9110 §12.5.4).

use super::Language;

/// How much of a header is looked at; browsers send less than a hundred characters.
const MAX_HEADER: usize = 512;
/// How many of its languages are looked at.
const MAX_RANGES: usize = 16;

/// The languages that the header names, the most wanted first; those with the quality 0 are left out. What cannot
/// be read is passed over: a client that sends nonsense gets the default.
pub(super) fn wanted(header: &str) -> Vec<Language> {
    let mut end = header.len().min(MAX_HEADER);
    while !header.is_char_boundary(end) {
        end -= 1;
    }
    let ranges = header[..end].split(',').take(MAX_RANGES).filter_map(|range| {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let language: Language = tag.trim().parse().ok()?;
        Some((quality(parameters)?, language))
    });
    let mut ranges: Vec<(u16, Language)> = ranges.filter(|(quality, _)| *quality > 0).collect();
    ranges.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    ranges.into_iter().map(|(_, language)| language).collect()
}

/// A quality in thousandths; 1000 when none is given, none when it cannot be read.
fn quality(parameters: &str) -> Option<u16> {
    let text = parameters.trim();
    if text.is_empty() {
        return Some(1000);
    }
    let text = text.strip_prefix("q=").or_else(|| text.strip_prefix("Q="))?.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}
