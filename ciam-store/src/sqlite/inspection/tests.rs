use ciam_core::store::{Backend, Collection, Index, Record};
use serde::{Deserialize, Serialize};

use super::*;
use crate::SqliteStore;

ciam_core::id!(NoteId, "note", "A note.");

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    id: NoteId,
    title: String,
    until: Timestamp,
}

impl Record for Note {
    type Id = NoteId;
    const COLLECTION: Collection<Self> = Collection::new("notes").index(&Note::BY_TITLE).expires(|note| note.until);

    fn id(&self) -> NoteId {
        self.id
    }
}

impl Note {
    const BY_TITLE: Index<Note, String> = Index::new("title", |note: &Note| note.title.clone());
}

fn schema() -> Schema {
    Schema::new().with::<Note>()
}

#[tokio::test]
async fn what_is_missing_is_what_prepare_runs_and_looking_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let looked = async || SqliteInspection::of(&file, &schema(), Timestamp::EPOCH).await.unwrap();
    assert!(looked().await.is_none() && !file.exists());
    let all = SqliteInspection::of_nothing(&schema()).unwrap().missing;
    assert_eq!(all.len(), 6, "units, generations, the table, its generation, two indexes: {all:?}");

    let store = SqliteStore::open(&file).await.unwrap();
    let found = looked().await.unwrap();
    assert!(found.layout.missing == all && found.layout.pending && found.layout.empty, "{found:?}");
    store.prepare(&schema()).await.unwrap();
    let found = looked().await.unwrap();
    assert!(found.layout.missing.is_empty() && found.damage.is_empty() && found.layout.misfit.is_none(), "{found:?}");
    assert_eq!(found.writing, SqliteWriting::Possible);

    let index = all.last().unwrap().split_whitespace().nth(2).unwrap();
    let drop = format!("DROP INDEX {index}");
    store.write(move |tx| tx.execute_batch(&drop).map_err(|e| StoreError::Unavailable(Box::new(e)))).await.unwrap();
    let found = looked().await.unwrap();
    assert!(found.layout.missing == all[5..] && found.layout.pending && !found.layout.empty, "{found:?}");
}

#[tokio::test]
async fn damage_misfits_and_what_nobody_sweeps_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let store = SqliteStore::open(&file).await.unwrap();
    store.prepare(&schema()).await.unwrap();
    let sql = "INSERT INTO ciam_notes (id, realm, version, shape, created_at, updated_at, expires_at, title, doc)
         VALUES (x'01', x'01', x'01', 1, 0, 0, 5, 't', '{}'), (x'02', x'01', x'01', 1, 0, 0, 9, 't', '{}')";
    store.write(|tx| tx.execute_batch(sql).map_err(|e| StoreError::Unavailable(Box::new(e)))).await.unwrap();
    let found = SqliteInspection::of(&file, &schema(), Timestamp::from_micros(9)).await.unwrap().unwrap();
    assert_eq!(found.overdue, 1);

    let sql = "ALTER TABLE ciam_notes RENAME COLUMN doc TO extra";
    store.write(|tx| tx.execute_batch(sql).map_err(|e| StoreError::Unavailable(Box::new(e)))).await.unwrap();
    let found = SqliteInspection::of(&file, &schema(), Timestamp::EPOCH).await.unwrap().unwrap();
    assert!(found.layout.misfit.unwrap().contains("the column doc is missing"));

    let broken = folder.path().join("broken.db");
    std::fs::write(&broken, "this is no database, however long one looks at it").unwrap();
    let refused = SqliteInspection::of(&broken, &schema(), Timestamp::EPOCH).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_another_program_writes_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let other = Connection::open(&file).unwrap();
    other.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); BEGIN IMMEDIATE").unwrap();
    let found = SqliteInspection::of(&file, &Schema::new(), Timestamp::EPOCH).await.unwrap().unwrap();
    assert_eq!(found.writing, SqliteWriting::Locked);
}
