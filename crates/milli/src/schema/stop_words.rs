//! Stop words in their stored form, which is the one that the tokeniser searches.

use std::collections::BTreeSet;

use fst::Streamer;

use crate::error::{InternalError, Result};

/// A set of stop words. It is copied from the store and never built for a search: building a word set
/// takes as long as a small search.
#[derive(Clone, Debug, Default)]
pub struct StopWords(Option<fst::Set<Vec<u8>>>);

impl StopWords {
    /// Copies what is stored.
    ///
    /// # Errors
    /// A word is no UTF-8.
    pub(super) fn load(stored: Option<fst::Set<&[u8]>>) -> Result<StopWords> {
        let Some(stored) = stored.filter(|stored| !stored.is_empty()) else {
            return Ok(StopWords::default());
        };
        let mut stream = stored.stream();
        while let Some(word) = stream.next() {
            std::str::from_utf8(word)
                .map_err(|_| InternalError::Inconsistent("a stop word is no UTF-8".to_owned()))?;
        }
        Ok(StopWords(Some(fst::Set::new(stored.as_fst().as_bytes().to_vec())?)))
    }

    /// The words; `None` when there is none.
    pub fn as_set(&self) -> Option<&fst::Set<Vec<u8>>> {
        self.0.as_ref()
    }

    /// The words one by one.
    pub fn to_words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        if let Some(set) = &self.0 {
            let mut stream = set.stream();
            while let Some(word) = stream.next() {
                words.insert(String::from_utf8_lossy(word).into_owned());
            }
        }
        words
    }

    #[cfg(test)]
    pub(crate) fn of(words: &[&str]) -> StopWords {
        StopWords(Some(fst::Set::from_iter(words).unwrap()))
    }
}

impl PartialEq for StopWords {
    fn eq(&self, other: &StopWords) -> bool {
        fn bytes(words: &StopWords) -> Option<&[u8]> {
            words.0.as_ref().map(|set| set.as_fst().as_bytes())
        }
        bytes(self) == bytes(other)
    }
}
