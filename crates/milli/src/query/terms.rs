//! Query terms: a word or phrase of the query with everything that may stand for it in a document,
//! by typo class (search.md 3.2), and which of that a node of the query graph allows.

use smallvec::SmallVec;

/// An interned word; ids grow in the order in which the search first met the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WordId(pub(crate) u32);

/// An interned phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PhraseId(pub(crate) u32);

/// A term of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TermId(pub(crate) u32);

/// Words and holes (stop words) of a phrase.
pub(crate) type Phrase = SmallVec<[Option<WordId>; 4]>;

/// A word that stands for a term, and which databases speak of it (search.md 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    /// The word.
    pub(crate) id: WordId,
    /// Derived words are not looked up among the exact words.
    pub(crate) is_derived: bool,
}

impl Word {
    /// A word that the query itself holds.
    pub(crate) fn original(id: WordId) -> Word {
        Word { id, is_derived: false }
    }
}

/// What may stand for one word, n-gram or phrase of the query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Term {
    /// The normalised text of a word or n-gram; `None` for a phrase and for a word that is too long.
    pub(crate) text: Option<WordId>,
    /// The words that an n-gram joins; empty for other terms.
    pub(crate) components: SmallVec<[WordId; 3]>,
    /// Whether words that begin with the text match too.
    pub(crate) is_prefix: bool,
    /// Typos that are tolerated.
    pub(crate) max_typos: u8,
    /// The phrase as it stands in the query.
    pub(crate) phrase: Option<PhraseId>,
    /// The text, if the index has it as a word.
    pub(crate) exact: Option<WordId>,
    /// The text, if the index has it as a precomputed prefix.
    pub(crate) prefix_entry: Option<WordId>,
    /// Words that begin with the text, when it is no precomputed prefix.
    pub(crate) expansions: Vec<WordId>,
    /// Synonyms, each a phrase of one word or more.
    pub(crate) synonyms: Vec<PhraseId>,
    /// The classes of one and two typos, computed when first needed.
    pub(crate) typos: Option<TypoClasses>,
}

/// The parts of a term that have typos.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypoClasses {
    /// Words with one typo.
    pub(crate) one: Vec<WordId>,
    /// The text split into two words; belongs to the one-typo class.
    pub(crate) split: Option<PhraseId>,
    /// Words with two typos.
    pub(crate) two: Vec<WordId>,
}

impl Term {
    pub(crate) fn is_ngram(&self) -> bool {
        !self.components.is_empty()
    }
}

/// What is allowed of the zero-typo class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ZeroTypoClass {
    /// Nothing but what is always allowed: the original phrase and the synonyms (search.md 5.2).
    Nothing,
    /// Only the exact word or the original phrase.
    Exact,
    /// Everything.
    All,
}

/// A term and the typo classes that are allowed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TermSubset {
    /// The term.
    pub(crate) term: TermId,
    /// The zero-typo class.
    pub(crate) zero: ZeroTypoClass,
    /// Whether the one-typo class is allowed.
    pub(crate) one: bool,
    /// Whether the two-typo class is allowed.
    pub(crate) two: bool,
    /// Whether a later *words* rule must keep it.
    pub(crate) is_mandatory: bool,
}

impl TermSubset {
    /// Everything that may stand for the term.
    pub(crate) fn full(term: TermId) -> TermSubset {
        TermSubset { term, zero: ZeroTypoClass::All, one: true, two: true, is_mandatory: false }
    }

    /// Keeps one typo class only.
    pub(crate) fn only_class(self, typos: u8) -> TermSubset {
        TermSubset {
            zero: if typos == 0 { self.zero } else { ZeroTypoClass::Nothing },
            one: self.one && typos == 1,
            two: self.two && typos == 2,
            ..self
        }
    }

    /// Keeps the exact word or phrase only, and makes the term mandatory.
    pub(crate) fn only_exact(self) -> TermSubset {
        TermSubset {
            zero: self.zero.min(ZeroTypoClass::Exact),
            one: false,
            two: false,
            is_mandatory: true,
            ..self
        }
    }

    /// Whether a class with typos is allowed, so that it has to be computed.
    pub(crate) fn allows_typos(self) -> bool {
        self.one || self.two
    }
}

/// First and last of a run of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span<T> {
    /// First number.
    pub(crate) first: T,
    /// Last number.
    pub(crate) last: T,
}

/// A term at its place in the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LocatedTerm {
    /// What may stand for it.
    pub(crate) subset: TermSubset,
    /// Positions in the query.
    pub(crate) positions: Span<u16>,
    /// The query terms that it covers, counted from 0: several for an n-gram.
    pub(crate) ids: Span<u8>,
}

impl LocatedTerm {
    /// Number of query terms that it covers.
    pub(crate) fn size(&self) -> u32 {
        u32::from(self.ids.last - self.ids.first) + 1
    }

    /// The same place with another subset.
    pub(crate) fn with(self, subset: TermSubset) -> LocatedTerm {
        LocatedTerm { subset, ..self }
    }
}
