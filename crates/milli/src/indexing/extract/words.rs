//! A document → its words, positions and word counts (indexing.md 7.3 and section 8), and on the way its
//! word pairs (`pairs.rs`).

use rustc_hash::FxHashMap;

use super::pairs::{DocumentPairs, PairWindow};
use crate::document::walk::{Place, Visited, Visitor};
use crate::document::{Content, is_reserved_field, walk};
use crate::error::Result;
use crate::indexing::delta::{Delta, Op, Symbols, Target};
use crate::indexing::roles::{FieldRole, Roles, Scope};
use crate::limits::MAX_RECORDED_WORD_COUNT;
use crate::schema::{FieldId, PatternMatch};
use crate::text::{LeafCounter, bucketed_position, is_number_like};

/// Buffers that one worker uses for document after document.
#[derive(Default)]
pub(super) struct WordsExtractor {
    fields: FxHashMap<FieldId, FieldState>,
    deltas: Vec<Delta>,
    pairs: DocumentPairs,
    number: String,
}

/// One searchable field of the document at hand.
#[derive(Default)]
struct FieldState {
    counter: LeafCounter,
    words: usize,
    window: PairWindow,
}

impl WordsExtractor {
    /// Pushes what the words of `content` add to (or take from) the word databases.
    ///
    /// # Errors
    /// A value of the document cannot be parsed.
    pub(super) fn extract(
        &mut self,
        content: &Content<'_>,
        roles: &Roles<'_>,
        scope: Scope,
        (docid, op): (u32, Op),
        symbols: &mut Symbols,
        out: &mut Vec<Delta>,
    ) -> Result<()> {
        self.fields.clear();
        let mut visitor = WordVisitor { extractor: self, roles, scope, docid, op, symbols };
        for (name, json) in content.iter() {
            let is_walked = !is_reserved_field(name)
                && roles.of(name).is_some_and(|role| role.words != PatternMatch::None);
            if is_walked {
                walk::walk(name, json, &mut visitor)?;
            }
        }
        if scope.words {
            for (&fid, field) in &self.fields {
                if (1..=MAX_RECORDED_WORD_COUNT).contains(&field.words) {
                    let (a, b) = (u32::from(fid), field.words as u32);
                    self.deltas.push(Delta::new(Target::FidWordCount, a, b, docid, op));
                }
            }
        }
        // A word that comes often in a document is one delta.
        self.deltas.sort_unstable();
        self.deltas.dedup();
        out.append(&mut self.deltas);
        self.pairs.drain_into(docid, op, out);
        Ok(())
    }
}

struct WordVisitor<'x, 'r> {
    extractor: &'x mut WordsExtractor,
    roles: &'x Roles<'r>,
    scope: Scope,
    docid: u32,
    op: Op,
    symbols: &'x mut Symbols,
}

impl Visitor for WordVisitor<'_, '_> {
    fn visit(&mut self, path: &str, value: Visited<'_>, place: Place) {
        // A top-level object or array is entered without a visit.
        if place == Place::TopLevel && matches!(value, Visited::Container { .. }) {
            return;
        }
        let roles = self.roles;
        let Some(role) = roles.of(path).filter(|role| role.words == PatternMatch::Match) else {
            return;
        };
        if !self.extractor.fields.entry(role.fid).or_default().counter.visit() {
            return;
        }
        match value {
            Visited::String(text) => self.leaf(role, text, role.languages),
            Visited::Bool(true) => self.leaf(role, "true", None),
            Visited::Bool(false) => self.leaf(role, "false", None),
            Visited::Number(number) => {
                let mut text = std::mem::take(&mut self.extractor.number);
                text.clear();
                // Writing to a string cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{number}"));
                self.leaf(role, &text, None);
                self.extractor.number = text;
            }
            Visited::Null | Visited::Container { .. } => {}
        }
    }

    fn enters(&mut self, path: &str) -> bool {
        self.roles.of(path).is_some_and(|role| role.words != PatternMatch::None)
    }
}

impl WordVisitor<'_, '_> {
    fn leaf(&mut self, role: &FieldRole<'_>, text: &str, languages: Option<&[charabia::Language]>) {
        let WordVisitor { extractor, roles, scope, docid, op, symbols } = self;
        let WordsExtractor { fields, deltas, pairs, .. } = extractor;
        let field = fields.entry(role.fid).or_default();
        let FieldState { counter, words, window } = field;
        let (docid, op) = (*docid, *op);
        counter.words(&roles.tokenizer, text, languages, |position, word| {
            let symbol = symbols.intern(word.as_bytes());
            *words += 1;
            if scope.words {
                let is_exact = role.exact || (roles.exact_numbers && is_number_like(word));
                let target = if is_exact { Target::ExactWord } else { Target::Word };
                let bucket = u32::from(bucketed_position(position));
                deltas.push(Delta::new(target, symbol, 0, docid, op));
                deltas.push(Delta::new(Target::WordFid, symbol, u32::from(role.fid), docid, op));
                deltas.push(Delta::new(Target::WordPosition, symbol, bucket, docid, op));
            }
            if scope.pairs && roles.pairs {
                window.push(position, symbol, pairs);
            }
        });
    }
}
