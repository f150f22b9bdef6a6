//! Reading the stream of events to its end.

use std::time::{Duration, Instant};

use ciam::Ciam;
use ciam::events::{Cause, Event, NewEvent};
use ciam::store::{Position, StoreError};

/// The event that closes what is read.
const MARK: &str = "test.mark";
/// How long older transactions of the server may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// All events that were committed before this is called. PostgreSQL holds them back as long as an older transaction of
/// its whole server is open, such as one of another test: so one more is written, and they are there when that is.
pub(crate) async fn all(ciam: &Ciam) -> Vec<Event> {
    let marked: Result<(), StoreError> =
        ciam.store().transact(|work| async move { work.record(NewEvent::new(MARK, &Cause::system())) }).await;
    marked.unwrap();
    let begun = Instant::now();
    let (mut after, mut events) = (Position::START, Vec::<Event>::new());
    while events.iter().all(|event| event.name != MARK) {
        assert!(begun.elapsed() < PATIENCE, "an older transaction stays open");
        for (position, event) in ciam.store().tail::<Event>(after, 1000).await.unwrap() {
            after = position;
            events.push(event);
        }
    }
    events
}
