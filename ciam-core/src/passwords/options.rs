//! How much a hash costs, and how much of the machine hashing may take.

use argon2::{KeyId, Params, ParamsBuilder};
use serde::{Deserialize, Serialize};

/// How much work a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argon2Parameters {
    /// KiB of memory (default 19456: OWASP Password Storage Cheat Sheet).
    pub memory_kib: u32,
    /// Passes over it (default 2).
    pub passes: u32,
    /// Lanes (default 1).
    pub lanes: u32,
}

impl Default for Argon2Parameters {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl Argon2Parameters {
    /// The most that a stored hash may ask for, so that an imported one cannot exhaust the machine.
    pub(super) const MOST: Self = Self { memory_kib: 262_144, passes: 16, lanes: 16 };

    /// The weakest that we would propose: so much memory for so many passes, or more of both (OWASP Password
    /// Storage Cheat Sheet, its two strongest of five equal settings).
    pub(super) const FLOORS: [Self; 2] =
        [Self { memory_kib: 47_104, passes: 1, lanes: 1 }, Self { memory_kib: 19_456, passes: 2, lanes: 1 }];

    /// Whether they are at least as strong as what OWASP recommends: 46 MiB for one pass, 19 MiB for two or more.
    ///
    /// ```
    /// use ciam_core::passwords::Argon2Parameters;
    /// assert!(Argon2Parameters::default().meet_owasp());
    /// assert!(!Argon2Parameters { memory_kib: 19_456, passes: 1, lanes: 1 }.meet_owasp());
    /// ```
    #[must_use]
    pub fn meet_owasp(&self) -> bool {
        Self::FLOORS.iter().any(|floor| self.memory_kib >= floor.memory_kib && self.passes >= floor.passes)
    }

    pub(super) const fn exceed(&self, most: &Self) -> bool {
        self.memory_kib > most.memory_kib || self.passes > most.passes || self.lanes > most.lanes
    }

    /// What the algorithm wants to know; `key_id` names the pepper in the hash.
    pub(super) fn for_argon2(self, length: usize, key_id: &[u8]) -> Result<Params, InvalidArgon2Options> {
        let mut builder = ParamsBuilder::new();
        builder.m_cost(self.memory_kib).t_cost(self.passes).p_cost(self.lanes).output_len(length);
        let key_id = KeyId::new(key_id).map_err(|_| InvalidArgon2Options::Parameters)?;
        builder.keyid(key_id).build().map_err(|_| InvalidArgon2Options::Parameters)
    }
}

/// How passwords are hashed, and what that may take of the machine.
///
/// ```
/// use ciam_core::passwords::{Argon2Options, Argon2Parameters};
///
/// let options = Argon2Options {
///     parameters: Argon2Parameters { memory_kib: 47_104, passes: 2, lanes: 1 },
///     memory_budget_kib: Some(512 * 1024), // never more than 512 MiB, whatever arrives
///     ..Argon2Options::default()
/// };
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Argon2Options {
    /// How much work a hash costs (default: [`Argon2Parameters::default`]).
    pub parameters: Argon2Parameters,
    /// How many hash at once (default: one for every core, as far as the memory budget goes).
    pub threads: Option<usize>,
    /// How many passwords may wait to be checked, and again as many to be set (default: 50 for every thread).
    pub queue: Option<usize>,
    /// The most memory that all hashes together ever take, in KiB (default: what the threads need, and at least
    /// 256 MiB, which nothing but an imported hash of that size uses). A stored hash that asks for more than all
    /// of it matches no password.
    pub memory_budget_kib: Option<u32>,
}

/// The options make no sense together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArgon2Options {
    /// Argon2 refuses the parameters, or they pass 256 MiB, 16 passes or 16 lanes.
    #[error("argon2 does not take these parameters: memory_kib is 8 × lanes to 262144, passes 1 to 16, lanes 1 to 16")]
    Parameters,
    /// No thread, or no room for anybody to wait.
    #[error("passwords are hashed by at least one thread, and at least one may wait: raise threads or queue")]
    NoRoom,
    /// The memory budget does not hold as many hashes as there are threads.
    #[error(
        "{needed_kib} KiB are needed and the memory budget is {budget_kib} KiB: raise memory_budget_kib, or lower threads or memory_kib"
    )]
    BudgetTooSmall {
        /// What the threads need.
        needed_kib: usize,
        /// What there is.
        budget_kib: usize,
    },
    /// The operating system gives no thread.
    #[error("the operating system gives no thread to hash on")]
    NoThread,
}

/// The options with every default decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) threads: usize,
    pub(super) queue: usize,
    /// What one hash takes, in blocks of 1 KiB.
    pub(super) own: usize,
    /// What all together may take, in the same unit.
    pub(super) budget: usize,
}

impl Argon2Options {
    pub(super) fn plan(&self, cores: usize) -> Result<Plan, InvalidArgon2Options> {
        if self.parameters.exceed(&Argon2Parameters::MOST) {
            return Err(InvalidArgon2Options::Parameters);
        }
        let own = self.parameters.for_argon2(32, &[])?.block_count();
        let given = self.memory_budget_kib.map(|kib| usize::try_from(kib).unwrap_or(usize::MAX));
        let fitting = given.map_or(cores, |budget| cores.min(budget / own)).max(1);
        let threads = self.threads.unwrap_or(fitting);
        let queue = self.queue.unwrap_or(threads.saturating_mul(50));
        if threads == 0 || queue == 0 {
            return Err(InvalidArgon2Options::NoRoom);
        }
        let needed = threads.saturating_mul(own);
        let budget = given.unwrap_or_else(|| needed.max(262_144));
        if needed > budget {
            return Err(InvalidArgon2Options::BudgetTooSmall { needed_kib: needed, budget_kib: budget });
        }
        Ok(Plan { threads, queue, own, budget })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(memory_kib: u32, threads: Option<usize>, budget: Option<u32>) -> Argon2Options {
        let parameters = Argon2Parameters { memory_kib, passes: 1, lanes: 1 };
        Argon2Options { parameters, threads, queue: None, memory_budget_kib: budget }
    }

    #[test]
    fn threads_times_memory_never_pass_the_budget() {
        let plan = Argon2Options::default().plan(4).unwrap();
        assert_eq!(plan, Plan { threads: 4, queue: 200, own: 19_456, budget: 262_144 });
        assert_eq!(Argon2Options::default().plan(100).unwrap().budget, 1_945_600);
        assert_eq!(options(1024, None, Some(3 * 1024 + 1000)).plan(8).unwrap().threads, 3);
        for (own, cores, budget) in [(64, 1, 64), (64, 16, 1000), (1000, 16, 2999), (19_456, 64, 500_000)] {
            let plan = options(own, None, Some(budget)).plan(cores).unwrap();
            assert!(plan.threads >= 1 && plan.threads * plan.own <= plan.budget);
        }
    }

    #[test]
    fn a_budget_that_is_too_small_says_what_to_do() {
        let none = options(1024, None, Some(1023)).plan(8);
        assert_eq!(none, Err(InvalidArgon2Options::BudgetTooSmall { needed_kib: 1024, budget_kib: 1023 }));
        let few = options(1024, Some(3), Some(3071)).plan(8).unwrap_err();
        assert_eq!(
            few.to_string(),
            "3072 KiB are needed and the memory budget is 3071 KiB: raise memory_budget_kib, or lower threads or memory_kib"
        );
    }

    #[test]
    fn senseless_options_are_refused() {
        for (memory_kib, passes, lanes) in
            [(1, 1, 1), (64, 0, 1), (64, 1, 0), (1 << 20, 1, 1), (64, 17, 1), (256, 1, 17)]
        {
            let parameters = Argon2Parameters { memory_kib, passes, lanes };
            let refused = Argon2Options { parameters, ..Default::default() }.plan(2);
            assert_eq!(refused, Err(InvalidArgon2Options::Parameters));
        }
        assert_eq!(options(64, Some(0), None).plan(2), Err(InvalidArgon2Options::NoRoom));
        let no_queue = Argon2Options { queue: Some(0), ..options(64, None, None) };
        assert_eq!(no_queue.plan(2), Err(InvalidArgon2Options::NoRoom));
    }
}
