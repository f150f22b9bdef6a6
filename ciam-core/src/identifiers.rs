//! By what a person is found: addresses today; usernames and phone numbers stand beside them later.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::email::Email;
use crate::id::UserId;
use crate::store::{Collection, Index, Record};

crate::id!(IdentifierId, "idf", "An identifier of a user.");

/// An address of a user. Only a proved one identifies them, and only a proved one is unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// The id.
    pub id: IdentifierId,
    /// Whose it is.
    pub user: UserId,
    /// The address.
    pub email: Email,
    /// When it was proved.
    pub verified: Option<Timestamp>,
}

impl Record for Identifier {
    type Id = IdentifierId;
    const COLLECTION: Collection<Self> =
        Collection::new("identifiers").index(&Identifier::BY_VERIFIED).index(&Identifier::BY_USER);

    fn id(&self) -> IdentifierId {
        self.id
    }
}

impl Identifier {
    /// The one account that has proved an address (in canonical form). An unproved address reserves nothing.
    pub const BY_VERIFIED: Index<Identifier, Option<String>> =
        Index::new("verified_email", |i: &Identifier| i.verified.is_some().then(|| i.email.canonical())).unique();
    /// The identifiers of a user, those proved first coming first; one that is not proved is not found by it.
    pub const BY_USER: Index<Identifier, (UserId, Option<Timestamp>)> =
        Index::over(&["user_id", "verified_at"], |i: &Identifier| (i.user, i.verified));
}
