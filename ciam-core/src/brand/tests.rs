use super::*;
use crate::ciam::{BuildError, Ciam};
use crate::messages::Mailbox;
use crate::store::MemoryStore;

fn colour(text: &str) -> Colour {
    Colour::parse(text).unwrap()
}

#[test]
fn contrast_is_that_of_wcag() {
    let ratio = |one: &str, other: &str| colour(one).contrast(colour(other));
    assert!((ratio("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((ratio("#123456", "#123456") - 1.0).abs() < 1e-9);
    // Values that other tools give.
    assert!((ratio("#777777", "#ffffff") - 4.478).abs() < 0.001);
    assert!((ratio("#767676", "#ffffff") - 4.542).abs() < 0.001);
    assert!((ratio("#ff0000", "#ffffff") - 3.998).abs() < 0.001);
    assert!((ratio("#0000ff", "#ffffff") - 8.592).abs() < 0.001);
}

#[test]
fn the_own_palettes_keep_what_is_asked_of_others() {
    let brand = Brand::new().light(Palette::light()).dark(Palette::dark());
    assert_eq!(brand.check(), Ok(()));
}

#[test]
fn the_own_palettes_are_those_of_the_stylesheet() {
    let css = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ciam-web/assets/ciam.css")).unwrap();
    let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
    for (css, palette) in [(light, Palette::light()), (dark, Palette::dark())] {
        for (name, colour) in palette.colours() {
            assert!(css.contains(&format!("--{name}: {colour};")), "--{name}: {colour}");
        }
    }
}

#[test]
fn a_colour_is_six_digits() {
    assert_eq!(colour("#14532D").to_string(), "#14532d");
    for text in ["", "#", "#fff", "14532d", "#14532", "#14532dd", "#14532g", "red", "#\u{e9}\u{e9}\u{e9}", "#+1+1+1"] {
        assert_eq!(Colour::parse(text), Err(InvalidBrand::Colour), "{text}");
    }
}

#[tokio::test]
async fn a_brand_that_nobody_can_read_is_not_built_and_the_error_says_where() {
    let pale = Palette::light().accent(colour("#ffd400"));
    let error = Brand::new().light(pale).check().unwrap_err();
    let InvalidBrand::Contrast { scheme, foreground, background, ratio, needed } = error else { panic!("{error}") };
    assert_eq!((scheme, foreground, background, needed), (Scheme::Light, "link", "background", 4.5));
    assert!(ratio < 1.5);
    let builder = Ciam::builder().store(MemoryStore::new()).messenger(Mailbox::new()).app_name("Sun");
    let error = builder.brand(Brand::new().light(pale)).build().await.unwrap_err();
    assert!(matches!(&error, BuildError::Brand { application, .. } if application == "Sun"));
    let said = format!("{error:?}");
    assert!(
        said.starts_with("the brand of Sun cannot be used: link of the light scheme has a contrast of 1."),
        "{said}"
    );
    assert!(said.ends_with(":1 on background, and needs 4.50:1 (WCAG 2.2)"), "{said}");
}

#[test]
fn every_pair_that_stands_on_each_other_is_checked() {
    let (grey, light, dark) = (colour("#b9bdc6"), Palette::light(), Palette::dark());
    let fails = |palette: Palette| match Brand::new().light(palette).check() {
        Err(InvalidBrand::Contrast { foreground, background, .. }) => Some((foreground, background)),
        _ => None,
    };
    assert_eq!(fails(light.text(grey)), Some(("text", "background")));
    assert_eq!(fails(light.muted(grey)), Some(("muted", "background")));
    assert_eq!(fails(light.link(grey)), Some(("link", "background")));
    assert_eq!(fails(light.edge(grey)), Some(("edge", "surface")));
    assert_eq!(fails(light.on_accent(grey)), Some(("on_accent", "accent")));
    assert_eq!(fails(light.accent_strong(grey)), Some(("on_accent", "accent_strong")));
    assert_eq!(fails(light.surface(colour("#6b7280"))), Some(("text", "surface")));
    assert_eq!(fails(light.background(colour("#808080"))), Some(("text", "background")));
    assert_eq!(fails(light.danger(grey, Colour::WHITE)), Some(("danger", "surface")));
    assert_eq!(fails(light.danger(Colour::BLACK, colour("#300000"))), Some(("danger", "danger_ground")));
    assert_eq!(fails(light.good(Colour::BLACK, colour("#003000"))), Some(("good", "good_ground")));
    let on_dark = Brand::new().dark(dark.text(colour("#555555"))).check().unwrap_err();
    assert!(on_dark.to_string().contains("text of the dark scheme"), "{on_dark}");
    // Yellow is a fine button where links are something else, and what is written on it is black.
    let yellow = Palette::dark().accent(colour("#ffd400"));
    assert_eq!(fails(yellow), None);
    assert!(yellow.colours().contains(&("on-accent", Colour::BLACK)));
}

#[test]
fn ac1_nothing_leaves_its_place_in_a_stylesheet() {
    let hostile = [
        "red;} body{display:none",
        "url(https://evil.example/x)",
        "URL(x)",
        "image-set(x)",
        "var(--x); --y: z",
        "\"quoted\"",
        "'quoted'",
        "a\\3b",
        "/* x",
        "x */",
        "</style><script>",
        "@import x",
        "a\nb",
        "a:b",
        "(1)",
        "calc(1px",
        "1px)",
        "expression(1)",
        "javascript:alert(1)",
        "",
        "  ",
        &"x".repeat(201),
    ];
    for value in hostile {
        let refused = CssVariable::new("x", value);
        assert_eq!(refused, Err(InvalidBrand::VariableValue { name: "x".to_owned() }), "{value}");
    }
    for value in [
        "#14532d",
        "1.5rem",
        "calc(1px + (2px - 3px))",
        "color-mix(in srgb, red 6%, var(--surface))",
        "0 1px 2px rgb(0 0 0)",
    ] {
        assert_eq!(CssVariable::new("shop-x", value).unwrap().value(), value);
    }
    for name in ["", "X", "1x", "-x", "x y", "x:y", "x;", "accent", "on-accent", "ground", "x\u{e9}", &"x".repeat(65)] {
        assert_eq!(CssVariable::new(name, "1px"), Err(InvalidBrand::VariableName), "{name}");
    }
    for name in ["", "a\"b", "a, b", "a;b", "a'b", "\u{e9}", &"x".repeat(65)] {
        assert_eq!(Font::sans(&[name]), Err(InvalidBrand::Font), "{name}");
    }
    assert_eq!(Font::sans(&["Inter", "Noto Sans"]).unwrap().css(), "\"Inter\", \"Noto Sans\", system-ui, sans-serif");
}

#[test]
fn a_logo_is_a_png_or_an_svg_of_some_size() {
    assert_eq!(Logo::new("<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap().content_type(), "image/svg+xml");
    assert_eq!(Logo::new("<?xml version='1.0'?>\n<!-- x --><svg/>").unwrap().content_type(), "image/svg+xml");
    assert_eq!(Logo::new(b"\x89PNG\r\n\x1a\nrest".to_vec()).unwrap().content_type(), "image/png");
    for bytes in [&b""[..], b"GIF89a", b"<html>", b"\xff<svg>", b"javascript:alert(1)"] {
        assert_eq!(Logo::new(bytes), Err(InvalidBrand::Logo));
    }
    assert_eq!(Logo::new(vec![b' '; 256 * 1024 + 1]), Err(InvalidBrand::LogoSize { most: 256 * 1024 }));
}

#[test]
fn variables_and_corners_are_bounded() {
    let twice = CssVariable::new("shop-x", "1px").unwrap();
    let brand = Brand::new().variable(twice.clone()).variable(twice);
    assert_eq!(brand.check(), Err(InvalidBrand::Variables { most: 100 }));
    assert_eq!(Brand::new().radius(33).check(), Err(InvalidBrand::Radius { most: 32 }));
    assert_eq!(Brand::new().radius(0).check(), Ok(()));
}
