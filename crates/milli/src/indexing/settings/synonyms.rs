//! The synonyms database: normalised words of a key → the alternatives as the user wrote them
//! (indexing.md section 17, storage-index.md section 12).

use std::collections::{BTreeMap, BTreeSet};

use charabia::Tokenizer;
use serde::Serialize;

use crate::error::Result;
use crate::limits::SAFE_KEY_BYTES;
use crate::schema::Schema;
use crate::store::{Index, RwTxn};
use crate::text::TokenizerSettings;

/// Stands between the words of a key.
const SEPARATOR: &str = "\u{1f}";

#[derive(Serialize)]
struct StoredAlternatives<'a> {
    synonyms: BTreeSet<&'a str>,
}

/// Replaces the whole database.
///
/// # Errors
/// The store fails.
pub(super) fn rewrite(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    schema: &Schema,
    synonyms: &BTreeMap<String, Vec<String>>,
) -> Result<()> {
    let settings = TokenizerSettings::of(schema);
    let tokenizer = settings.tokenizer();
    let table = index.tables().synonyms;
    table.clear(wtxn)?;
    for (words, alternatives) in normalize(&tokenizer, synonyms) {
        let value = serde_json::to_vec(&StoredAlternatives { synonyms: alternatives })?;
        table.put(wtxn, &words.join(SEPARATOR), &value)?;
    }
    Ok(())
}

/// Keys that read alike are joined; those without words, of words only too long for a key, or whose
/// alternatives hold no word are left out.
fn normalize<'u>(
    tokenizer: &Tokenizer<'_>,
    synonyms: &'u BTreeMap<String, Vec<String>>,
) -> BTreeMap<Vec<String>, BTreeSet<&'u str>> {
    let mut normalized: BTreeMap<Vec<String>, BTreeSet<&str>> = BTreeMap::new();
    for (key, alternatives) in synonyms {
        let words = words_of(tokenizer, key);
        if !words.is_empty() {
            normalized.entry(words).or_default().extend(alternatives.iter().map(String::as_str));
        }
    }
    normalized.retain(|words, alternatives| {
        let key_bytes = words.iter().map(|word| word.len() + 1).sum::<usize>();
        key_bytes < SAFE_KEY_BYTES
            && alternatives.iter().any(|text| !words_of(tokenizer, text).is_empty())
    });
    normalized
}

fn words_of(tokenizer: &Tokenizer<'_>, text: &str) -> Vec<String> {
    tokenizer
        .tokenize(text)
        .filter(|token| token.is_word() && !token.lemma().is_empty())
        .map(|token| token.lemma().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_read_alike_are_joined() {
        let long = "x".repeat(SAFE_KEY_BYTES);
        let synonyms: BTreeMap<String, Vec<String>> = [
            ("San Francisco", vec!["SF", "bay"]),
            ("san-francisco", vec!["Frisco", "SF"]),
            ("!!", vec!["bang"]),
            ("nothing", vec!["--"]),
            (&long, vec!["long"]),
        ]
        .into_iter()
        .map(|(key, list)| (key.to_owned(), list.into_iter().map(str::to_owned).collect()))
        .collect();
        let settings = TokenizerSettings::default();
        let normalized = normalize(&settings.tokenizer(), &synonyms);
        let words = vec!["san".to_owned(), "francisco".to_owned()];
        let alternatives = ["Frisco", "SF", "bay"].into_iter().collect();
        assert_eq!(normalized, [(words, alternatives)].into());
    }
}
