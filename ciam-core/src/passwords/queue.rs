//! Who is hashed next, and in which memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Password;
use super::arena::{Arena, Recipe};
use super::options::Plan;
use crate::secret::Secret;

/// A hash that somebody waits for.
pub(super) struct Job {
    pub(super) password: Password,
    pub(super) recipe: Recipe,
    pub(super) reply: oneshot::Sender<Computed>,
}

/// What came of a job.
pub(super) struct Computed {
    pub(super) raw: Option<Secret<Vec<u8>>>,
    /// What it took, without the waiting before.
    pub(super) took: Duration,
}

/// In which queue a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Somebody signs in.
    Checks,
    /// Somebody chooses a password.
    New,
}

/// How many checks may go first, one after the other, while a new password waits.
const CHECKS_FIRST: u32 = 3;

/// Two queues, each with a bound of its own, and the memory that those who are next get from one budget.
///
/// A flood of one kind fills its own queue only. While both wait, three checks are taken for every new password:
/// those who sign in go first, and nobody starves. A job is taken when its memory is there. One that needs more
/// than there is stays at the head until those before it are done, so it is late by one hash and passed by nobody;
/// what is at work never waits for memory, so nothing waits for itself.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bound: usize,
    plan: Plan,
}

struct State {
    checks: VecDeque<Job>,
    new: VecDeque<Job>,
    /// Checks that were taken in a row while a new password waited.
    in_a_row: u32,
    /// Blocks of the budget that no arena has.
    free: usize,
    /// Arenas of the usual size that nobody uses. The last is the one used last.
    resting: Vec<Arena>,
    open: bool,
}

/// A job with the memory for it.
pub(super) struct Taken {
    pub(super) job: Job,
    pub(super) arena: Arena,
    /// Arenas that make room for this one; they go before it is filled.
    pub(super) discarded: Vec<Arena>,
    /// Blocks of the budget that are this job's.
    claimed: usize,
}

/// What a thread without a job does.
enum Idle {
    Wipe(Arena),
    Wait(Option<Duration>),
}

impl Queue {
    pub(super) fn new(plan: Plan) -> Self {
        let state = State {
            checks: VecDeque::new(),
            new: VecDeque::new(),
            in_a_row: 0,
            free: plan.budget,
            resting: Vec::new(),
            open: true,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), bound: plan.queue, plan }
    }

    /// Whether a hash of so many blocks can ever be computed within the budget.
    pub(super) fn has_room_for(&self, blocks: usize) -> bool {
        blocks <= self.plan.budget
    }

    /// Lets a job wait, or says how many wait already.
    pub(super) fn push(&self, lane: Lane, job: Job) -> Result<(), usize> {
        let mut state = self.state();
        let waiting = state.lane(lane);
        if waiting.len() >= self.bound {
            waiting.retain(|job| !job.reply.is_closed());
        }
        if waiting.len() >= self.bound {
            return Err(state.waiting());
        }
        waiting.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting()
    }

    /// The next job, as soon as there is one and the memory for it. Nothing once the queue is closed.
    ///
    /// A thread that has nothing else to do wipes meanwhile what rests.
    pub(super) fn next(&self) -> Option<Taken> {
        let mut state = self.state();
        while state.open {
            if let Some(taken) = state.take(self.plan.own) {
                return Some(taken);
            }
            state = match state.idle(Instant::now()) {
                Idle::Wipe(mut arena) => {
                    drop(state);
                    arena.wipe();
                    let mut state = self.state();
                    state.resting.insert(0, arena);
                    self.announce_memory(&state);
                    state
                }
                Idle::Wait(None) => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Idle::Wait(Some(rest)) => {
                    self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        None
    }

    /// Takes a job's memory back. An arena of another than the usual size is wiped and given up.
    pub(super) fn give_back(&self, arena: Arena, claimed: usize) {
        let usual = arena.len() == self.plan.own;
        let kept = usual.then_some(arena);
        let mut state = self.state();
        state.free += claimed;
        if let Some(arena) = kept {
            state.free -= arena.len();
            state.resting.push(arena);
        }
        self.announce_memory(&state);
    }

    /// Ends the waiting of all threads. Jobs that wait are dropped, which tells those who wait for them.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.open = false;
        state.checks.clear();
        state.new.clear();
        state.resting.clear();
        self.changed.notify_all();
    }

    fn announce_memory(&self, state: &State) {
        if state.waiting() > 0 {
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// The job, its memory, and what to give back with it.
    pub(super) fn split(self) -> (Job, Arena, usize) {
        drop(self.discarded);
        (self.job, self.arena, self.claimed)
    }
}

impl State {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Job> {
        match lane {
            Lane::Checks => &mut self.checks,
            Lane::New => &mut self.new,
        }
    }

    fn waiting(&self) -> usize {
        self.checks.len() + self.new.len()
    }

    /// Whose turn it is.
    fn turn(&self) -> Option<Lane> {
        match (self.checks.is_empty(), self.new.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Lane::New),
            (false, true) => Some(Lane::Checks),
            (false, false) => Some(if self.in_a_row < CHECKS_FIRST { Lane::Checks } else { Lane::New }),
        }
    }

    /// The job whose turn it is, if its memory is there. Jobs that nobody waits for any more are dropped.
    fn take(&mut self, own: usize) -> Option<Taken> {
        for lane in [Lane::Checks, Lane::New] {
            while self.lane(lane).pop_front_if(|job| job.reply.is_closed()).is_some() {}
        }
        let lane = self.turn()?;
        let blocks = self.lane(lane).front()?.recipe.params.block_count();
        let (arena, discarded, claimed) = self.claim(blocks.max(own), own)?;
        let job = self.lane(lane).pop_front()?;
        self.in_a_row = if lane == Lane::Checks && !self.new.is_empty() { self.in_a_row + 1 } else { 0 };
        Some(Taken { job, arena, discarded, claimed })
    }

    /// Memory for so many blocks: an arena that rests, room that is free, or the room of arenas that rest.
    fn claim(&mut self, blocks: usize, own: usize) -> Option<(Arena, Vec<Arena>, usize)> {
        if blocks == own
            && let Some(arena) = self.resting.pop()
        {
            return Some((arena, Vec::new(), own));
        }
        if self.free + self.resting.len() * own < blocks {
            return None;
        }
        let discarded = blocks.saturating_sub(self.free).div_ceil(own);
        let discarded: Vec<Arena> = self.resting.drain(..discarded).collect();
        let given_up = discarded.len() * own;
        let from_free = blocks.saturating_sub(given_up);
        self.free -= from_free;
        Some((Arena::default(), discarded, given_up + from_free))
    }

    fn idle(&mut self, now: Instant) -> Idle {
        let rests = self.resting.iter().enumerate().filter_map(|(at, arena)| Some((arena.rests(now)?, at))).min();
        match rests {
            Some((Duration::ZERO, at)) => Idle::Wipe(self.resting.remove(at)),
            rests => Idle::Wait(rests.map(|(rest, _)| rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use argon2::Version;

    use super::super::Argon2Parameters;
    use super::super::arena::REMEMBERS;
    use super::*;

    type Reply = oneshot::Receiver<Computed>;

    fn job(memory_kib: u32) -> (Job, Reply) {
        let (reply, receiver) = oneshot::channel();
        let parameters = Argon2Parameters { memory_kib, passes: 1, lanes: 1 };
        let params = parameters.for_argon2(32, &[]).unwrap();
        let recipe = Recipe { version: Version::V0x13, params, salt: vec![7; 16], length: 32, pepper: None };
        let password = Password::parse(&Secret::new("x".to_owned())).unwrap();
        (Job { password, recipe, reply }, receiver)
    }

    fn queue(budget: usize, bound: usize) -> Queue {
        Queue::new(Plan { threads: budget / 64, queue: bound, own: 64, budget })
    }

    fn take(queue: &Queue) -> Option<Taken> {
        queue.state().take(64)
    }

    fn free_and_resting(queue: &Queue) -> (usize, usize) {
        let state = queue.state();
        (state.free, state.resting.len())
    }

    fn run(queue: &Queue, taken: Taken) -> usize {
        let (job, mut arena, claimed) = taken.split();
        assert!(arena.compute(&job.password, &job.recipe).is_some());
        let len = arena.len();
        queue.give_back(arena, claimed);
        len
    }

    #[test]
    fn checks_go_first_and_new_passwords_do_not_starve() {
        let queue = queue(64, 20);
        let mut replies = Vec::new();
        for (lane, kib) in [(Lane::New, 9), (Lane::Checks, 10)] {
            for _ in 0..10 {
                let (job, reply) = job(kib);
                queue.push(lane, job).unwrap();
                replies.push(reply);
            }
        }
        let mut order = String::new();
        while let Some(taken) = take(&queue) {
            order.push(if taken.job.recipe.params.m_cost() == 10 { 'c' } else { 'n' });
            run(&queue, taken);
        }
        assert_eq!(order, "cccncccncccncnnnnnnn");
    }

    #[test]
    fn a_full_lane_is_full_for_its_own_kind_and_the_gone_make_room() {
        let queue = queue(64, 2);
        let mut replies = Vec::new();
        for _ in 0..2 {
            let (job, reply) = job(64);
            queue.push(Lane::New, job).unwrap();
            replies.push(reply);
        }
        assert_eq!(queue.push(Lane::New, job(64).0), Err(2));
        let (check, _reply) = job(64);
        assert_eq!(queue.push(Lane::Checks, check), Ok(()));
        replies.pop();
        assert_eq!(queue.push(Lane::New, job(64).0), Ok(()), "one of those who waited has gone");
        assert_eq!(queue.waiting(), 3);
    }

    #[test]
    fn memory_in_use_stays_within_the_budget_and_a_large_hash_gives_its_own_back() {
        let queue = queue(200, 20);
        let mut replies = Vec::new();
        for kib in [64, 64, 200, 64, 64] {
            let (job, reply) = job(kib);
            queue.push(Lane::Checks, job).unwrap();
            replies.push(reply);
        }
        let first = [take(&queue).unwrap(), take(&queue).unwrap()];
        assert!(take(&queue).is_none(), "the large one waits for memory, and nobody passes it");
        for taken in first {
            assert_eq!(run(&queue, taken), 64);
        }
        assert_eq!(free_and_resting(&queue), (72, 2));
        let large = take(&queue).unwrap();
        assert_eq!((large.claimed, large.discarded.len()), (200, 2), "arenas that rest make room");
        assert_eq!(free_and_resting(&queue), (0, 0));
        assert!(take(&queue).is_none());
        assert_eq!(run(&queue, large), 200);
        assert_eq!(free_and_resting(&queue), (200, 0), "the large arena is given up");
        while let Some(taken) = take(&queue) {
            run(&queue, taken);
        }
        assert_eq!(free_and_resting(&queue), (136, 1), "one after the other use one arena");
        assert!(queue.has_room_for(200) && !queue.has_room_for(201));
    }

    #[test]
    fn what_rests_is_wiped_by_who_has_nothing_to_do() {
        let queue = queue(128, 20);
        let (one, two) = (job(64), job(64));
        queue.push(Lane::Checks, one.0).unwrap();
        queue.push(Lane::Checks, two.0).unwrap();
        for taken in [take(&queue).unwrap(), take(&queue).unwrap()] {
            run(&queue, taken);
        }
        let now = Instant::now();
        let mut state = queue.state();
        assert!(matches!(state.idle(now), Idle::Wait(Some(rest)) if rest <= REMEMBERS));
        for _ in 0..2 {
            let Idle::Wipe(mut arena) = state.idle(now + REMEMBERS) else { panic!("two arenas have rested") };
            arena.wipe();
            state.resting.insert(0, arena);
        }
        assert!(matches!(state.idle(now + REMEMBERS), Idle::Wait(None)));
    }

    #[test]
    fn nobody_hashes_for_those_who_have_gone() {
        let queue = queue(64, 20);
        queue.push(Lane::Checks, job(64).0).unwrap();
        queue.push(Lane::New, job(64).0).unwrap();
        assert!(take(&queue).is_none());
        assert_eq!(queue.waiting(), 0);
        queue.close();
        assert!(queue.next().is_none());
    }
}
