//! What the configuration says about languages, looks and applications.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ciam_core::Application;
use ciam_core::brand::{Brand, Colour, CssVariable, Font, InvalidBrand, Logo, Palette};
use ciam_core::config::{InvalidPublicUrl, PublicUrl};
use ciam_core::identifiers::{Asked, IdentifierKind, IdentifierPolicy, Proving};
use ciam_core::language::{InvalidTag, Language};
use serde::Deserialize;

/// What is wrong with a language, a look or an application.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLooks {
    /// A language is none.
    #[error(transparent)]
    Language(#[from] InvalidTag),
    /// The public URL of an application is none.
    #[error(transparent)]
    PublicUrl(#[from] InvalidPublicUrl),
    /// What sign-up takes is something else than it can.
    #[error("identifiers are email and phone")]
    Identifiers,
    /// Whether a username is asked for is neither never, optional nor required.
    #[error("username is never, optional or required")]
    Username,
    /// A part of the look cannot be used.
    #[error("{part}: {source}")]
    Brand {
        /// Which part.
        part: String,
        /// What is wrong.
        source: InvalidBrand,
    },
    /// A file cannot be read.
    #[error("{}: it cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Says which part of a look an error is about.
fn of(part: impl Into<String>) -> impl FnOnce(InvalidBrand) -> InvalidLooks {
    let part = part.into();
    move |source| InvalidLooks::Brand { part, source }
}

/// One more application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationFile {
    key: String,
    name: String,
    public_url: String,
    language: Option<String>,
    #[serde(default)]
    identifiers: Vec<String>,
    username: Option<String>,
    brand: Option<BrandFile>,
}

/// How an application looks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrandFile {
    logo: Option<String>,
    dark_logo: Option<String>,
    radius: Option<u8>,
    #[serde(default)]
    font: Vec<String>,
    light: Option<PaletteFile>,
    dark: Option<PaletteFile>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// The colours of one scheme: what is left out is ciam's own, or follows from the accent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaletteFile {
    accent: Option<String>,
    on_accent: Option<String>,
    accent_strong: Option<String>,
    link: Option<String>,
    background: Option<String>,
    surface: Option<String>,
    text: Option<String>,
    muted: Option<String>,
    edge: Option<String>,
    line: Option<String>,
}

impl ApplicationFile {
    /// Its key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn read(self) -> Result<Application, InvalidLooks> {
        let application = Application::new(self.key, self.name)
            .public_url(PublicUrl::parse(&self.public_url)?)
            .brand(self.brand.unwrap_or_default().read()?)
            .identifiers(identifiers(&self.identifiers, self.username.as_deref())?);
        Ok(match self.language {
            Some(tag) => application.language(tag.parse::<Language>()?),
            None => application,
        })
    }
}

/// The policy of an application: what sign-up takes, and whether it asks for a username beside it.
pub(super) fn identifiers(kinds: &[String], username: Option<&str>) -> Result<IdentifierPolicy, InvalidLooks> {
    let mut policy = if kinds.is_empty() { IdentifierPolicy::default() } else { IdentifierPolicy::new() };
    for kind in kinds {
        let kind = match kind.as_str() {
            "email" => IdentifierKind::Email,
            "phone" => IdentifierKind::Phone,
            _ => return Err(InvalidLooks::Identifiers),
        };
        policy = policy.sign_up(kind, Proving::AtSignUp);
    }
    Ok(policy.username(match username {
        None | Some("never") => Asked::Never,
        Some("optional") => Asked::Optional,
        Some("required") => Asked::Required,
        Some(_) => return Err(InvalidLooks::Username),
    }))
}

impl BrandFile {
    pub(super) fn read(self) -> Result<Brand, InvalidLooks> {
        let logo = |path: Option<String>| path.map(|path| read_logo(Path::new(&path))).transpose();
        let mut brand = Brand::new();
        brand.logo = logo(self.logo)?;
        brand.dark_logo = logo(self.dark_logo)?;
        brand.radius = self.radius;
        if !self.font.is_empty() {
            let names: Vec<&str> = self.font.iter().map(String::as_str).collect();
            brand.font = Some(Font::sans(&names).map_err(of("font"))?);
        }
        brand.light = self.light.map(|palette| palette.read(Palette::light())).transpose()?;
        brand.dark = self.dark.map(|palette| palette.read(Palette::dark())).transpose()?;
        for (name, value) in self.variables {
            brand = brand.variable(CssVariable::new(&name, value).map_err(of(format!("variable {name}")))?);
        }
        Ok(brand)
    }
}

fn read_logo(path: &Path) -> Result<Logo, InvalidLooks> {
    let bytes = std::fs::read(path).map_err(|source| InvalidLooks::Unreadable { path: path.to_owned(), source })?;
    Logo::new(bytes).map_err(of(path.display().to_string()))
}

/// Sets a colour of a palette.
type Set = fn(Palette, Colour) -> Palette;

impl PaletteFile {
    /// What the accent decides goes before what is said outright, which stands.
    fn read(self, palette: Palette) -> Result<Palette, InvalidLooks> {
        let colours: [(&str, Option<String>, Set); 10] = [
            ("background", self.background, Palette::background),
            ("surface", self.surface, Palette::surface),
            ("text", self.text, Palette::text),
            ("muted", self.muted, Palette::muted),
            ("edge", self.edge, Palette::edge),
            ("line", self.line, Palette::line),
            ("accent", self.accent, Palette::accent),
            ("on_accent", self.on_accent, Palette::on_accent),
            ("accent_strong", self.accent_strong, Palette::accent_strong),
            ("link", self.link, Palette::link),
        ];
        colours.into_iter().try_fold(palette, |palette, (name, text, set)| match text {
            Some(text) => {
                let colour = Colour::parse(&text).map_err(of(name))?;
                Ok(set(palette, colour))
            }
            None => Ok(palette),
        })
    }
}
