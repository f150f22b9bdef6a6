//! Colours and their contrast.

use std::fmt;

use super::InvalidBrand;

/// A colour of sRGB, without transparency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);
    /// White.
    pub const WHITE: Self = Self::rgb(255, 255, 255);

    /// A colour of its parts.
    #[must_use]
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Reads a colour written `#rrggbb`, in upper or lower case.
    ///
    /// # Errors
    /// [`InvalidBrand::Colour`] for everything else, names and short forms too.
    pub fn parse(text: &str) -> Result<Self, InvalidBrand> {
        let digits = text.strip_prefix('#').ok_or(InvalidBrand::Colour)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidBrand::Colour);
        }
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| InvalidBrand::Colour);
        Ok(Self::rgb(part(0)?, part(2)?, part(4)?))
    }

    /// The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(other) / one.min(other)
    }

    /// Of two colours the one that is read better on this one.
    pub(super) fn better_on_it(self, one: Self, other: Self) -> Self {
        if self.contrast(one) >= self.contrast(other) { one } else { other }
    }

    /// This colour with a part of another one: none of it at 0, all of it at 255.
    pub(super) const fn mixed(self, other: Self, part: u8) -> Self {
        const fn mix(one: u8, other: u8, part: u8) -> u8 {
            let sum = one as u16 * (255 - part as u16) + other as u16 * part as u16;
            (sum / 255) as u8
        }
        Self::rgb(mix(self.red, other.red, part), mix(self.green, other.green, part), mix(self.blue, other.blue, part))
    }

    /// The relative luminance, from 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Colour({self})")
    }
}
