//! Building terms: what may stand for a word, an n-gram or a phrase (search.md 3.2 to 3.5).
//!
//! The classes with typos are computed when a rule first asks for them, and then all at once.

use heed::types::{Bytes, DecodeIgnore};
use serde::Deserialize;
use smallvec::SmallVec;

use super::context::SearchContext;
use super::parse::PhraseWords;
use super::terms::{
    LocatedTerm, Phrase, PhraseId, Span, Term, TermId, TermSubset, TypoClasses, WordId,
};
use super::typo::{TypoLengths, typo_words};
use crate::error::Result;
use crate::limits::MAX_WORD_BYTES;

/// Words that stand for a prefix that is not precomputed.
const MAX_PREFIX_EXPANSIONS: usize = 1000;
/// Synonyms of a single word that are considered.
const MAX_SYNONYMS: usize = 50;
/// Words of all synonyms of a single word.
const MAX_SYNONYM_WORDS: usize = 100;
/// What joins the words of a key in the `synonyms` database.
const SYNONYM_KEY_SEPARATOR: &str = "\u{1f}";

/// Value of the `synonyms` database.
#[derive(Deserialize)]
struct StoredSynonyms {
    synonyms: Vec<String>,
}

impl SearchContext<'_> {
    /// The term of one word of the query.
    pub(crate) fn word_term(&mut self, text: &str, is_prefix: bool) -> Result<TermId> {
        let term = self.build_word(text, is_prefix, &[])?;
        Ok(self.add_term(term))
    }

    /// The term of a phrase of the query.
    pub(crate) fn phrase_term(&mut self, words: &PhraseWords) -> TermId {
        let phrase = self.intern_phrase_words(words);
        self.add_term(Term { phrase: Some(phrase), ..Term::default() })
    }

    /// Interns the words of a phrase and the phrase.
    pub(crate) fn intern_phrase_words(&mut self, words: &PhraseWords) -> PhraseId {
        let words: Phrase =
            words.iter().map(|word| word.as_ref().map(|word| self.intern_word(word))).collect();
        self.intern_phrase(words)
    }

    /// The term of adjacent words written as one, or `None` if they do not form an n-gram.
    pub(crate) fn ngram(&mut self, parts: &[LocatedTerm]) -> Result<Option<LocatedTerm>> {
        let [first, .., last] = parts else { return Ok(None) };
        let adjacent = parts
            .windows(2)
            .all(|pair| pair[0].positions.last.checked_add(1) == Some(pair[1].positions.first));
        let components: Option<SmallVec<[WordId; 3]>> =
            parts.iter().map(|part| self.term(part.subset.term).text).collect();
        let Some(components) = components.filter(|_| adjacent) else { return Ok(None) };
        let text: String = components.iter().map(|&word| self.word(word)).collect();
        if text.len() > MAX_WORD_BYTES {
            return Ok(None);
        }
        let is_prefix = self.term(last.subset.term).is_prefix;
        let term = self.build_word(&text, is_prefix, &components)?;
        Ok(Some(LocatedTerm {
            subset: TermSubset::full(self.add_term(term)),
            positions: Span { first: first.positions.first, last: last.positions.last },
            ids: Span { first: first.ids.first, last: last.ids.last },
        }))
    }

    /// Computes the classes with typos if the subset allows one and nobody has asked before.
    pub(super) fn compute_typos_if_allowed(&mut self, subset: TermSubset) -> Result<()> {
        if subset.allows_typos() && self.term(subset.term).typos.is_none() {
            let typos = self.compute_typos(subset.term)?;
            self.terms[subset.term.0 as usize].typos = Some(typos);
        }
        Ok(())
    }

    /// A word, or an n-gram when there are components.
    fn build_word(&mut self, text: &str, is_prefix: bool, components: &[WordId]) -> Result<Term> {
        if text.len() > MAX_WORD_BYTES {
            return Ok(Term { typos: Some(TypoClasses::default()), ..Term::default() });
        }
        let is_ngram = !components.is_empty();
        let joined = components.len().saturating_sub(1) as u8;
        let word = self.intern_word(text);
        let exact = self.word_exists(word)?.then_some(word);
        let mut prefix_entry = None;
        let mut expansions = Vec::new();
        if is_prefix {
            if self.prefix_exists(word, !is_ngram)? {
                prefix_entry = Some(word);
            } else {
                expansions = self.expand_prefix(text)?;
            }
        }
        let mut synonyms = self.capped_synonyms(text)?;
        if is_ngram {
            let words: Vec<&str> = components.iter().map(|&word| self.word(word)).collect();
            let key = words.join(SYNONYM_KEY_SEPARATOR);
            for phrase in self.stored_synonyms(&key)? {
                synonyms.push(self.intern_phrase_words(&phrase));
            }
        }
        Ok(Term {
            text: Some(word),
            components: components.into(),
            is_prefix,
            max_typos: self.max_typos(text).saturating_sub(joined),
            phrase: None,
            exact,
            prefix_entry,
            expansions,
            synonyms,
            typos: None,
        })
    }

    fn max_typos(&self, text: &str) -> u8 {
        let typo = &self.schema.typo;
        if !typo.enabled || typo.exact_words.contains(text) {
            return 0;
        }
        let lengths = TypoLengths { one: typo.one_typo_word_len, two: typo.two_typos_word_len };
        lengths.max_typos(text.chars().count())
    }

    /// Longer words of both word databases, in byte order.
    fn expand_prefix(&mut self, prefix: &str) -> Result<Vec<WordId>> {
        let tables = self.index.tables();
        let mut words: Vec<&str> = Vec::new();
        for table in [tables.word_docids, tables.exact_word_docids] {
            let table = table.remap_data_type::<DecodeIgnore>();
            for entry in table.prefix_iter(self.rtxn, prefix)?.take(MAX_PREFIX_EXPANSIONS + 1) {
                words.push(entry?.0);
            }
        }
        words.sort_unstable();
        words.dedup();
        let longer = words.into_iter().filter(|&word| word != prefix);
        Ok(longer.take(MAX_PREFIX_EXPANSIONS).map(|word| self.intern_word(word)).collect())
    }

    /// The synonyms of a single word, within the limits of their number.
    fn capped_synonyms(&mut self, word: &str) -> Result<Vec<PhraseId>> {
        let mut total_words = 0;
        let mut phrases = Vec::new();
        for phrase in self.stored_synonyms(word)?.into_iter().take(MAX_SYNONYMS) {
            if total_words + phrase.len() <= MAX_SYNONYM_WORDS {
                total_words += phrase.len();
                phrases.push(self.intern_phrase_words(&phrase));
            }
        }
        Ok(phrases)
    }

    /// The stored synonyms of a key, tokenised; those without a word are left out.
    fn stored_synonyms(&self, key: &str) -> Result<Vec<PhraseWords>> {
        let table = self.index.tables().synonyms.remap_data_type::<Bytes>();
        if key.is_empty() || key.len() > crate::limits::MAX_LMDB_KEY_BYTES {
            return Ok(Vec::new());
        }
        let Some(value) = table.get(self.rtxn, key)? else { return Ok(Vec::new()) };
        let stored: StoredSynonyms = serde_json::from_slice(value)?;
        let phrases = stored.synonyms.iter().map(|synonym| {
            self.tokenizer
                .tokenize_with_allow_list(synonym, self.languages)
                .filter(|token| token.is_word() && !token.lemma().is_empty())
                .map(|token| Some(token.lemma().to_owned()))
                .collect::<PhraseWords>()
        });
        Ok(phrases.filter(|phrase| !phrase.is_empty()).collect())
    }

    fn compute_typos(&mut self, id: TermId) -> Result<TypoClasses> {
        let term = self.term(id);
        let Some(text) = term.text else { return Ok(TypoClasses::default()) };
        let (is_prefix, max_typos) = (term.is_prefix, term.max_typos);
        let components = term.components.clone();
        let text = self.word(text).to_owned();
        let found = typo_words(&self.words_fst, &text, is_prefix, max_typos)?;
        let mut intern = |words: Vec<String>| -> Vec<WordId> {
            words.iter().map(|word| self.intern_word(word)).collect()
        };
        let (one, two) = (intern(found.one), intern(found.two));
        let split = self.best_split(&text)?.filter(|split| components[..] != *split);
        let split = split.map(|[left, right]| {
            self.intern_phrase([Some(left), Some(right)].into_iter().collect())
        });
        Ok(TypoClasses { one, split, two })
    }

    /// The two words that the text is most often written as; the first such split on ties.
    fn best_split(&mut self, text: &str) -> Result<Option<[WordId; 2]>> {
        let mut best = None;
        for (at, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            let (left, right) = (self.intern_word(left), self.intern_word(right));
            let Some(count) = self.neighbours_count(left, right)? else { continue };
            if best.is_none_or(|(most, _)| count > most) {
                best = Some((count, [left, right]));
            }
        }
        Ok(best.map(|(_, words)| words))
    }
}
