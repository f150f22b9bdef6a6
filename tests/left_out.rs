//! Says what `cargo test` leaves out, so that nobody takes its green for all there is.

use std::env::args;

fn main() {
    if args().any(|arg| arg == "--list") {
        if !args().any(|arg| arg == "--ignored") {
            println!("what_is_left_out: test");
        }
        return;
    }
    println!(
        "left out here, run by scripts/test: the portal in a browser, the README in a fresh crate, lints, licences"
    );
    println!("left out here, run by scripts/nightly: 1,000 kills, each feature alone, benches");
    for (variable, server) in [("CIAM_TEST_POSTGRES", "PostgreSQL"), ("CIAM_TEST_REDIS", "Redis")] {
        if std::env::var_os(variable).is_none() {
            println!(
                "left out here, run by scripts/test: everything on {server}; scripts/services COMMAND starts one for a \
                 command"
            );
        }
    }
}
