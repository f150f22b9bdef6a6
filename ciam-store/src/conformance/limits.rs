//! How much a batch holds, what text a record holds, and what preparing does.

use ciam_core::store::{Collection, Index, MAX_BYTES, MAX_OPS, Op, Record, Schema, StoreError};
use serde::{Deserialize, Serialize};

use super::fixture::{Account, AccountId, Fixture, assert_matches, insert, key, schema};

/// 256 operations are committed; 257 are refused, and none of them done.
pub async fn a_batch_of_256_is_committed_and_one_more_refused(f: Fixture) {
    let many = |count: usize| (0..count).map(|at| insert(&f.account(&at.to_string()))).collect::<Vec<Op>>();
    assert_matches!(f.commit(many(MAX_OPS + 1)).await, Err(StoreError::TooLarge));
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 999).await.unwrap(), 0);
    f.commit(many(MAX_OPS)).await.unwrap();
    assert_eq!(f.store.count(&Account::BY_NAME.under(&()), 999).await.unwrap(), 256);
}

/// Documents of more than a mebibyte are refused; those of less are not.
pub async fn a_batch_past_a_mebibyte_is_refused(f: Fixture) {
    let with = |bytes: usize| {
        let mut record = f.account("large").encoded();
        record.doc = serde_json::to_string(&Account { label: "x".repeat(bytes), ..f.account("large") }).unwrap();
        vec![Op::Insert { collection: Account::COLLECTION.name(), record }]
    };
    assert_matches!(f.commit(with(MAX_BYTES)).await, Err(StoreError::TooLarge));
    f.commit(with(MAX_BYTES - 4096)).await.unwrap();
}

/// Indexed text with U+0000 is refused before it reaches the backend.
pub async fn u0000_is_refused_in_indexed_text(f: Fixture) {
    for account in [f.account("a\0b"), Account { label: "\0".into(), ..f.account("ann") }] {
        let account = &account;
        let refused = f.store.transact(|work| async move { work.insert(account) }).await;
        assert_matches!(refused, Err(StoreError::Misuse(_)));
    }
    f.insert(&f.account("a")).await;
    assert_eq!(f.store.count(&Account::BY_NAME.eq(&"a\0b".to_owned()), 5).await.unwrap(), 0);
}

/// Quotes, control characters, all planes and an empty text come back as they were.
pub async fn a_document_keeps_any_text(f: Fixture) {
    for text in ["", "'; DROP TABLE x; --", "\"\\\u{1}\r\n\t", "Ünïcödé 日本語 \u{1F511}\u{10FFFF}", "%_*?"] {
        let account = Account { label: text.into(), team: Some(text.into()), ..f.account(&format!("n{text}")) };
        f.insert(&account).await;
        assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account.clone()));
        let found = f.store.find(&Account::BY_LABEL.eq(&(Some(text.into()), text.into()))).await.unwrap();
        assert_eq!(found.items, [account]);
    }
}

/// Preparing for the same collections again, or for some of them, changes nothing.
pub async fn preparing_again_changes_nothing(f: Fixture) {
    let account = f.account("ann");
    f.insert(&account).await;
    f.backend.prepare(&schema()).await.unwrap();
    f.backend.prepare(&Schema::new().with::<Account>()).await.unwrap();
    assert_matches!(f.commit(vec![insert(&f.account("ann"))]).await, Err(StoreError::Conflict { index: "name", .. }));
    assert_eq!(f.store.find(&Account::BY_NAME.under(&())).await.unwrap().items, std::slice::from_ref(&account));
    assert_eq!(f.store.get::<Account>(account.id).await.unwrap(), Some(account));
    assert!(f.row::<super::fixture::Ticket>(f.id()).await.is_none());
}

/// The suite's accounts as another crate might declare them by mistake.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Impostor {
    id: AccountId,
    rank: String,
}

impl Record for Impostor {
    type Id = AccountId;
    const COLLECTION: Collection<Self> = Collection::new("suite_accounts").index(&Self::BY_RANK);

    fn id(&self) -> AccountId {
        self.id
    }
}

impl Impostor {
    const BY_RANK: Index<Self, String> = Index::new("rank", |i: &Self| i.rank.clone());
}

/// Two declarations of one name that differ are refused, and the first stays in force.
pub async fn one_name_declared_twice_is_refused(f: Fixture) {
    let refused = f.backend.prepare(&Schema::new().with::<Impostor>()).await;
    assert_matches!(refused, Err(StoreError::Layout { .. }));
    let account = f.account("ann");
    f.insert(&account).await;
    assert_eq!(key::<Impostor>(account.id), key::<Account>(account.id));
}

/// A backend that is ready says so.
pub async fn a_prepared_backend_answers_a_ping(f: Fixture) {
    f.backend.ping().await.unwrap();
}
