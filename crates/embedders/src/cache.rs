//! The vectors of the last queries of an instance (vectors.md 16.3).

use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// Longer queries are not remembered, in bytes.
const MAX_TEXT: usize = 2000;

/// Vectors by the texts of queries; the one unused for longest makes room for a new one.
#[derive(Debug)]
pub(crate) struct QueryCache {
    capacity: usize,
    vectors: Mutex<LruCache<String, Vec<f32>>>,
}

impl QueryCache {
    /// A cache of at most `capacity` vectors; 0 for none.
    pub(crate) fn new(capacity: usize) -> QueryCache {
        // The bound is kept below: a bounded one takes the memory for all its entries at once.
        QueryCache { capacity, vectors: Mutex::new(LruCache::unbounded()) }
    }

    /// The vector of a text, computed if it is not known. Failures are not remembered.
    ///
    /// # Errors
    /// That of `compute`.
    pub(crate) fn get<E>(
        &self,
        text: &str,
        compute: impl FnOnce() -> Result<Vec<f32>, E>,
    ) -> Result<Vec<f32>, E> {
        if self.capacity == 0 || text.len() > MAX_TEXT {
            return compute();
        }
        let lock = || self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vector) = lock().get(text) {
            return Ok(vector.clone());
        }
        let vector = compute()?;
        let mut vectors = lock();
        vectors.put(text.to_owned(), vector.clone());
        while vectors.len() > self.capacity {
            vectors.pop_lru();
        }
        Ok(vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_queries_are_remembered() {
        let cache = QueryCache::new(2);
        let computed = |text: &str| {
            let mut computed = false;
            let vector = cache.get::<()>(text, || {
                computed = true;
                Ok(vec![1.0])
            });
            assert_eq!(vector, Ok(vec![1.0]));
            computed
        };
        assert!(computed("a") && computed("b") && !computed("a") && computed("c"));
        assert!(computed("b") && computed("a"), "b made room for c, a for b");
        let long = "x".repeat(2001);
        assert!(computed(&long) && computed(&long));
        assert!(computed(&long[1..]) && !computed(&long[1..]));
        assert_eq!(cache.get("d", || Err("down")), Err("down"));
        assert!(computed("d"));
    }

    #[test]
    fn no_capacity_no_memory() {
        let cache = QueryCache::new(0);
        assert_eq!(cache.get::<()>("a", || Ok(vec![1.0])), Ok(vec![1.0]));
        assert_eq!(cache.get::<()>("a", || Ok(vec![2.0])), Ok(vec![2.0]));
    }
}
