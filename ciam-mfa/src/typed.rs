//! Reading what people type: with spaces, hyphens, and whatever a clipboard puts between groups.

use ciam_core::secret::Secret;
use zeroize::Zeroize as _;

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 128;

/// The characters that `meant` makes of a typed text, without what separates groups; none if one of them means
/// nothing, or if the text is too long to be anything.
fn read(typed: &str, meant: impl Fn(char) -> Option<char>) -> Option<Secret<String>> {
    let separates = |c: &char| {
        c.is_whitespace() || matches!(c, '-' | '\u{200b}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{feff}')
    };
    if typed.len() > LONGEST {
        return None;
    }
    let mut text = String::with_capacity(LONGEST);
    for c in typed.chars().filter(|c| !separates(c)) {
        let Some(c) = meant(c) else {
            text.zeroize();
            return None;
        };
        text.push(c);
    }
    Some(Secret::new(text))
}

/// The digits that were typed, if they are exactly this many and nothing else. Only `0` to `9` are digits.
#[cfg(feature = "totp")]
pub(crate) fn digits(typed: &str, count: usize) -> Option<Secret<String>> {
    let digits = read(typed, |c| c.is_ascii_digit().then_some(c))?;
    (count > 0 && digits.expose().len() == count).then_some(digits)
}

/// The characters of Crockford's base32 that were typed, in upper case, if they are exactly this many: `i`, `l` and
/// `o` are read as the digits they look like; `u` is none of them.
#[cfg(feature = "recovery-codes")]
pub(crate) fn base32(typed: &str, count: usize) -> Option<Secret<String>> {
    let letters = read(typed, |c| match c.to_ascii_uppercase() {
        'O' => Some('0'),
        'I' | 'L' => Some('1'),
        'U' => None,
        c => c.is_ascii_alphanumeric().then_some(c),
    })?;
    (count > 0 && letters.expose().len() == count).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "totp")]
    #[test]
    fn digits_are_exactly_so_many_and_ascii() {
        let read = |typed, count| digits(typed, count).map(|digits| digits.expose().clone());
        assert_eq!(read(" 12-3\u{a0}456", 6).as_deref(), Some("123456"));
        for wrong in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "１２３４５６", "²²²", "١٢٣"] {
            assert_eq!(read(wrong, 6), None, "{wrong}");
        }
        assert_eq!(read("", 0), None, "nothing is no code, however short codes are");
        assert_eq!(read(&format!("{}123456", " ".repeat(LONGEST)), 6), None);
    }

    #[cfg(feature = "recovery-codes")]
    #[test]
    fn base32_is_exactly_so_many_of_the_alphabet() {
        let read = |typed, count| base32(typed, count).map(|letters| letters.expose().clone());
        assert_eq!(read("o-iL x", 4).as_deref(), Some("011X"));
        for wrong in ["", "oil", "oilxx", "oilu", "oil*", "oilé", "oilß"] {
            assert_eq!(read(wrong, 4), None, "{wrong}");
        }
        assert_eq!(read("", 0), None);
    }
}
