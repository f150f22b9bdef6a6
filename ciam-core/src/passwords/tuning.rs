//! Which parameters suit this machine.

use std::sync::{Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Version;
use serde::Serialize;

use super::arena::{Arena, Recipe};
use super::options::{Argon2Options, Argon2Parameters, InvalidArgon2Options};
use super::{MAX_CODE_POINTS, Password};
use crate::secret::Secret;

/// What a hash may cost on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// How long one hash may take while all threads hash (default 250 ms: own; OWASP wants less than a second).
    pub target: Duration,
    /// What all hashes together may take, in KiB (default 256 MiB: own).
    pub memory_budget_kib: u32,
    /// How many hash at once (default: one for every core, as far as the budget goes).
    pub threads: Option<usize>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { target: Duration::from_millis(250), memory_budget_kib: 256 * 1024, threads: None }
    }
}

/// What was measured, and the parameters that follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tuned {
    /// The parameters: never below what OWASP recommends.
    pub parameters: Argon2Parameters,
    /// How many hash at once.
    pub threads: usize,
    /// What all hashes together may take, in KiB.
    pub memory_budget_kib: u32,
    /// What was wished for, in milliseconds.
    pub target_ms: u64,
    /// What one hash takes while all threads hash, in milliseconds: the median.
    pub took_ms: u64,
    /// Whether that is what was wished for. If not, even the weakest parameters that OWASP recommends take longer.
    pub within_target: bool,
    /// How many passwords a second can be checked.
    pub sign_ins_per_second: f64,
}

impl Tuned {
    /// The options for [`CiamBuilder::argon2`](crate::CiamBuilder::argon2).
    #[must_use]
    pub fn options(&self) -> Argon2Options {
        Argon2Options {
            parameters: self.parameters,
            threads: Some(self.threads),
            queue: None,
            memory_budget_kib: Some(self.memory_budget_kib),
        }
    }
}

/// Measures this machine and proposes parameters for Argon2id: as much memory as the target allows, within the
/// budget, and then as many passes (the order of RFC 9106 §4), but never less than OWASP recommends.
///
/// It keeps as many cores busy as will hash, for some seconds: not something to do while a site is in use, nor on
/// the threads that serve it.
///
/// # Errors
/// [`InvalidArgon2Options::BudgetTooSmall`] when the budget does not hold 19 MiB for every thread,
/// [`InvalidArgon2Options::NoRoom`] for no thread.
pub fn tune(wish: &Tuning) -> Result<Tuned, InvalidArgon2Options> {
    let begun = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    tune_by(wish, cores, |parameters, threads| measure(parameters, threads, &|| begun.elapsed()))
}

/// How often a hash is timed on each thread, after one that is not.
const ROUNDS: usize = 3;

fn tune_by(
    wish: &Tuning,
    cores: usize,
    measure: impl Fn(Argon2Parameters, usize) -> Duration,
) -> Result<Tuned, InvalidArgon2Options> {
    let [_, least] = Argon2Parameters::FLOORS;
    let options = Argon2Options {
        parameters: least,
        threads: wish.threads,
        queue: None,
        memory_budget_kib: Some(wish.memory_budget_kib),
    };
    let plan = options.plan(cores)?;
    let most = u32::try_from(plan.budget / plan.threads).unwrap_or(u32::MAX).min(Argon2Parameters::MOST.memory_kib);
    let search = Search { target: wish.target, most, measure: |parameters| measure(parameters, plan.threads) };
    let (parameters, took) = search.best();
    Ok(Tuned {
        parameters,
        threads: plan.threads,
        memory_budget_kib: wish.memory_budget_kib,
        target_ms: millis(wish.target),
        took_ms: millis(took),
        within_target: took <= wish.target,
        sign_ins_per_second: plan.threads as f64 / took.as_secs_f64().max(f64::EPSILON),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

struct Search<M> {
    target: Duration,
    /// The most memory of one hash.
    most: u32,
    measure: M,
}

impl<M: Fn(Argon2Parameters) -> Duration> Search<M> {
    /// From the first floor that is within the target, as far up as that allows.
    fn best(&self) -> (Argon2Parameters, Duration) {
        let [one_pass, two_passes] = Argon2Parameters::FLOORS;
        if one_pass.memory_kib <= self.most {
            let took = (self.measure)(one_pass);
            if took <= self.target {
                return self.with_passes(self.with_memory(one_pass, took));
            }
        }
        let took = (self.measure)(two_passes);
        if took > self.target {
            return (two_passes, took);
        }
        self.with_passes(self.with_memory(two_passes, took))
    }

    /// Time grows with memory, roughly: guesses, and then approaches the target from above.
    fn with_memory(&self, floor: Argon2Parameters, took: Duration) -> (Argon2Parameters, Duration) {
        let mut good = (floor, took);
        let mut memory_kib = self.scaled(floor.memory_kib, took);
        for _ in 0..6 {
            if memory_kib <= good.0.memory_kib {
                break;
            }
            let tried = Argon2Parameters { memory_kib, ..floor };
            let took = (self.measure)(tried);
            if took <= self.target {
                good = (tried, took);
                break;
            }
            // A little less than in proportion, so that each try is smaller than the one before.
            memory_kib = self.scaled(memory_kib - memory_kib / 32, took);
        }
        good
    }

    /// So much memory as fits the target if so much takes so long: whole MiB, and no more than there is.
    fn scaled(&self, memory_kib: u32, took: Duration) -> u32 {
        let factor = self.target.as_secs_f64() / took.as_secs_f64().max(f64::EPSILON);
        let kib = (f64::from(memory_kib) * factor).min(f64::from(self.most));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "neither negative nor above a u32, by the line before"
        )]
        let kib = kib as u32;
        kib - kib % 1024
    }

    /// Where memory is at its end, more passes use what time is left.
    fn with_passes(&self, (mut good, mut took): (Argon2Parameters, Duration)) -> (Argon2Parameters, Duration) {
        while good.passes < Argon2Parameters::MOST.passes {
            let next = Argon2Parameters { passes: good.passes + 1, ..good };
            if took.saturating_mul(next.passes) / good.passes > self.target {
                break;
            }
            let longer = (self.measure)(next);
            if longer > self.target {
                break;
            }
            (good, took) = (next, longer);
        }
        (good, took)
    }
}

/// What one hash takes while so many threads hash: the median of [`ROUNDS`] on each. `now` tells the time since
/// some moment.
fn measure(parameters: Argon2Parameters, threads: usize, now: &(dyn Fn() -> Duration + Sync)) -> Duration {
    let Ok(params) = parameters.for_argon2(32, &[]) else { return Duration::MAX };
    let Ok(password) = Password::parse(&Secret::new("x".repeat(MAX_CODE_POINTS / 8))) else { return Duration::MAX };
    let recipe = Recipe { version: Version::V0x13, params, salt: vec![0; 16], length: 32, pepper: None };
    let (took, together) = (Mutex::new(Vec::new()), Barrier::new(threads));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut arena = Arena::default();
                let mut done = arena.compute(&password, &recipe).is_some();
                together.wait();
                for _ in 0..ROUNDS {
                    let begun = now();
                    done &= arena.compute(&password, &recipe).is_some();
                    let spent = if done { now().saturating_sub(begun) } else { Duration::MAX };
                    took.lock().unwrap_or_else(PoisonError::into_inner).push(spent);
                }
            });
        }
    });
    let mut took = took.into_inner().unwrap_or_else(PoisonError::into_inner);
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A machine that hashes so many MiB-passes a second.
    fn on_a_machine(mib_a_second: u32, wish: Tuning, cores: usize) -> Tuned {
        let took = |parameters: Argon2Parameters, _: usize| {
            assert!(parameters.meet_owasp() && parameters.memory_kib <= 262_144);
            Duration::from_secs_f64(
                f64::from(parameters.memory_kib * parameters.passes) / 1024.0 / f64::from(mib_a_second),
            )
        };
        tune_by(&wish, cores, took).unwrap()
    }

    fn wish(target_ms: u64, budget_mib: u32, threads: Option<usize>) -> Tuning {
        Tuning { target: Duration::from_millis(target_ms), memory_budget_kib: budget_mib * 1024, threads }
    }

    #[test]
    fn memory_first_then_passes_within_target_and_budget() {
        let tuned = on_a_machine(1000, wish(250, 512, None), 2);
        let best = Argon2Parameters { memory_kib: 250 * 1024, passes: 1, lanes: 1 };
        assert_eq!((tuned.parameters, tuned.took_ms, tuned.within_target), (best, 250, true));
        assert!((tuned.sign_ins_per_second - 8.0).abs() < 1e-6);
        let little_memory = on_a_machine(1000, wish(250, 128, None), 2);
        assert_eq!(little_memory.parameters, Argon2Parameters { memory_kib: 65_536, passes: 3, lanes: 1 });
        let less_memory = on_a_machine(1000, wish(250, 64, None), 2);
        assert_eq!(less_memory.parameters, Argon2Parameters { memory_kib: 32_768, passes: 7, lanes: 1 });
        let fast = on_a_machine(1_000_000, wish(1000, 8192, None), 2);
        assert_eq!(fast.parameters, Argon2Parameters { memory_kib: 262_144, passes: 16, lanes: 1 });
    }

    #[test]
    fn never_below_owasp_also_on_a_slow_machine() {
        let slow = on_a_machine(40, wish(250, 512, None), 2);
        assert_eq!(slow.parameters, Argon2Parameters { memory_kib: 19_456, passes: 2, lanes: 1 });
        assert!(!slow.within_target && slow.took_ms == 950);
        let between = on_a_machine(160, wish(250, 512, None), 2);
        assert_eq!(between.parameters, Argon2Parameters { memory_kib: 20_480, passes: 2, lanes: 1 });
        assert!(between.within_target);
    }

    #[test]
    fn what_is_proposed_is_a_pool_that_can_be_built() {
        for (speed, target, budget, cores) in [(40, 100, 20, 8), (1000, 250, 512, 64), (5000, 1000, 100, 3)] {
            let tuned = on_a_machine(speed, wish(target, budget, None), cores);
            let plan = tuned.options().plan(cores).unwrap();
            assert_eq!(plan.threads, tuned.threads);
            assert!(plan.threads * plan.own <= budget as usize * 1024);
        }
        let refused = tune_by(&wish(250, 18, None), 2, |_, _| Duration::ZERO);
        assert!(matches!(refused, Err(InvalidArgon2Options::BudgetTooSmall { .. })));
        let refused = tune_by(&wish(250, 64, Some(4)), 2, |_, _| Duration::ZERO);
        assert!(matches!(refused, Err(InvalidArgon2Options::BudgetTooSmall { .. })));
        assert_eq!(tune_by(&wish(250, 64, Some(0)), 2, |_, _| Duration::ZERO), Err(InvalidArgon2Options::NoRoom));
    }

    #[test]
    fn a_machine_that_is_noisy_ends_the_search_all_the_same() {
        let calls = AtomicU64::new(0);
        let noisy = |_: Argon2Parameters, _: usize| {
            Duration::from_millis([10, 400, 3][calls.fetch_add(1, Ordering::Relaxed) as usize % 3])
        };
        assert!(tune_by(&wish(250, 512, None), 2, noisy).unwrap().parameters.meet_owasp());
        assert!(calls.load(Ordering::Relaxed) < 30);
    }

    #[test]
    fn measuring_takes_the_median_by_the_timer_that_is_given() {
        let ticks = AtomicU64::new(0);
        let now = || Duration::from_millis(10 * ticks.fetch_add(1, Ordering::Relaxed));
        let small = Argon2Parameters { memory_kib: 64, passes: 1, lanes: 1 };
        assert_eq!(measure(small, 1, &now), Duration::from_millis(10));
        assert_eq!(ticks.load(Ordering::Relaxed), 2 * ROUNDS as u64);
        let impossible = Argon2Parameters { memory_kib: 1, passes: 1, lanes: 1 };
        assert_eq!(measure(impossible, 2, &now), Duration::MAX);
    }

    #[test]
    fn the_result_is_plain_json() {
        let tuned = on_a_machine(1000, wish(250, 512, None), 2);
        let json = serde_json::to_value(tuned).unwrap();
        assert_eq!(json["parameters"]["memory_kib"], 256_000);
        assert_eq!(json["took_ms"], 250);
        assert_eq!(json["within_target"], true);
    }
}
