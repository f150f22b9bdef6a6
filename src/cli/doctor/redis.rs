//! Whether the Redis that nodes share is reached safely, answers, and forgets nothing.

use std::time::Duration;

use ciam_core::with_causes;

use super::Findings;
use crate::settings::Settings;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(settings: &Settings, reach: bool, findings: &mut Findings) {
    let redis = match settings.redis() {
        Ok(Some(redis)) => redis,
        Ok(None) => return,
        Err(error) => return findings.error("redis.invalid", error.to_string(), "examples/portal.toml shows its form"),
    };
    if redis.in_the_clear() {
        findings.warning(
            "redis.cleartext",
            "the Redis is on another machine, and what it counts and tells goes there without TLS: whoever is on the way can \
             change it, so that a session that was ended lives on elsewhere",
            "name it by rediss:// in CIAM_REDIS_URL; sslrootcert names your own authority",
        );
    }
    if !reach {
        return;
    }
    let advice = "see that it runs and CIAM_REDIS_URL is right: meanwhile nobody can sign in with a password; over SQLite \
                  every session is read from the database, too";
    match tokio::time::timeout(PATIENCE, redis.eviction()).await {
        Ok(Ok(Some(policy))) if policy != "noeviction" => findings.warning(
            "redis.evicts",
            "the Redis forgets records when its memory is full: an attacker could make it forget failed sign-ins",
            "set maxmemory-policy noeviction",
        ),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => findings.error("redis.unreachable", with_causes(&error), advice),
        Err(_) => findings.error("redis.unreachable", "the Redis does not answer", advice),
    }
}
