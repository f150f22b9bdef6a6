//! The memory that a hash is computed in.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

use super::Password;
use super::peppers::Pepper;
use crate::secret::Secret;

/// How long an arena may keep what the last hash left in it.
pub(super) const REMEMBERS: Duration = Duration::from_millis(100);

/// Memory for one hash at a time, used again and again.
///
/// What a hash leaves behind is worth something: from the memory of a hash of one pass, guesses can be tried
/// without the memory that makes them dear. Wiping costs an eighth of a hash, so it is not done between two
/// hashes, of which the second overwrites the first. It is done by a thread that has nothing else to do, once
/// the arena has rested for [`REMEMBERS`], and before the memory goes back to the operating system.
#[derive(Default)]
pub(super) struct Arena {
    blocks: Vec<Block>,
    /// When it was used, if it was not wiped since.
    used: Option<Instant>,
}

/// Everything about one hash but the password.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) version: Version,
    pub(super) params: Params,
    pub(super) salt: Vec<u8>,
    pub(super) length: usize,
    pub(super) pepper: Option<Pepper>,
}

impl Arena {
    /// How many blocks of 1 KiB it holds.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// How long it has to rest until it should be wiped; nothing when there is nothing to wipe.
    pub(super) fn rests(&self, now: Instant) -> Option<Duration> {
        self.used.map(|used| (used + REMEMBERS).saturating_duration_since(now))
    }

    /// Overwrites all of it.
    pub(super) fn wipe(&mut self) {
        if self.used.take().is_some() {
            self.blocks.as_mut_slice().iter_mut().zeroize();
        }
    }

    /// Computes a hash, in as much memory as it asks for. Nothing when there is no such hash, or not the memory.
    pub(super) fn compute(&mut self, password: &Password, recipe: &Recipe) -> Option<Secret<Vec<u8>>> {
        let Recipe { version, params, salt, length, pepper } = recipe;
        let blocks = params.block_count();
        if let Some(more) = blocks.checked_sub(self.blocks.len()) {
            self.wipe();
            self.blocks.try_reserve_exact(more).ok()?;
            self.blocks.resize(blocks, Block::new());
        }
        self.used = Some(Instant::now());
        let mut out = Secret::new(vec![0; *length]);
        let params = params.clone();
        let argon2 = match pepper {
            Some(pepper) => Argon2::new_with_secret(pepper.expose(), Algorithm::Argon2id, *version, params).ok()?,
            None => Argon2::new(Algorithm::Argon2id, *version, params),
        };
        let arena = &mut self.blocks[..blocks];
        argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, out.expose_mut(), arena).ok()?;
        self.used = Some(Instant::now());
        Some(out)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Argon2Parameters;
    use super::*;

    fn recipe(memory_kib: u32) -> Recipe {
        let parameters = Argon2Parameters { memory_kib, passes: 1, lanes: 1 };
        let params = parameters.for_argon2(32, &[]).unwrap();
        Recipe { version: Version::V0x13, params, salt: vec![7; 16], length: 32, pepper: None }
    }

    fn password() -> Password {
        Password::parse(&Secret::new("vermilion otter quays".to_owned())).unwrap()
    }

    fn is_wiped(arena: &Arena) -> bool {
        arena.blocks.iter().all(|block| AsRef::<[u64]>::as_ref(block).iter().all(|word| *word == 0))
    }

    #[test]
    fn what_a_hash_leaves_behind_is_wiped_after_a_rest() {
        let mut arena = Arena::default();
        arena.compute(&password(), &recipe(64)).unwrap();
        let (len, used) = (arena.len(), arena.used.unwrap());
        assert!(len == 64 && !is_wiped(&arena));
        assert_eq!(arena.rests(used), Some(REMEMBERS));
        assert_eq!(arena.rests(used + REMEMBERS), Some(Duration::ZERO));
        arena.wipe();
        assert!(is_wiped(&arena) && arena.len() == 64);
        assert_eq!(arena.rests(used + REMEMBERS), None);
    }

    #[test]
    fn memory_that_was_used_before_makes_no_other_hash() {
        let mut used = Arena::default();
        used.compute(&password(), &recipe(128)).unwrap();
        let again = used.compute(&password(), &recipe(64)).unwrap();
        let fresh = Arena::default().compute(&password(), &recipe(64)).unwrap();
        assert_eq!(again.expose(), fresh.expose());
    }
}
