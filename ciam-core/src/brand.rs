//! How an application looks: its logo, its colours in the light and in the dark, its letters.
//!
//! A brand is checked when the engine is built. Text that nobody can read, and controls that nobody can see, are an
//! error by the measure of WCAG 2.2 (levels AA: 4.5:1 for text, 3:1 for controls); so is everything that could become
//! something else in a stylesheet.
//!
//! ```
//! use ciam_core::brand::{Brand, Colour, Palette};
//! let green = Palette::light().accent(Colour::parse("#14532d")?);
//! let lime = Palette::dark().accent(Colour::parse("#86efac")?);
//! assert!(Brand::new().light(green).dark(lime).check().is_ok());
//! # Ok::<(), ciam_core::brand::InvalidBrand>(())
//! ```

mod colour;
mod logo;
mod palette;
mod variables;

pub use colour::Colour;
pub use logo::Logo;
pub use palette::{Palette, Scheme};
pub use variables::{CssVariable, Font};

/// The largest radius of corners, in CSS pixels.
const MAX_RADIUS: u8 = 32;
/// The most variables of a host's own.
const MAX_VARIABLES: usize = 100;

/// How an application looks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Brand {
    /// What stands in the place of the name at the head of every page.
    pub logo: Option<Logo>,
    /// The same in the dark; the logo, if there is none.
    pub dark_logo: Option<Logo>,
    /// The colours in the light.
    pub light: Option<Palette>,
    /// The colours in the dark.
    pub dark: Option<Palette>,
    /// How round corners are, in CSS pixels (default 14; at most 32).
    pub radius: Option<u8>,
    /// The letters (default: the system's).
    pub font: Option<Font>,
    /// Variables of the host's own, for its own templates and stylesheets.
    pub variables: Vec<CssVariable>,
}

/// Why a brand cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBrand {
    /// Not a colour.
    #[error("a colour is written #rrggbb")]
    Colour,
    /// Two colours that stand on each other are too much alike.
    #[error(
        "{} of the {scheme} scheme has a contrast of {}:1 on {}, and needs {}:1 (WCAG 2.2)",
        .foreground, shown(*.ratio), .background, shown(*.needed)
    )]
    Contrast {
        /// In which scheme.
        scheme: Scheme,
        /// What stands on the other.
        foreground: &'static str,
        /// What it stands on.
        background: &'static str,
        /// The contrast that they have, from 1 to 21.
        ratio: f64,
        /// The contrast that they need.
        needed: f64,
    },
    /// The logo is neither PNG nor SVG.
    #[error("a logo is a PNG or an SVG")]
    Logo,
    /// The logo is too large.
    #[error("a logo has at most {most} bytes")]
    LogoSize {
        /// The most bytes.
        most: usize,
    },
    /// The radius is too large.
    #[error("a radius is at most {most} pixels")]
    Radius {
        /// The most pixels.
        most: u8,
    },
    /// Not the name of a font.
    #[error("the name of a font is 1 to 64 letters, digits, spaces and hyphens")]
    Font,
    /// Not a name that a variable can have.
    #[error(
        "a variable's name is 1 to 64 of a-z, 0-9 and hyphens, begins with a letter, and is not one of the palette's"
    )]
    VariableName,
    /// Not a value that a variable can have.
    #[error(
        "the value of --{name} cannot be used: 1 to 200 letters, digits, spaces and # % . , + -, and the functions of \
        colours and lengths"
    )]
    VariableValue {
        /// The variable's name.
        name: String,
    },
    /// A variable is there twice, or there are too many.
    #[error("there are at most {most} variables, and none twice")]
    Variables {
        /// The most variables.
        most: usize,
    },
}

/// A ratio with two digits behind the point, cut off: what is shown as 4.50 is enough.
fn shown(ratio: f64) -> String {
    format!("{:.2}", (ratio * 100.0).floor() / 100.0)
}

impl Brand {
    /// ciam's own look.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A picture in the place of the name.
    #[must_use]
    pub fn logo(mut self, logo: Logo) -> Self {
        self.logo = Some(logo);
        self
    }

    /// Another picture in the dark.
    #[must_use]
    pub fn dark_logo(mut self, logo: Logo) -> Self {
        self.dark_logo = Some(logo);
        self
    }

    /// The colours in the light.
    #[must_use]
    pub const fn light(mut self, palette: Palette) -> Self {
        self.light = Some(palette);
        self
    }

    /// The colours in the dark.
    #[must_use]
    pub const fn dark(mut self, palette: Palette) -> Self {
        self.dark = Some(palette);
        self
    }

    /// How round corners are, in CSS pixels.
    #[must_use]
    pub const fn radius(mut self, pixels: u8) -> Self {
        self.radius = Some(pixels);
        self
    }

    /// The letters.
    #[must_use]
    pub fn font(mut self, font: Font) -> Self {
        self.font = Some(font);
        self
    }

    /// One more variable of the host's own.
    #[must_use]
    pub fn variable(mut self, variable: CssVariable) -> Self {
        self.variables.push(variable);
        self
    }

    /// Refuses a brand that people could not read.
    ///
    /// # Errors
    /// [`InvalidBrand::Contrast`] for the first pair of colours that are too much alike; [`InvalidBrand::Radius`];
    /// [`InvalidBrand::Variables`].
    pub fn check(&self) -> Result<(), InvalidBrand> {
        if self.radius.is_some_and(|radius| radius > MAX_RADIUS) {
            return Err(InvalidBrand::Radius { most: MAX_RADIUS });
        }
        let names: std::collections::BTreeSet<&str> = self.variables.iter().map(CssVariable::name).collect();
        if names.len() != self.variables.len() || names.len() > MAX_VARIABLES {
            return Err(InvalidBrand::Variables { most: MAX_VARIABLES });
        }
        self.light.map_or(Ok(()), |palette| palette.check(Scheme::Light))?;
        self.dark.map_or(Ok(()), |palette| palette.check(Scheme::Dark))
    }
}

#[cfg(test)]
mod tests;
