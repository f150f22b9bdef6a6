//! Records that everybody wants at once, on every store: nobody is left without an answer, and what it costs stays within
//! bounds. `benches/hot_spots.rs` has the figures. What wants a server is left out where there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/hot_spots.rs"]
mod hot_spots;

use hot_spots::Place;

macro_rules! on_every_store {
    ($($case:ident)*) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::Place::memory().await).await;
            })*
        }

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::Place::sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::Place::postgres().await).await;
            })*
        }
    };
}

on_every_store! {
    pw6_of_a_thousand_wrong_passwords_for_one_account_five_are_judged_and_all_are_answered
    of_two_hundred_who_claim_a_seat_as_many_get_one_as_there_are
    of_two_hundred_who_claim_a_seat_of_a_team_that_they_read_as_many_get_one_as_there_are
    rl8_of_three_hundred_messages_to_one_mailbox_five_are_sent_and_all_are_answered
    two_thousand_who_register_at_once_are_all_registered
}

async fn pw6_of_a_thousand_wrong_passwords_for_one_account_five_are_judged_and_all_are_answered(place: Option<Place>) {
    let Some(place) = place else { return };
    let (rush, judged) = hot_spots::wrong_passwords(&place, 1000).await;
    assert_eq!((rush.served, rush.refused, judged), (5, 995, 5), "{rush:?}");
    assert!(rush.commits < 6000, "{} commits for a thousand tries", rush.commits);
}

async fn of_two_hundred_who_claim_a_seat_as_many_get_one_as_there_are(place: Option<Place>) {
    let Some(place) = place else { return };
    let (rush, members, seats) = hot_spots::seats(&place, 200, 100, false).await;
    assert_eq!((rush.served, rush.refused, members, seats), (100, 100, 100, 100), "{rush:?}");
    assert_eq!(rush.commits, 200, "what is added is never stale");
}

async fn of_two_hundred_who_claim_a_seat_of_a_team_that_they_read_as_many_get_one_as_there_are(place: Option<Place>) {
    let Some(place) = place else { return };
    let (rush, members, seats) = hot_spots::seats(&place, 200, 100, true).await;
    assert_eq!((rush.served, rush.refused, members, seats), (100, 100, 100, 100), "{rush:?}");
    assert_eq!(rush.commits, 200, "nor what is read of it, as nobody replaces it");
}

async fn rl8_of_three_hundred_messages_to_one_mailbox_five_are_sent_and_all_are_answered(place: Option<Place>) {
    let Some(place) = place else { return };
    let (rush, messages) = hot_spots::messages(&place, 300).await;
    assert_eq!((rush.served, rush.refused, messages), (5, 295, 5), "{rush:?}");
    assert!(rush.commits < 2000, "{} commits for three hundred sign-ups", rush.commits);
}

async fn two_thousand_who_register_at_once_are_all_registered(place: Option<Place>) {
    let Some(place) = place else { return };
    let rush = hot_spots::registrations(&place, 2000).await;
    assert_eq!((rush.served, rush.commits), (2000, 2000), "{rush:?}");
}
