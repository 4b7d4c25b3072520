//! What one keyword search knows: the index, the settings, interned words, phrases and terms.
//!
//! A context lives as long as one search over one read transaction. Words are interned in the order in
//! which they are met, which is the order in which the highlighter tries them (search.md 17.2).

use charabia::{Language, Tokenizer};
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::lookup::LookupCache;
use super::terms::{Phrase, PhraseId, Term, TermId, TermSubset, Word, WordId, ZeroTypoClass};
use crate::error::Result;
use crate::schema::{FieldId, FieldsIdsMap, Schema};
use crate::store::{Index, RoTxn};

/// The fields that `attributesToSearchOn` leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldRestriction {
    /// Fields whose words tolerate typos.
    pub(crate) tolerant: Vec<FieldId>,
    /// Fields named in `disableOnAttributes`.
    pub(crate) exact: Vec<FieldId>,
}

impl FieldRestriction {
    /// Whether the field is searched.
    pub(crate) fn allows(&self, fid: FieldId) -> bool {
        self.tolerant.contains(&fid) || self.exact.contains(&fid)
    }
}

/// State of one keyword search.
pub(crate) struct SearchContext<'t> {
    pub(crate) index: &'t Index,
    pub(crate) rtxn: &'t RoTxn<'t>,
    pub(crate) schema: &'t Schema,
    pub(crate) tokenizer: &'t Tokenizer<'t>,
    /// Languages that the tokenizer may recognise; `None` for all.
    pub(crate) languages: Option<&'t [Language]>,
    /// `None` searches all fields.
    pub(crate) restriction: Option<FieldRestriction>,
    /// Names of all fields.
    pub(crate) fields: FieldsIdsMap,
    /// Searchable fields with their weights, in the order of their ids.
    pub(crate) searchable: Vec<(FieldId, u16)>,
    pub(crate) words_fst: fst::Set<&'t [u8]>,
    pub(super) words: IndexSet<String, FxBuildHasher>,
    pub(super) phrases: IndexSet<Phrase, FxBuildHasher>,
    pub(super) terms: Vec<Term>,
    pub(super) cache: LookupCache<'t>,
}

impl<'t> SearchContext<'t> {
    /// Starts a search.
    ///
    /// # Errors
    /// The set of words cannot be read.
    pub(crate) fn new(
        index: &'t Index,
        rtxn: &'t RoTxn<'t>,
        schema: &'t Schema,
        fields: FieldsIdsMap,
        tokenizer: &'t Tokenizer<'t>,
        languages: Option<&'t [Language]>,
        restriction: Option<FieldRestriction>,
    ) -> Result<SearchContext<'t>> {
        let weight = |(fid, name)| Some((fid, schema.searchable_weight(name)?));
        Ok(SearchContext {
            index,
            rtxn,
            schema,
            tokenizer,
            languages,
            restriction,
            searchable: fields.iter().filter_map(weight).collect(),
            fields,
            words_fst: index.words_fst(rtxn)?,
            words: IndexSet::default(),
            phrases: IndexSet::default(),
            terms: Vec::new(),
            cache: LookupCache::default(),
        })
    }

    /// Interns a word.
    pub(crate) fn intern_word(&mut self, word: &str) -> WordId {
        let index = match self.words.get_index_of(word) {
            Some(index) => index,
            None => self.words.insert_full(word.to_owned()).0,
        };
        WordId(index as u32)
    }

    /// The text of a word.
    pub(crate) fn word(&self, id: WordId) -> &str {
        &self.words[id.0 as usize]
    }

    /// Interns a phrase.
    pub(crate) fn intern_phrase(&mut self, phrase: Phrase) -> PhraseId {
        PhraseId(self.phrases.insert_full(phrase).0 as u32)
    }

    /// The words of a phrase.
    pub(crate) fn phrase(&self, id: PhraseId) -> &Phrase {
        &self.phrases[id.0 as usize]
    }

    /// Adds a term.
    pub(crate) fn add_term(&mut self, term: Term) -> TermId {
        let id = TermId(self.terms.len() as u32);
        self.terms.push(term);
        id
    }

    /// A term.
    pub(crate) fn term(&self, id: TermId) -> &Term {
        &self.terms[id.0 as usize]
    }

    /// The single words that a subset allows, originals first; the prefix entry is apart.
    ///
    /// # Errors
    /// The index cannot be read while the typo classes are computed.
    pub(crate) fn allowed_words(&mut self, subset: TermSubset) -> Result<Vec<Word>> {
        self.compute_typos_if_allowed(subset)?;
        let term = self.term(subset.term);
        let is_derived = term.is_ngram();
        let mut words = Vec::new();
        if subset.zero != ZeroTypoClass::Nothing {
            words.extend(term.exact.map(|id| Word { id, is_derived }));
        }
        if subset.zero == ZeroTypoClass::All {
            words.extend(term.expansions.iter().map(|&id| Word { id, is_derived }));
        }
        if let Some(typos) = &term.typos {
            let one = typos.one.iter().filter(|_| subset.one);
            let two = typos.two.iter().filter(|_| subset.two);
            words.extend(one.chain(two).map(|&id| Word { id, is_derived: true }));
        }
        Ok(words)
    }

    /// The phrases that a subset allows: the original one and the synonyms whatever the classes.
    ///
    /// # Errors
    /// The index cannot be read while the typo classes are computed.
    pub(crate) fn allowed_phrases(&mut self, subset: TermSubset) -> Result<Vec<PhraseId>> {
        self.compute_typos_if_allowed(subset)?;
        let term = self.term(subset.term);
        let split = term.typos.as_ref().and_then(|typos| typos.split).filter(|_| subset.one);
        let mut phrases: Vec<PhraseId> = Vec::new();
        for phrase in term.phrase.into_iter().chain(term.synonyms.iter().copied()).chain(split) {
            if !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        }
        Ok(phrases)
    }

    /// The precomputed prefix that a subset allows. The exact part keeps it when it is that word
    /// itself (search.md 22).
    pub(crate) fn allowed_prefix_entry(&self, subset: TermSubset) -> Option<Word> {
        let term = self.term(subset.term);
        let allowed = match subset.zero {
            ZeroTypoClass::All => true,
            ZeroTypoClass::Exact => term.exact == term.prefix_entry,
            ZeroTypoClass::Nothing => false,
        };
        let entry = term.prefix_entry.filter(|_| allowed)?;
        Some(Word { id: entry, is_derived: term.is_ngram() })
    }

    /// The exact word or the original phrase, if the subset allows it; nothing for n-grams.
    pub(crate) fn exact_part(&self, subset: TermSubset) -> Option<ExactPart> {
        let term = self.term(subset.term);
        if term.is_ngram() || subset.zero == ZeroTypoClass::Nothing {
            return None;
        }
        let phrase = term.phrase.map(ExactPart::Phrase);
        phrase.or_else(|| term.exact.map(ExactPart::Word))
    }
}

/// The part of a term that is exactly what the query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExactPart {
    /// The word.
    Word(WordId),
    /// The phrase.
    Phrase(PhraseId),
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::store::OpenOptions;
    use crate::text::TokenizerSettings;

    /// Gives a test the context of a search in an index without documents.
    pub(crate) fn with_empty_index<T>(test: impl FnOnce(&mut SearchContext<'_>) -> T) -> T {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { map_size: 10 << 20, max_readers: 4, write_map: false };
        let now = time::OffsetDateTime::UNIX_EPOCH;
        let index = Index::create(dir.path(), &options, now, now).unwrap();
        let rtxn = index.read_txn().unwrap();
        let schema = Schema::load(&index, &rtxn).unwrap();
        let settings = TokenizerSettings::of(&schema);
        let tokenizer = settings.tokenizer();
        let fields = FieldsIdsMap::default();
        let mut ctx =
            SearchContext::new(&index, &rtxn, &schema, fields, &tokenizer, None, None).unwrap();
        test(&mut ctx)
    }
}
