//! Judging new passwords where it stops nobody, and only so many at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{HashError, Password, PasswordProblem, PasswordRules};

/// How many new passwords may wait to be judged.
const QUEUE: usize = 200;

/// Judges new passwords on blocking threads, as many at once as there are cores, with a bounded queue.
#[derive(Debug)]
pub(crate) struct Judges {
    rules: PasswordRules,
    waiting: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

impl Judges {
    pub(crate) fn new(rules: PasswordRules) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { rules, waiting: Arc::new(Semaphore::new(QUEUE)), working: Arc::new(Semaphore::new(cores)) }
    }

    /// Judges a password; `context` is what an attacker knows of the person.
    pub(crate) async fn judge(
        &self,
        password: Password,
        context: Vec<String>,
    ) -> Result<Result<Password, PasswordProblem>, HashError> {
        let overloaded = |_| HashError::Overloaded { retry_after: Duration::from_secs(1) };
        let _waiting = self.waiting.try_acquire().map_err(overloaded)?;
        let working = Arc::clone(&self.working).acquire_owned().await.map_err(|_| HashError::Stopped)?;
        let rules = self.rules;
        let judged = tokio::task::spawn_blocking(move || {
            let context: Vec<&str> = context.iter().map(String::as_str).collect();
            let judged = rules.check(&password, &context).map(|()| password);
            drop(working);
            judged
        });
        judged.await.map_err(|_| HashError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[tokio::test]
    async fn a_full_queue_says_when_to_come_back() {
        let judges = Judges::new(PasswordRules::default());
        let password = || Password::parse(&Secret::new("vermilion otter quays".to_owned())).unwrap();
        assert!(judges.judge(password(), Vec::new()).await.unwrap().is_ok());
        let _all = judges.waiting.try_acquire_many(QUEUE as u32).unwrap();
        assert!(matches!(judges.judge(password(), Vec::new()).await, Err(HashError::Overloaded { .. })));
    }
}
