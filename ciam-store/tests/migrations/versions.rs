//! What the versions of an app declare of one collection.

use ciam_core::clock::Timestamp;
use ciam_core::store::{Collection, Index, Record, Tally};
use serde::{Deserialize, Serialize};
use serde_json::Value;

ciam_core::id!(PersonId, "tpers", "A person.");

/// The first version: found by team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct First {
    pub(crate) id: PersonId,
    pub(crate) name: String,
    pub(crate) team: Option<String>,
    pub(crate) visits: i64,
}

impl Record for First {
    type Id = PersonId;
    const COLLECTION: Collection<Self> = Collection::new("evo_people").index(&Self::BY_TEAM).live(&Self::VISITS);

    fn id(&self) -> PersonId {
        self.id
    }
}

impl First {
    pub(crate) const BY_TEAM: Index<Self, Option<String>> = Index::new("team", |p: &Self| p.team.clone());
    pub(crate) const VISITS: Tally<Self> = Tally::new("visits", |p: &mut Self| &mut p.visits);

    pub(crate) fn new(id: PersonId, name: &str) -> Self {
        Self { id, name: name.to_owned(), team: Some("red".to_owned()), visits: 0 }
    }
}

/// The first version with a correction that counts something more: of the old line, whatever newer ones have added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hotfix {
    pub(crate) first: First,
    pub(crate) wins: i64,
}

impl Record for Hotfix {
    type Id = PersonId;
    const COLLECTION: Collection<Self> =
        Collection::new("evo_people").index(&Self::BY_TEAM).live(&Self::VISITS).live(&Self::WINS);

    fn id(&self) -> PersonId {
        self.first.id
    }
}

impl Hotfix {
    const BY_TEAM: Index<Self, Option<String>> = Index::new("team", |p: &Self| p.first.team.clone());
    const VISITS: Tally<Self> = Tally::new("visits", |p: &mut Self| &mut p.first.visits);
    const WINS: Tally<Self> = Tally::new("wins", |p: &mut Self| &mut p.wins);
}

/// The same documents, found by name as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named(pub(crate) First);

impl Record for Named {
    type Id = PersonId;
    const COLLECTION: Collection<Self> =
        Collection::new("evo_people").index(&Self::BY_TEAM).index(&Self::BY_NAME).live(&Self::VISITS);

    fn id(&self) -> PersonId {
        self.0.id
    }
}

impl Named {
    pub(crate) const BY_TEAM: Index<Self, Option<String>> = Index::new("team", |p: &Self| p.0.team.clone());
    pub(crate) const BY_NAME: Index<Self, String> = Index::new("name", |p: &Self| p.0.name.clone());
    pub(crate) const VISITS: Tally<Self> = Tally::new("visits", |p: &mut Self| &mut p.0.visits);
}

/// No two have one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alone(pub(crate) First);

impl Record for Alone {
    type Id = PersonId;
    const COLLECTION: Collection<Self> =
        Collection::new("evo_people").index(&Self::BY_TEAM).index(&Self::BY_NAME).live(&Self::VISITS);

    fn id(&self) -> PersonId {
        self.0.id
    }
}

impl Alone {
    const BY_TEAM: Index<Self, Option<String>> = Index::new("team", |p: &Self| p.0.team.clone());
    pub(crate) const BY_NAME: Index<Self, String> = Index::new("name", |p: &Self| p.0.name.clone()).unique();
    const VISITS: Tally<Self> = Tally::new("visits", |p: &mut Self| &mut p.0.visits);
}

/// No team has two: an index over a column that the first version has already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lonely(pub(crate) First);

impl Record for Lonely {
    type Id = PersonId;
    const COLLECTION: Collection<Self> = Collection::new("evo_people").index(&Self::BY_TEAM).live(&Self::VISITS);

    fn id(&self) -> PersonId {
        self.0.id
    }
}

impl Lonely {
    const BY_TEAM: Index<Self, Option<String>> = Index::new("team", |p: &Self| p.0.team.clone()).unique();
    const VISITS: Tally<Self> = Tally::new("visits", |p: &mut Self| &mut p.0.visits);
}

/// A third version: the document has a family name, worked out of the name by way of two shapes, and a second tally.
/// The name stays, since older versions read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Third {
    pub(crate) id: PersonId,
    pub(crate) name: String,
    pub(crate) family: String,
    pub(crate) initial: char,
    pub(crate) team: Option<String>,
    pub(crate) visits: i64,
    #[serde(default)]
    pub(crate) stars: i64,
}

impl Record for Third {
    type Id = PersonId;
    const COLLECTION: Collection<Self> = Collection::new("evo_people")
        .index(&Self::BY_TEAM)
        .index(&Self::BY_FAMILY)
        .live(&Self::VISITS)
        .live(&Self::STARS)
        .shape(3)
        .upgrade(2, with_initial)
        .upgrade(1, with_family);

    fn id(&self) -> PersonId {
        self.id
    }
}

impl Third {
    const BY_TEAM: Index<Self, Option<String>> = Index::new("team", |p: &Self| p.team.clone());
    pub(crate) const BY_FAMILY: Index<Self, (String, String)> =
        Index::over(&["family", "initial"], |p: &Self| (p.family.clone(), p.initial.to_string()));
    const VISITS: Tally<Self> = Tally::new("visits", |p: &mut Self| &mut p.visits);
    pub(crate) const STARS: Tally<Self> = Tally::new("stars", |p: &mut Self| &mut p.stars);
}

fn with_family(mut person: Value) -> Value {
    let family = person["name"].as_str().and_then(|name| name.rsplit(' ').next()).map(str::to_owned);
    if let Some(family) = family {
        person["family"] = family.into();
    }
    person
}

/// Needs what the step before it has made.
fn with_initial(mut person: Value) -> Value {
    let initial = person["family"].as_str().and_then(|family| family.chars().next()).map(String::from);
    if let Some(initial) = initial {
        person["initial"] = initial.into();
    }
    person
}

ciam_core::id!(TryId, "ttry", "Tries of somebody.");

/// A counter that expires, as the first version keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tries {
    pub(crate) id: TryId,
    pub(crate) who: String,
    pub(crate) until: Timestamp,
    pub(crate) tries: i64,
}

impl Record for Tries {
    type Id = TryId;
    const COLLECTION: Collection<Self> = Collection::new("evo_tries").live(&Self::TRIES).expires(|tries| tries.until);

    fn id(&self) -> TryId {
        self.id
    }
}

impl Tries {
    pub(crate) const TRIES: Tally<Self> = Tally::new("tries", |t: &mut Self| &mut t.tries);
}

/// The same, found by whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FoundTries(pub(crate) Tries);

impl Record for FoundTries {
    type Id = TryId;
    const COLLECTION: Collection<Self> =
        Collection::new("evo_tries").index(&Self::BY_WHO).live(&Self::TRIES).expires(|tries| tries.0.until);

    fn id(&self) -> TryId {
        self.0.id
    }
}

impl FoundTries {
    pub(crate) const BY_WHO: Index<Self, String> = Index::new("who", |t: &Self| t.0.who.clone());
    const TRIES: Tally<Self> = Tally::new("tries", |t: &mut Self| &mut t.0.tries);
}
