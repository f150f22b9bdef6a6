use std::time::Duration;

use ciam_core::testing::FixedEntropy;
use proptest::prelude::*;

use super::*;

/// The seeds of RFC 6238 appendix B: as many bytes as the hash has.
const SEED_SHA1: &[u8] = b"12345678901234567890";
const SEED_SHA256: &[u8] = b"12345678901234567890123456789012";
const SEED_SHA512: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

/// RFC 6238 appendix B: seconds since 1970, the step, and the codes of 8 digits for SHA-1, SHA-256 and SHA-512.
const VECTORS: [(i64, i64, [&str; 3]); 6] = [
    (59, 0x1, ["94287082", "46119246", "90693936"]),
    (1_111_111_109, 0x0235_23EC, ["07081804", "68084774", "25091201"]),
    (1_111_111_111, 0x0235_23ED, ["14050471", "67062674", "99943326"]),
    (1_234_567_890, 0x0273_EF07, ["89005924", "91819424", "93441116"]),
    (2_000_000_000, 0x03F9_40AA, ["69279037", "90698825", "38618901"]),
    (20_000_000_000, 0x27BC_86AA, ["65353130", "77737706", "47863826"]),
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn key(seed: &[u8], algorithm: Algorithm, digits: u8) -> TotpKey {
    TotpKey::from_parts(seed, Parameters::new(algorithm, digits, 30).unwrap()).unwrap()
}

fn plain() -> TotpKey {
    key(SEED_SHA1, Algorithm::Sha1, 6)
}

#[test]
fn codes_are_those_of_rfc_6238_appendix_b() {
    let seeds = [(SEED_SHA1, Algorithm::Sha1), (SEED_SHA256, Algorithm::Sha256), (SEED_SHA512, Algorithm::Sha512)];
    for (seconds, step, codes) in VECTORS {
        for (code, (seed, algorithm)) in codes.iter().zip(seeds) {
            let eight = key(seed, algorithm, 8);
            assert_eq!(eight.check(code, at(seconds)), Some(Step(step)), "{algorithm:?} at {seconds}");
            let six = key(seed, algorithm, 6);
            assert_eq!(six.check(&code[2..], at(seconds)), Some(Step(step)), "{algorithm:?} at {seconds}");
        }
    }
}

#[test]
fn a_code_is_good_in_its_step_and_one_beside_it_and_answers_its_own_step() {
    // The code of the step that begins at 1,111,111,110 seconds.
    let (key, code, step) = (plain(), "050471", Some(Step(0x0235_23ED)));
    let begins = 1_111_111_110;
    for (seconds, answer) in [
        (begins - 31, None),
        (begins - 30, step),
        (begins - 1, step),
        (begins, step),
        (begins + 29, step),
        (begins + 30, step),
        (begins + 59, step),
        (begins + 60, None),
    ] {
        assert_eq!(key.check(code, at(seconds)), answer, "{seconds}");
    }
}

#[test]
fn mf1_a_code_that_is_shown_again_answers_the_step_that_was_kept() {
    let key = plain();
    let taken = key.check("050471", at(1_111_111_110)).unwrap();
    for later in 0..60 {
        let again = key.check("050471", at(1_111_111_110 + later)).unwrap();
        assert!(again <= taken, "a used code would count again after {later} s");
    }
    let earlier = key.check("081804", at(1_111_111_110)).unwrap();
    assert!(earlier < taken, "the code of the step before is earlier");
}

#[test]
fn ot6_an_empty_blank_or_foreign_code_never_matches() {
    let key = plain();
    let now = at(1_111_111_111);
    let long = "050471".repeat(1_000);
    for typed in [
        "",
        " ",
        "-",
        "\u{feff}",
        "null",
        "05047",
        "0504710",
        "50471",
        "+50471",
        "0x0471",
        "05047l",
        "０５０４７１",
        "٠٥٠٤٧١",
        "050471\0",
        "14050471",
        &long,
    ] {
        assert_eq!(key.check(typed, now), None, "{typed}");
    }
    assert!(key.check("050471", now).is_some());
}

#[test]
fn there_are_no_codes_before_1970_and_far_ahead_nothing_overflows() {
    let key = plain();
    for moment in [Timestamp::from_micros(-1), Timestamp::from_micros(i64::MIN)] {
        assert_eq!((key.step_at(moment), key.check("050471", moment)), (None, None));
    }
    assert_eq!(key.step_at(at(59)), Some(Step(1)));
    let end = Timestamp::from_micros(i64::MAX);
    assert!(key.step_at(end + Duration::from_secs(1)).is_some());
    assert_eq!(key.check("123", end), None);
    let _ = key.check("000000", end);
}

#[test]
fn a_fresh_key_has_160_bits_of_the_entropy_and_what_every_app_knows() {
    let (first, second) = (TotpKey::draw(&FixedEntropy::new(1)), TotpKey::draw(&FixedEntropy::new(2)));
    assert_eq!(first.seed().expose().len(), 20);
    assert_ne!(first.seed().expose(), second.seed().expose());
    let parameters = first.parameters();
    assert_eq!((parameters.algorithm(), parameters.digits(), parameters.period()), (Algorithm::Sha1, 6, 30));
}

#[test]
fn keys_that_no_app_can_have_are_refused() {
    for length in [0, 1, 15, 129, 4_096] {
        let made = TotpKey::from_parts(&vec![7; length], Parameters::default());
        assert_eq!(made.map(drop), Err(TotpError::Seed), "{length}");
    }
    assert!(TotpKey::from_parts(&[7; 16], Parameters::default()).is_ok());
    for digits in [0, 5, 9, 10, 255] {
        assert_eq!(Parameters::new(Algorithm::Sha1, digits, 30), Err(TotpError::Digits), "{digits}");
    }
    for period in [0, 14, 121, u32::MAX] {
        assert_eq!(Parameters::new(Algorithm::Sha1, 6, period), Err(TotpError::Period), "{period}");
    }
}

#[test]
fn parameters_are_stored_as_words_and_numbers_and_wrong_ones_do_not_read() {
    let stored = serde_json::to_string(&Parameters::default()).unwrap();
    assert_eq!(stored, r#"{"algorithm":"sha1","digits":6,"period":30}"#);
    assert_eq!(serde_json::from_str::<Parameters>(&stored).unwrap(), Parameters::default());
    for wrong in [
        r#"{"algorithm":"sha1","digits":10,"period":30}"#,
        r#"{"algorithm":"sha1","digits":6,"period":0}"#,
        r#"{"algorithm":"md5","digits":6,"period":30}"#,
    ] {
        assert!(serde_json::from_str::<Parameters>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_link_has_the_form_that_apps_read() {
    // The form: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    let offer = plain().offer("Example: Shop\n", " ada@example.com ").unwrap();
    assert_eq!(
        offer.uri.expose(),
        "otpauth://totp/Example%20%20Shop:ada%40example.com\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20%20Shop"
    );
    assert_eq!(offer.secret.expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    let imported = TotpKey::from_parts(SEED_SHA256, Parameters::new(Algorithm::Sha256, 8, 60).unwrap()).unwrap();
    let uri = imported.offer("", "ada").unwrap().uri;
    assert!(uri.expose().starts_with("otpauth://totp/ada?secret="), "{}", uri.expose());
    for part in ["&digits=8", "&algorithm=SHA256", "&period=60"] {
        assert!(uri.expose().contains(part), "{part}");
    }
    assert!(!uri.expose().contains("issuer"));
}

#[test]
fn an_account_without_a_name_is_not_offered_and_long_names_are_cut() {
    for blank in ["", "  ", ":", "\n"] {
        assert_eq!(plain().offer("Shop", blank).map(drop), Err(TotpError::Unnamed), "{blank:?}");
    }
    let long = "é".repeat(5_000);
    let offer = plain().offer(&long, &long).unwrap();
    assert_eq!(offer.uri.expose().matches("%C3%A9").count(), 120, "40 of the issuer twice, and 40 of the account");
}

#[test]
fn the_qr_code_is_one_svg_element_that_runs_nothing() {
    let svg = plain().offer("Shop", "ada@example.com").unwrap().svg;
    let svg = svg.expose();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"") && svg.ends_with("</svg>"));
    assert_eq!(svg.matches('<').count(), 4, "an svg, two paths, and its end");
    for foreign in ["<script", "<text", "style", "href", "on", "<?", "ada"] {
        assert!(!svg.contains(foreign), "{foreign}");
    }
}

#[test]
fn the_qr_code_has_its_three_finders_and_a_margin_of_four_modules() {
    let svg = plain().offer("Shop", "ada@example.com").unwrap().svg;
    let (_, path) = svg.expose().split_once("fill=\"#000\" d=\"").unwrap();
    let runs: Vec<(usize, usize, usize)> = path
        .trim_end_matches("\"/></svg>")
        .split_terminator('z')
        .map(|run| {
            let (x, rest) = run.trim_start_matches('M').split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            (x.parse().unwrap(), y.parse().unwrap(), rest.split_once('v').unwrap().0.parse().unwrap())
        })
        .collect();
    let side = runs.iter().map(|(x, _, width)| x + width).max().unwrap();
    // A finder begins and ends with a run of seven dark modules.
    for finder in [(4, 4, 7), (4, 10, 7), (side - 7, 4, 7), (side - 7, 10, 7), (4, side - 7, 7), (4, side - 1, 7)] {
        assert!(runs.contains(&finder), "{finder:?}");
    }
    assert!(svg.expose().contains(&format!("viewBox=\"0 0 {0} {0}\"", side + 4)));
}

#[test]
fn lg1_neither_a_key_nor_its_offer_prints_the_seed() {
    let key = plain();
    let offer = key.offer("Shop", "ada@example.com").unwrap();
    let printed = format!("{key:?} {offer:?}");
    for seed in ["1234567890", "GEZDGNBV", "GEZD", "49, 50", "otpauth"] {
        assert!(!printed.contains(seed), "{seed} in {printed}");
    }
}

proptest! {
    #[test]
    fn separators_in_what_is_typed_do_not_matter(gaps in proptest::collection::vec("[ \u{a0}\u{2009}\t-]{0,3}", 7)) {
        let typed: String = gaps.iter().zip("050471 ".chars()).flat_map(|(gap, c)| gap.chars().chain([c])).collect();
        prop_assert_eq!(plain().check(&typed, at(1_111_111_111)), Some(Step(0x0235_23ED)));
    }

    #[test]
    fn any_text_is_the_code_or_refused(typed in "\\PC{0,40}") {
        let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
        if plain().check(&typed, at(1_111_111_111)).is_some() {
            let code = |seconds| plain().codes.generate(seconds).to_string();
            prop_assert!([1_111_111_081, 1_111_111_111, 1_111_111_141].map(code).contains(&digits));
        }
    }

    #[test]
    fn a_wrong_number_of_digits_never_matches(typed in "[0-9]{0,5}|[0-9]{7,12}", seconds in 0_i64..4_000_000_000) {
        prop_assert_eq!(plain().check(&typed, at(seconds)), None);
    }

    #[test]
    fn what_matches_is_of_the_window(code in 0_u32..1_000_000, seconds in 30_i64..4_000_000_000) {
        let key = plain();
        if let Some(step) = key.check(&format!("{code:06}"), at(seconds)) {
            prop_assert!((step.number() - seconds / 30).abs() <= 1);
        }
    }
}
