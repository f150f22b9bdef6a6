//! The colours of one scheme, and which of them stand on which.

use std::fmt;

use super::{Colour, InvalidBrand};

/// Text needs this contrast (WCAG 2.2, 1.4.3).
const TEXT: f64 = 4.5;
/// The edges of controls, and what shows where the focus is, need this one (WCAG 2.2, 1.4.11).
const CONTROL: f64 = 3.0;

/// In the light or in the dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// For people whose device is light.
    Light,
    /// For people whose device is dark.
    Dark,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Light => "light",
            Self::Dark => "dark",
        })
    }
}

macro_rules! palette {
    ($($(#[$doc:meta])* $name:ident: $css:literal, $light:literal, $dark:literal;)*) => {
        /// The colours of one scheme. Begin with [`Palette::light`] or [`Palette::dark`] and say what is different.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Palette {
            $($name: Colour,)*
        }

        impl Palette {
            /// ciam's own colours in the light.
            #[must_use]
            pub const fn light() -> Self {
                Self { $($name: of($light),)* }
            }

            /// ciam's own colours in the dark.
            #[must_use]
            pub const fn dark() -> Self {
                Self { $($name: of($dark),)* }
            }

            /// The names of the variables of stylesheets, and their colours.
            #[must_use]
            pub fn colours(&self) -> Vec<(&'static str, Colour)> {
                vec![$(($css, self.$name)),*]
            }
        }

        /// Whether a variable has the name of one of the palette's.
        pub(super) fn is_own(name: &str) -> bool {
            [$($css),*].contains(&name)
        }
    };
}

palette! {
    ground: "ground", 0xf4f5f8, 0x0e1014;
    glow: "glow", 0xe6eafb, 0x191d33;
    surface: "surface", 0xffffff, 0x171a21;
    sunken: "sunken", 0xf4f5f8, 0x12151b;
    text: "text", 0x171a21, 0xeceef3;
    muted: "muted", 0x525a69, 0xa9b1c0;
    line: "line", 0xdfe3ea, 0x2a2f3a;
    edge: "edge", 0x7d8594, 0x717a8c;
    accent: "accent", 0x3443c4, 0x94a3ff;
    accent_strong: "accent-strong", 0x27339c, 0xb3beff;
    on_accent: "on-accent", 0xffffff, 0x0d1130;
    link: "link", 0x2f3db5, 0xa9b5ff;
    danger: "danger", 0xa3211a, 0xffb4ac;
    danger_ground: "danger-ground", 0xfdf1f0, 0x331614;
    danger_line: "danger-line", 0xeeb9b5, 0x6d2f2a;
    good: "good", 0x0f6440, 0x8fdcb2;
    good_ground: "good-ground", 0xeef8f2, 0x10261b;
    good_line: "good-line", 0xa9d8bf, 0x265b40;
}

const fn of(rgb: u32) -> Colour {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Colour::rgb(red, green, blue)
}

impl Palette {
    /// The colour of the main button, and with it that of links, of the light behind the page, and of what is written
    /// on the button: black or white, whichever is read better. Say these afterwards to have them otherwise.
    #[must_use]
    pub fn accent(mut self, accent: Colour) -> Self {
        self.accent = accent;
        self.on_accent = accent.better_on_it(Colour::WHITE, Colour::BLACK);
        let away = if self.on_accent == Colour::WHITE { Colour::BLACK } else { Colour::WHITE };
        self.accent_strong = accent.mixed(away, 46);
        self.link = accent;
        self.glow = self.ground.mixed(accent, 23);
        self
    }

    /// What is written on the main button.
    #[must_use]
    pub const fn on_accent(mut self, colour: Colour) -> Self {
        self.on_accent = colour;
        self
    }

    /// The main button under the pointer.
    #[must_use]
    pub const fn accent_strong(mut self, colour: Colour) -> Self {
        self.accent_strong = colour;
        self
    }

    /// Links.
    #[must_use]
    pub const fn link(mut self, colour: Colour) -> Self {
        self.link = colour;
        self
    }

    /// Behind everything; also the light at the head of the page, and what is sunk into a card.
    #[must_use]
    pub const fn background(mut self, colour: Colour) -> Self {
        self.ground = colour;
        self.sunken = colour;
        self.glow = colour.mixed(self.accent, 23);
        self
    }

    /// Cards and fields.
    #[must_use]
    pub const fn surface(mut self, colour: Colour) -> Self {
        self.surface = colour;
        self
    }

    /// Text.
    #[must_use]
    pub const fn text(mut self, colour: Colour) -> Self {
        self.text = colour;
        self
    }

    /// Text that stands back.
    #[must_use]
    pub const fn muted(mut self, colour: Colour) -> Self {
        self.muted = colour;
        self
    }

    /// The edges of fields and buttons.
    #[must_use]
    pub const fn edge(mut self, colour: Colour) -> Self {
        self.edge = colour;
        self
    }

    /// Lines that only adorn.
    #[must_use]
    pub const fn line(mut self, colour: Colour) -> Self {
        self.line = colour;
        self
    }

    /// What is wrong: its text, and what that stands on.
    #[must_use]
    pub const fn danger(mut self, text: Colour, ground: Colour) -> Self {
        self.danger = text;
        self.danger_ground = ground;
        self.danger_line = ground.mixed(text, 77);
        self
    }

    /// What has gone well: its text, and what that stands on.
    #[must_use]
    pub const fn good(mut self, text: Colour, ground: Colour) -> Self {
        self.good = text;
        self.good_ground = ground;
        self.good_line = ground.mixed(text, 77);
        self
    }

    /// Refuses colours that stand on each other and are too much alike.
    pub(super) fn check(&self, scheme: Scheme) -> Result<(), InvalidBrand> {
        let grounds =
            [("background", self.ground), ("glow", self.glow), ("surface", self.surface), ("sunken", self.sunken)];
        let on_all = |name: &'static str, colour: Colour, needed: f64| {
            grounds.map(|(ground, under)| (name, colour, ground, under, needed))
        };
        let pairs = [
            on_all("text", self.text, TEXT),
            on_all("muted", self.muted, TEXT),
            on_all("link", self.link, TEXT),
            on_all("accent", self.accent, CONTROL),
            [
                ("on_accent", self.on_accent, "accent", self.accent, TEXT),
                ("on_accent", self.on_accent, "accent_strong", self.accent_strong, TEXT),
                ("edge", self.edge, "surface", self.surface, CONTROL),
                ("edge", self.edge, "background", self.ground, CONTROL),
            ],
            [
                ("danger", self.danger, "surface", self.surface, TEXT),
                ("danger", self.danger, "danger_ground", self.danger_ground, TEXT),
                ("good", self.good, "surface", self.surface, TEXT),
                ("good", self.good, "good_ground", self.good_ground, TEXT),
            ],
        ];
        for (foreground, colour, background, under, needed) in pairs.into_iter().flatten() {
            let ratio = colour.contrast(under);
            if ratio < needed {
                return Err(InvalidBrand::Contrast { scheme, foreground, background, ratio, needed });
            }
        }
        Ok(())
    }
}
