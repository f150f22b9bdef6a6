//! Answers of the JSON API: read or refused, and no secret in what `Debug` says of them.
#![no_main]

use ciam_core::journeys::Answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = serde_json::from_slice::<Answer>(bytes) {
        let shown = format!("{answer:?}");
        if let Answer::Password { password } = &answer
            && password.expose().len() > 12
        {
            assert!(!shown.contains(password.expose().as_str()));
        }
    }
});
