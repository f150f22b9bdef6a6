//! Addresses, numbers and names: whatever is read as one reads as the same one again.
#![no_main]

use ciam_core::email::Email;
use ciam_core::identifiers::{Phone, Username};
use ciam_core::users::DisplayName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(email) = text.parse::<Email>() {
        assert_eq!(email.as_str().parse::<Email>().as_ref(), Ok(&email));
        assert_eq!(email.as_str().matches('@').count(), 1);
        assert!(!email.as_str().contains(['\r', '\n', ',', ' ']));
    }
    if let Ok(phone) = text.parse::<Phone>() {
        assert_eq!(phone.as_str().parse::<Phone>().as_ref(), Ok(&phone));
        assert!(phone.as_str()[1..].bytes().all(|digit| digit.is_ascii_digit()));
    }
    if let Ok(name) = text.parse::<Username>() {
        assert_eq!(name.as_str().parse::<Username>().as_ref(), Ok(&name));
        assert!(text.trim().parse::<Email>().is_err());
    }
    if let Ok(name) = DisplayName::parse(text) {
        assert!(!name.as_str().chars().any(char::is_control));
    }
});
