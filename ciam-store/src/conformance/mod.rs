//! The suite that every backend must pass, written once.
//!
//! A case is a plain async function over a [`Fixture`]; it panics when the backend does something
//! else than the port promises. [`conformance!`](crate::conformance!) makes a test of each:
//!
//! ```
//! ciam_store::conformance!(memory, || async { Some((std::sync::Arc::new(ciam_store::MemoryStore::new()), ())) });
//! # fn main() {}
//! ```
//!
//! The closure opens an empty backend and gives back whatever must live as long as the case does
//! (a temporary folder), or none where the backend cannot be had: then the cases say so and pass. Cases run in parallel, so each opens a backend of its own.
//!
//! [`restarts!`](crate::restarts!) does the same for what a backend keeps when it is closed and opened again.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the suite panics: that is how it fails")]

pub mod conditions;
pub mod counting;
pub mod directory;
pub mod expiry;
mod fixture;
pub mod limits;
pub mod load;
pub mod outcomes;
pub mod queries;
pub mod races;
pub mod restarts;
pub mod stream;
pub mod units;

use std::sync::Arc;

use ciam_core::store::Backend;

pub use fixture::{Account, AccountId, Fixture, Ticket, TicketId};
use restarts::Place;

/// Runs a case on a runtime of several threads, so that races are real.
pub fn run<B, G, O, F>(open: impl FnOnce() -> O, case: impl FnOnce(Fixture) -> F)
where
    B: Backend,
    O: Future<Output = Option<(Arc<B>, G)>>,
    F: Future<Output = ()>,
{
    runtime().block_on(async {
        match open().await {
            Some((backend, _kept)) => case(Fixture::new(backend).await).await,
            None => eprintln!("left out: the backend is not there"),
        }
    });
}

/// Runs a case that opens a store more than once, at a place of its own.
pub fn run_with_restarts<P, N, B, O, F>(
    place: impl FnOnce() -> N,
    open: impl Fn(Arc<P>) -> O + 'static,
    case: impl FnOnce(Place) -> F,
) where
    P: 'static,
    N: Future<Output = Option<P>>,
    B: Backend,
    O: Future<Output = Arc<B>> + 'static,
    F: Future<Output = ()>,
{
    runtime().block_on(async {
        match place().await {
            Some(place) => case(Place::new(place, open)).await,
            None => eprintln!("left out: the backend is not there"),
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

/// Makes a module of tests, one for every case of the suite, over one backend: its name, and a
/// closure whose future opens an empty backend and what must outlive it.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $open:expr) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "the expression that opens a backend may need any of them")]
            use super::*;

            $crate::conformance_cases!($open);
        }
    };
}

/// Makes a module of tests, one for every case about restarts, over a backend that outlives its process: its name, a
/// closure whose future makes an empty place (a folder; or none, as for [`conformance!`](crate::conformance!)), and one
/// that opens the store at this place, given as an [`Arc`](std::sync::Arc). A case drops a store before it opens the
/// next.
///
/// ```
/// # use std::sync::Arc;
/// # use ciam_store::MemoryStore as MyStore;
/// ciam_store::restarts!(
///     my_store_again,
///     || async { Some(MyStore::new()) }, // stands for a folder: this store keeps its records as long as it lives
///     |place: Arc<MyStore>| async move { place }
/// );
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! restarts {
    ($name:ident, $place:expr, $open:expr) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "the expressions that open a backend may need any of them")]
            use super::*;

            $crate::conformance_restarts! { $place, $open;
                records_are_there_again, units_are_known_again, the_stream_goes_on, another_declaration_is_refused
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_restarts {
    ($place:expr, $open:expr; $($case:ident),* $(,)?) => {
        $(#[test]
        fn $case() {
            $crate::conformance::run_with_restarts($place, $open, $crate::conformance::restarts::$case);
        })*
    };
}

/// The list of all cases; [`conformance!`](crate::conformance!) is what to call.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($open:expr) => {
        $crate::conformance_cases! { $open;
            conditions {
                what_was_inserted_is_read, insert_refuses_a_taken_id, insert_refuses_a_taken_key,
                a_null_never_collides, a_key_of_two_columns_collides_as_a_whole, replace_needs_the_version_that_was_read,
                replace_writes_document_and_shape, replace_refuses_a_key_that_another_has, remove_needs_the_version_that_was_read,
                guard_needs_the_version_that_was_read, guard_of_absence, two_guards_succeed_and_two_touches_do_not,
                a_unit_has_its_id_once, realms_are_walled_off, all_or_nothing_wherever_it_fails,
                a_key_passes_from_a_removed_to_an_inserted_record, foreign_names_are_misuse
            }
            counting {
                add_changes_no_version_and_is_never_stale, add_keeps_its_bounds, add_saturates,
                add_creates_what_is_absent, raise_goes_only_upwards, raise_strictly_refuses_what_was_used,
                replace_leaves_counters_alone, a_refused_count_leaves_nothing
            }
            directory {
                every_test_finds_what_it_says, what_has_no_value_is_told_apart, filters_are_combined_and_turned_around,
                hostile_texts_are_texts, sorted_both_ways_and_by_several_fields, pages_by_cursor_have_no_gap_and_no_repetition,
                pages_hold_while_others_write, pages_by_offset, totals_are_exact_up_to_a_bound, times_and_ids_are_searched_by,
                an_expired_record_is_not_found, a_search_stays_in_its_realm, what_is_too_much_is_refused,
                a_cursor_of_another_search_is_refused, what_a_search_cannot_be_asked_is_told
            }
            expiry {
                an_expired_record_is_absent_to_reads, an_expired_record_is_absent_to_conditions,
                an_expired_record_frees_its_id_and_key, whoever_loses_the_key_to_another_is_gone, replace_moves_the_expiry, replace_takes_the_key_of_an_expired_record,
                add_starts_anew_after_expiry, the_moment_of_the_call_decides, sweep_is_bounded_and_spares_the_living,
                sweep_forgets_old_units
            }
            limits {
                a_batch_of_256_is_committed_and_one_more_refused, a_batch_past_a_mebibyte_is_refused,
                u0000_is_refused_in_indexed_text, a_document_keeps_any_text, preparing_again_changes_nothing,
                one_name_declared_twice_is_refused, a_prepared_backend_answers_a_ping
            }
            load {
                what_was_loaded_is_there, a_refused_group_leaves_nothing_and_disturbs_nobody,
                of_two_in_one_load_the_first_is_kept, what_has_expired_makes_room, loading_again_inserts_what_is_missing,
                a_load_that_makes_no_sense_is_refused_whole, units_are_loaded_as_they_would_be_committed,
                whoever_saw_nothing_there_looks_again, more_bytes_than_one_load_holds_go_in_several,
                of_groups_one_by_one_each_lost_answer_is_settled, a_lost_answer_is_settled,
                what_a_lost_load_wrote_is_known_though_others_have_changed_it, a_settled_load_never_comes, a_backend_that_is_gone_is_told_of_at_once,
                loads_and_units_race_for_the_same_keys
            }
            outcomes {
                a_unit_that_was_lost_before_its_commit_runs_again, a_unit_that_was_lost_after_its_commit_does_not,
                settling_makes_a_late_commit_impossible, settling_says_the_same_again,
                an_unanswered_settlement_is_asked_again, what_cannot_be_settled_stays_unknown
            }
            queries {
                pages_ascend_and_descend_without_gap_or_repetition, equal_values_are_told_apart_by_id,
                ranges_with_every_kind_of_end, prefixes, text_compares_bytewise, numbers_compare_as_numbers,
                an_exact_key_is_paged_by_id, a_null_is_not_found, a_forged_cursor_is_refused,
                count_goes_up_to_a_bound, get_many_is_one_moment, an_undeclared_index_is_misuse
            }
            races {
                insert_of_one_id, insert_of_one_key, replace_of_one_version, take_of_one_record, touch_of_one_version,
                guard_against_replace, guard_of_absence_against_insert, records_named_in_any_order, add_up_to_a_bound, add_that_creates, add_downwards, raise_strictly_of_one_step,
                a_key_that_passes_on, sequential_units_on_one_record, units_of_one_id, settle_against_commit
            }
            stream {
                tail_follows_in_commit_order, events_of_one_unit_keep_their_order, tail_misses_nothing_while_units_commit, an_event_exists_if_its_change_does,
                tail_sees_one_realm
            }
            units {
                a_unit_sees_its_own_writes, find_sees_pending_writes, a_unit_sees_its_own_counting,
                what_was_got_is_guarded, absence_is_guarded, what_was_peeked_at_is_not_guarded,
                a_stale_unit_runs_again, a_unit_gives_up_after_eight_runs, an_error_discards_the_unit,
                effects_run_once_after_the_commit, a_renewed_record_begins_anew, misuse_is_told, a_unit_replaces_and_counts, a_handle_is_of_no_use_after_its_unit,
                a_newer_shape_is_read_but_not_replaced, a_dropped_future_leaves_all_or_nothing
            }
        }
    };
    ($open:expr; $($module:ident { $($case:ident),* $(,)? })*) => {
        $(mod $module {
            #[allow(unused_imports, reason = "the expression that opens a backend may need any of them")]
            use super::*;

            $(#[test]
            fn $case() {
                $crate::conformance::run($open, $crate::conformance::$module::$case);
            })*
        })*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_mounted() {
        let list = include_str!("mod.rs");
        let files = [
            include_str!("conditions.rs"),
            include_str!("counting.rs"),
            include_str!("directory.rs"),
            include_str!("expiry.rs"),
            include_str!("limits.rs"),
            include_str!("load.rs"),
            include_str!("outcomes.rs"),
            include_str!("queries.rs"),
            include_str!("races.rs"),
            include_str!("restarts.rs"),
            include_str!("stream.rs"),
            include_str!("units.rs"),
        ];
        for case in files.iter().flat_map(|file| file.split("\npub async fn ").skip(1)) {
            let name = case.split('(').next().unwrap();
            assert!(list.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name), "{name}");
        }
    }
}
