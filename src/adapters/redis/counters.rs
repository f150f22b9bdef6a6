//! Records that live a while in Redis: conditional batches, without indexes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use async_trait::async_trait;
use ciam_core::clock::Timestamp;
use ciam_core::id::{RealmId, RecordId as _};
use ciam_core::store::{
    Backend, Batch, Bound, CollectionSpec, Cursor, Encoded, Op, Position, RawQuery, RecordKey, Row, Schema, Settlement,
    StoreError, UNITS,
};
use redis::{RedisError, Script};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::line::is_answer;
use super::{Redis, unavailable};

/// How long the id of a unit is kept, in seconds: far longer than a commit can be under way.
const UNITS_KEPT: u32 = 3600;

static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("commit.lua")));
/// Takes the id of a unit, and says what had taken it before.
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    let text = "if redis.call('SET', KEYS[1], 'never', 'NX', 'EX', ARGV[1]) then return 'never' end
                return redis.call('GET', KEYS[1])";
    Script::new(text)
});

/// Keeps records that expire and are only ever asked for by their id, such as the counters of tries. Made by
/// [`Redis::counters`].
///
/// It is a [`Backend`] with the same conditional batches as every other; each is one script, which Redis runs alone.
/// There are no indexes and no stream: a collection with either is refused. Numbers are exact up to 2⁵³. What Redis
/// loses, because it restarts without its log or hands over to a replica that lags, is forgotten.
#[derive(Debug, Clone)]
pub struct RedisCounters {
    redis: Redis,
    specs: Arc<RwLock<HashMap<&'static str, CollectionSpec>>>,
}

impl RedisCounters {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, specs: Arc::default() }
    }

    fn spec(&self, collection: &str) -> Result<CollectionSpec, StoreError> {
        let specs = self.specs.read().unwrap_or_else(PoisonError::into_inner);
        specs.get(collection).cloned().ok_or(StoreError::Misuse("a collection that the store was not prepared for"))
    }

    fn key(&self, key: RecordKey) -> String {
        format!("{}:{}:{}", self.redis.prefix, key.collection, key.id.simple())
    }

    fn unit_key(&self, unit: Uuid) -> String {
        format!("{}:{UNITS}:{}", self.redis.prefix, unit.simple())
    }
}

#[async_trait]
impl Backend for RedisCounters {
    /// Asks nothing of Redis: a node begins without it, as it goes on without it.
    async fn prepare(&self, schema: &Schema) -> Result<(), StoreError> {
        for spec in schema.collections() {
            if !spec.indexes.is_empty() || spec.stream {
                let problem = "Redis keeps records without indexes, and no stream".to_owned();
                return Err(StoreError::Layout { table: spec.name.to_owned(), problem });
            }
        }
        let mut specs = self.specs.write().unwrap_or_else(PoisonError::into_inner);
        specs.extend(schema.collections().iter().map(|spec| (spec.name, spec.clone())));
        Ok(())
    }

    async fn read(&self, realm: RealmId, now: Timestamp, keys: &[RecordKey]) -> Result<Vec<Option<Row>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let specs = keys.iter().map(|key| self.spec(key.collection)).collect::<Result<Vec<_>, _>>()?;
        let mut asked = redis::pipe();
        for key in keys {
            asked.cmd("HGETALL").arg(self.key(*key));
        }
        let found: Vec<HashMap<String, String>> = self.redis.line.ask_all(&asked).await.map_err(unavailable)?;
        let realm = realm.uuid().simple().to_string();
        std::iter::zip(found, std::iter::zip(keys, &specs))
            .map(|(fields, (key, spec))| {
                let is_there = fields.get("realm") == Some(&realm);
                if is_there { row(key, spec, &fields, now) } else { Ok(None) }
            })
            .collect()
    }

    async fn find(&self, _: RealmId, _: Timestamp, _: &RawQuery) -> Result<Vec<(Cursor, Row)>, StoreError> {
        Err(NO_INDEX)
    }

    async fn count(&self, _: RealmId, _: Timestamp, _: &RawQuery) -> Result<u32, StoreError> {
        Err(NO_INDEX)
    }

    async fn commit(&self, realm: RealmId, batch: Batch) -> Result<(), StoreError> {
        batch.check_size()?;
        let mut script = COMMIT.prepare_invoke();
        script.key(self.unit_key(batch.unit));
        let mut ops = Vec::with_capacity(batch.ops.len());
        for op in &batch.ops {
            script.key(self.key(op.key()));
            ops.push(encoded(&self.spec(op.key().collection)?, op)?);
        }
        script.arg(batch.now.micros()).arg(batch.unit.simple().to_string()).arg(realm.uuid().simple().to_string());
        script.arg(UNITS_KEPT).arg(Value::Array(ops).to_string());
        // It goes on when its caller has gone away: Redis has it, or never will.
        let (said, at): (String, usize) = self.redis.line.run(&script).await.map_err(commit_error)?;
        let failed = at.checked_sub(1).and_then(|at| batch.ops.get(at));
        match (said.as_str(), failed) {
            ("done", _) => Ok(()),
            ("taken", _) => Err(StoreError::Conflict { collection: UNITS, index: "id" }),
            (_, None) => Err(StoreError::Misuse("an answer that no script of ours gives")),
            (said, Some(op)) => Err(refusal(said, op)),
        }
    }

    async fn settle(&self, unit: Uuid, _now: Timestamp) -> Result<Settlement, StoreError> {
        let mut script = SETTLE.key(self.unit_key(unit));
        let said: String = self.redis.line.run(script.arg(UNITS_KEPT)).await.map_err(unavailable)?;
        Ok(if said == "committed" { Settlement::Committed } else { Settlement::Never })
    }

    async fn tail(&self, _: RealmId, _: Position, _: u32) -> Result<Vec<(Position, Row)>, StoreError> {
        Err(StoreError::Misuse("Redis keeps no stream"))
    }

    /// Redis removes what has expired by itself.
    async fn sweep(&self, _now: Timestamp, _limit: u32) -> Result<u32, StoreError> {
        Ok(0)
    }

    /// Asks for a write that changes nothing: of a server that is no primary any more, an answer says little.
    async fn ping(&self) -> Result<(), StoreError> {
        let nothing = format!("{}:ping", self.redis.prefix);
        self.redis.line.ask(redis::cmd("DEL").arg(nothing)).await.map_err(unavailable)
    }
}

const NO_INDEX: StoreError = StoreError::Misuse("Redis keeps records without indexes");

/// An operation as the script reads it. Numbers are texts: JSON's would lose their last digits.
fn encoded(spec: &CollectionSpec, op: &Op) -> Result<Value, StoreError> {
    let column = |name: &str| {
        let is_known = spec.live.contains(&name);
        if is_known { Ok(live(name)) } else { Err(StoreError::Misuse("a tally or peak that is not declared")) }
    };
    let version = |version: &Uuid| version.simple().to_string();
    Ok(match op {
        Op::Insert { record, .. } => json!({ "verb": "insert", "record": fields(spec, record) }),
        Op::Replace { record, expected, .. } => {
            json!({ "verb": "replace", "record": fields(spec, record), "expected": version(expected) })
        }
        Op::Remove { expected, .. } => json!({ "verb": "remove", "expected": version(expected) }),
        Op::Guard { expected: Some(expected), .. } => json!({ "verb": "guard", "expected": version(expected) }),
        Op::Guard { expected: None, .. } => json!({ "verb": "guard" }),
        Op::Touch { expected, .. } => json!({ "verb": "touch", "expected": version(expected) }),
        Op::Add { tally, by, bound, create, .. } => {
            let mut op = json!({ "verb": "add", "column": column(tally)?, "by": by.to_string() });
            match bound {
                Bound::None => {}
                Bound::AtMost(most) => op["most"] = most.to_string().into(),
                Bound::AtLeast(least) => op["least"] = least.to_string().into(),
            }
            if let Some(record) = create {
                op["record"] = fields(spec, record);
            }
            op
        }
        Op::Raise { peak, to, strictly, .. } => {
            json!({ "verb": "raise", "column": column(peak)?, "to": to.to_string(), "strictly": strictly })
        }
    })
}

/// What is written of a record.
fn fields(spec: &CollectionSpec, record: &Encoded) -> Value {
    let numbers = std::iter::zip(&spec.live, &record.live);
    let numbers: Map<String, Value> = numbers.map(|(name, value)| (live(name), value.to_string().into())).collect();
    let mut fields = json!({ "doc": record.doc, "shape": record.shape.to_string(), "live": numbers });
    if let Some(expires) = record.expires {
        fields["expires"] = expires.micros().to_string().into();
    }
    fields
}

/// The field of a tally or peak.
fn live(name: &str) -> String {
    format!("live:{name}")
}

fn refusal(said: &str, op: &Op) -> StoreError {
    let RecordKey { collection, id } = op.key();
    match (said, op) {
        ("conflict", _) => StoreError::Conflict { collection, index: "id" },
        ("exceeded", Op::Add { tally, .. }) => StoreError::Exceeded { collection, tally },
        ("exceeded", Op::Raise { peak, .. }) => StoreError::Exceeded { collection, tally: peak },
        _ => StoreError::Stale { collection, id },
    }
}

/// A record as Redis has kept it; none when it has expired.
fn row(
    key: &RecordKey,
    spec: &CollectionSpec,
    fields: &HashMap<String, String>,
    now: Timestamp,
) -> Result<Option<Row>, StoreError> {
    let wrong = |what: &'static str| StoreError::Corrupt { collection: spec.name, source: what.into() };
    let number = |name: &str| -> Result<i64, StoreError> {
        fields.get(name).and_then(|text| text.parse().ok()).ok_or(wrong("a number is missing"))
    };
    if fields.contains_key("expires") && number("expires")? <= now.micros() {
        return Ok(None);
    }
    let version = fields.get("version").and_then(|text| Uuid::try_parse(text).ok()).ok_or(wrong("no version"))?;
    let doc = fields.get("doc").cloned().ok_or(wrong("no document"))?;
    let shape = u16::try_from(number("shape")?).map_err(|_| wrong("no shape"))?;
    let live = spec.live.iter().map(|name| number(&live(name))).collect::<Result<_, _>>()?;
    Ok(Some(Row { id: key.id, version, shape, doc, live }))
}

/// What the server says is certain; when it says nothing, nobody knows.
fn commit_error(error: RedisError) -> StoreError {
    let is_certain = is_answer(&error) || error.is_connection_refusal();
    if is_certain { StoreError::Unavailable(error.into()) } else { StoreError::Unknown(error.into()) }
}
