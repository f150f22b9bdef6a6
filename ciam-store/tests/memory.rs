//! The suite over the store in memory.

ciam_store::conformance!(memory, || async { Some((std::sync::Arc::new(ciam_store::MemoryStore::new()), ())) });
