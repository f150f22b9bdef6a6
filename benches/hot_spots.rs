//! What a rush for one record costs, and a burst of registrations: how many a second, and how long anybody waits.
//!
//! PostgreSQL is left out without `CIAM_TEST_POSTGRES`; `DURABLE=1 scripts/services cargo bench …` starts one that waits
//! for its disk.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

#[path = "../tests/support/hot_spots.rs"]
mod hot_spots;

use hot_spots::{Place, Rush};
use tokio::runtime::Runtime;

/// A way to come by a store.
type Open = fn(&Runtime) -> Option<Place>;

fn print(store: &str, what: &str, rush: &Rush) {
    assert!(rush.other.is_none(), "{rush:?}");
    let all = rush.waited.len();
    let waited = |part: f64| rush.waited[((all - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!(
        "{store:<10} {what:<42} {:>6.0}/s; waited: half {:.0} ms, 99 % {:.0} ms, longest {:.0} ms; {} served, {} refused, \
         {:.2} commits each",
        all as f64 / waited(1.0) * 1000.0,
        waited(0.5),
        waited(0.99),
        waited(1.0),
        rush.served,
        rush.refused,
        rush.commits as f64 / all as f64
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let stores: [(&str, Open); 3] = [
        ("memory", |runtime| runtime.block_on(Place::memory())),
        ("SQLite", |runtime| runtime.block_on(Place::sqlite())),
        ("PostgreSQL", |runtime| runtime.block_on(Place::postgres())),
    ];
    for (name, open) in stores {
        if open(&runtime).is_none() {
            println!("{name}: left out");
            continue;
        }
        // A store of its own each: engines of the tests draw the same ids.
        let place = || open(&runtime).unwrap();
        let (rush, _) = runtime.block_on(hot_spots::wrong_passwords(&place(), 1000));
        print(name, "1,000 wrong passwords for one account", &rush);
        let (rush, ..) = runtime.block_on(hot_spots::seats(&place(), 200, 100, true));
        print(name, "200 claims on a counter of 100", &rush);
        let (rush, _) = runtime.block_on(hot_spots::messages(&place(), 300));
        print(name, "300 messages to one mailbox", &rush);
        for people in [100, 1000, 10_000] {
            let rush = runtime.block_on(hot_spots::registrations(&place(), people));
            print(name, &format!("{people} registrations at once"), &rush);
        }
    }
}
