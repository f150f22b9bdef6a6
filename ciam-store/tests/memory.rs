//! The suite over the store in memory.

ciam_store::conformance!(memory, || async { (std::sync::Arc::new(ciam_store::MemoryStore::new()), ()) });
