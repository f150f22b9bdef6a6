//! Bearers, verifiers, codes and ids: only the own text is one.
#![no_main]

use ciam_core::secret::{Bearer, Code, Verifier};
use ciam_core::sessions::SessionId;
use ciam_core::vault::MasterKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(bearer) = Bearer::<SessionId>::parse(text) {
        assert_eq!(bearer.expose().expose(), text);
    }
    if let Ok(verifier) = Verifier::parse(text) {
        assert_eq!(verifier.expose().expose(), text);
    }
    if let Ok(id) = text.parse::<SessionId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(code) = Code::parse(text) {
        assert_eq!(code.expose().len(), 6);
    }
    let _ = MasterKey::parse(text);
});
