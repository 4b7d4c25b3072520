//! Normal forms other than those of words: facet values, facet search keys, stop words.

use charabia::normalizer::NormalizerOption;
use charabia::{Language, Normalize, StrDetection, Token};
use unicode_normalization::char::decompose_compatible;

use crate::limits::MAX_FACET_VALUE_BYTES;

/// The key of a facet string: trimmed, each character decomposed by itself (NFKD), lower case, cut to
/// whole characters within the facet key budget (indexing.md section 11).
pub fn normalize_facet(value: &str) -> String {
    let trimmed = value.trim();
    let mut normalized = if trimmed.is_ascii() {
        trimmed.to_ascii_lowercase()
    } else {
        let mut decomposed = String::with_capacity(trimmed.len());
        for c in trimmed.chars() {
            decompose_compatible(c, |part| decomposed.push(part));
        }
        decomposed.to_lowercase()
    };
    let end = (0..=MAX_FACET_VALUE_BYTES.min(normalized.len()))
        .rev()
        .find(|&at| normalized.is_char_boundary(at))
        .unwrap_or(0);
    normalized.truncate(end);
    normalized
}

/// The key under which facet search finds a facet string: one token with every lossy normaliser, cut to
/// the characters that begin within the facet key budget (indexing.md section 13).
///
/// `languages` are those of the field's localized rule.
pub fn normalize_facet_for_search(value: &str, languages: Option<&[Language]>) -> String {
    let languages = languages.filter(|languages| !languages.is_empty());
    let mut detection = StrDetection::new(value, languages);
    let script = detection.script();
    let language = languages.and_then(|_| detection.language());
    let token = Token { lemma: value.into(), script, language, ..Token::default() };
    let options = NormalizerOption { lossy: true, ..NormalizerOption::default() };
    let mut normalized = token.normalize(&options).lemma.into_owned();
    if normalized.len() > MAX_FACET_VALUE_BYTES {
        let end = (MAX_FACET_VALUE_BYTES..=normalized.len())
            .find(|&at| normalized.is_char_boundary(at))
            .unwrap_or(normalized.len());
        normalized.truncate(end);
    }
    normalized
}

/// The stored form of a stop word: all non-lossy normalisers, whatever its script, case kept
/// (indexing.md section 17).
pub fn normalize_stop_word(word: &str) -> String {
    word.normalize(&NormalizerOption::default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facet_values() {
        assert_eq!(normalize_facet("  Animal "), "animal");
        assert_eq!(normalize_facet("\u{a0}É\u{2009}"), "e\u{301}");
        assert_eq!(normalize_facet("ﬁn"), "fin");
        assert_eq!(normalize_facet("ΟΔΟΣ"), "οδος");
        assert_eq!(normalize_facet("   "), "");
    }

    #[test]
    fn long_facet_values_are_cut_at_a_character() {
        let cut = normalize_facet(&"é".repeat(400));
        // `e` and the two bytes of the accent: 156 whole pairs fit into 468 bytes.
        assert_eq!(cut.len(), 468);
        let cut = normalize_facet(&format!("a{}", "ß".repeat(400)));
        assert_eq!(cut.len(), 467);
    }

    #[test]
    fn facet_search_keys_lose_accents() {
        assert_eq!(normalize_facet_for_search("e\u{301}te\u{301}", None), "ete");
        assert_eq!(normalize_facet_for_search("new york", None), "new york");
        let kept = normalize_facet_for_search(&format!("{}ж", "a".repeat(467)), None);
        assert_eq!(kept.len(), 469);
    }

    #[test]
    fn stop_words_keep_their_case() {
        assert_eq!(normalize_stop_word("The"), "The");
        assert_eq!(normalize_stop_word("é"), "e\u{301}");
        assert_eq!(normalize_stop_word("Å"), "Å");
    }
}
