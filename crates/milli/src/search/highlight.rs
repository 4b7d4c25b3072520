//! How a hit is shown: its retrieved fields, `_formatted` and `_matchesPosition` (search.md 17).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use charabia::{Language, Token, Tokenizer};
use serde::Serialize;
use serde_json::{Map, Value};

use super::crop;
use super::matches::{self, Match};
use super::matching_terms::MatchingTerms;
use super::projection::{join, project};
use crate::schema::{FieldId, FieldsIdsMap, Schema, covers};

/// What a request says about the form of its hits; the default shows them as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FormatRequest {
    /// Attributes to return; `None`: all that are displayed. `*` among them means all, too.
    pub retrieve: Option<Vec<String>>,
    /// Attributes in which matches are put between tags; `*` means all.
    pub highlight: Vec<String>,
    /// Attributes that are shortened: `name`, `name:words`, `*` or `*:words`.
    pub crop: Vec<String>,
    /// Words kept of a shortened attribute whose entry does not say it; 0 keeps all.
    pub crop_length: usize,
    /// Stands where something was cut off.
    pub crop_marker: String,
    /// Stands before a match.
    pub pre_tag: String,
    /// Stands behind a match.
    pub post_tag: String,
    /// Whether the places of matches are told.
    pub show_matches_position: bool,
    /// Languages of the query; without them those of the attribute count.
    pub locales: Option<Vec<Language>>,
}

/// Where a match stands in a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatchPosition {
    /// First byte of the match in the original text.
    pub start: usize,
    /// Length in bytes.
    pub length: usize,
    /// Index in each array around the value, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indices: Vec<usize>,
}

/// Places of matches by the path of the value.
pub type MatchesPosition = BTreeMap<String, Vec<MatchPosition>>;

/// A document as an answer shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct FormattedHit {
    /// The retrieved fields.
    pub document: Map<String, Value>,
    /// The same with matches highlighted and texts shortened, if that was asked for.
    pub formatted: Option<Map<String, Value>>,
    /// The places of matches, if they were asked for.
    pub matches_position: Option<MatchesPosition>,
}

/// Formats the hits of one search.
pub struct HitFormatter<'s> {
    schema: &'s Schema,
    request: &'s FormatRequest,
    terms: &'s MatchingTerms,
    tokenizer: &'s Tokenizer<'s>,
    displayed: BTreeSet<&'s str>,
    retrieved: BTreeSet<&'s str>,
    /// By field id, so that the lowest one decides.
    options: BTreeMap<FieldId, FieldOptions<'s>>,
}

/// What is done to one attribute, what lies below it and above it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct FieldOptions<'s> {
    name: &'s str,
    highlight: bool,
    /// Words to keep.
    crop: Option<usize>,
}

/// What is done to one value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct LeafOptions {
    highlight: bool,
    crop: Option<usize>,
}

impl<'s> HitFormatter<'s> {
    /// `tokenizer` is that of [`crate::text::TokenizerSettings::highlighting_tokenizer`].
    pub fn new(
        schema: &'s Schema,
        fields: &'s FieldsIdsMap,
        request: &'s FormatRequest,
        terms: &'s MatchingTerms,
        tokenizer: &'s Tokenizer<'s>,
    ) -> Self {
        let displayed: BTreeSet<&str> = match &schema.displayed {
            None => fields.iter().map(|(_, name)| name).collect(),
            Some(names) => names.iter().map(String::as_str).collect(),
        };
        let retrieved = match &request.retrieve {
            Some(names) if !names.iter().any(|name| name == "*") => names
                .iter()
                .map(String::as_str)
                .filter(|name| schema.displayed.is_none() || displayed.contains(name))
                .collect(),
            _ => displayed.clone(),
        };
        let options = field_options(fields, &displayed, request);
        Self { schema, request, terms, tokenizer, displayed, retrieved, options }
    }

    /// Formats one document.
    pub fn format(&self, document: &Map<String, Value>) -> FormattedHit {
        FormattedHit {
            document: project(document, self.retrieved.iter().copied()),
            formatted: self.formatted(document),
            matches_position: self
                .request
                .show_matches_position
                .then(|| self.matches_position(document)),
        }
    }

    fn formatted(&self, document: &Map<String, Value>) -> Option<Map<String, Value>> {
        if self.options.is_empty() {
            return None;
        }
        let names = self.options.values().map(|options| options.name);
        let mut part = project(document, self.retrieved.iter().copied().chain(names));
        for (key, value) in &mut part {
            self.format_value(key, value);
        }
        (!part.is_empty()).then_some(part)
    }

    fn format_value(&self, path: &str, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => *text = self.format_text(path, text),
            Value::Number(number) => {
                *value = Value::String(self.format_text(path, &number.to_string()))
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.format_value(path, item)),
            Value::Object(members) => {
                members
                    .iter_mut()
                    .for_each(|(key, value)| self.format_value(&join(path, key), value));
            }
        }
    }

    fn format_text(&self, path: &str, text: &str) -> String {
        let options = self.leaf_options(path);
        if options == LeafOptions::default() {
            return text.to_owned();
        }
        let tokens = self.tokens(path, text);
        let matches = matches::find(text, &tokens, self.terms);
        let window = match options.crop {
            Some(length) => crop::window(text, &tokens, &matches, length),
            None => 0..text.len(),
        };
        let highlighted = if options.highlight { &matches[..] } else { &[] };
        self.render(text, window, highlighted)
    }

    /// The window of a text with tags around the matches, and markers where something is cut off.
    fn render(&self, text: &str, window: Range<usize>, matches: &[Match]) -> String {
        let slice = |range: Range<usize>| text.get(range).unwrap_or_default();
        let mut shown = String::with_capacity(window.len());
        if window.start > 0 {
            shown.push_str(&self.request.crop_marker);
        }
        let mut written = window.start;
        for found in matches {
            let start = found.bytes.start.max(written);
            let end = found.bytes.end.min(window.end);
            if start >= end {
                continue;
            }
            shown.push_str(slice(written..start));
            shown.push_str(&self.request.pre_tag);
            shown.push_str(slice(start..end));
            shown.push_str(&self.request.post_tag);
            written = end;
        }
        shown.push_str(slice(written..window.end));
        if window.end < text.len() {
            shown.push_str(&self.request.crop_marker);
        }
        shown
    }

    /// The options of every attribute that equals, contains or is contained in the path.
    fn leaf_options(&self, path: &str) -> LeafOptions {
        let related = self
            .options
            .values()
            .filter(|options| covers(options.name, path) || covers(path, options.name));
        let mut leaf = LeafOptions::default();
        for options in related {
            leaf.highlight |= options.highlight;
            leaf.crop = leaf.crop.or(options.crop);
        }
        leaf.crop = leaf.crop.filter(|&length| length > 0);
        leaf
    }

    fn tokens<'o>(&'o self, path: &str, text: &'o str) -> Vec<Token<'o>> {
        let languages = self.request.locales.as_deref().or_else(|| self.schema.locales(path));
        // An empty list allows every language.
        let languages = languages.filter(|languages| !languages.is_empty());
        self.tokenizer.tokenize_with_allow_list(text, languages).collect()
    }

    fn matches_position(&self, document: &Map<String, Value>) -> MatchesPosition {
        let mut found = MatchesPosition::new();
        if self.terms.is_empty() {
            return found;
        }
        for (key, value) in &project(document, self.displayed.iter().copied()) {
            self.find_in_value(key, value, &mut Vec::new(), &mut found);
        }
        found
    }

    fn find_in_value(
        &self,
        path: &str,
        value: &Value,
        indices: &mut Vec<usize>,
        found: &mut MatchesPosition,
    ) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => self.find_in_text(path, text, indices, found),
            Value::Number(number) => self.find_in_text(path, &number.to_string(), indices, found),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    indices.push(index);
                    self.find_in_value(path, item, indices, found);
                    indices.pop();
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    self.find_in_value(&join(path, key), value, indices, found);
                }
            }
        }
    }

    fn find_in_text(&self, path: &str, text: &str, indices: &[usize], found: &mut MatchesPosition) {
        let tokens = self.tokens(path, text);
        let matches = matches::find(text, &tokens, self.terms);
        if !matches.is_empty() {
            let positions = matches.into_iter().map(|found| MatchPosition {
                start: found.bytes.start,
                length: found.bytes.len(),
                indices: indices.to_vec(),
            });
            // All elements of an array share a path, and clients know the last match of it.
            found.insert(path.to_owned(), positions.collect());
        }
    }
}

/// The options of the displayed fields that the request names.
fn field_options<'s>(
    fields: &'s FieldsIdsMap,
    displayed: &BTreeSet<&str>,
    request: &FormatRequest,
) -> BTreeMap<FieldId, FieldOptions<'s>> {
    let mut all: BTreeMap<FieldId, FieldOptions<'s>> = BTreeMap::new();
    let mut apply = |name: &str, change: &dyn Fn(&mut FieldOptions<'s>)| {
        let named = fields
            .iter()
            .filter(|(_, field)| displayed.contains(field) && (name == "*" || *field == name));
        for (fid, name) in named {
            change(all.entry(fid).or_insert(FieldOptions { name, highlight: false, crop: None }));
        }
    };
    for name in &request.highlight {
        apply(name, &|options| options.highlight = true);
    }
    for entry in &request.crop {
        let (name, length) = match entry.rsplit_once(':') {
            Some((name, length)) => (name, length.parse().unwrap_or(request.crop_length)),
            None => (entry.as_str(), request.crop_length),
        };
        apply(name, &|options| options.crop = Some(length));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::matching_terms::MatchingTerm;
    use super::*;
    use crate::facet::testing::TestIndex;
    use crate::text::TokenizerSettings;

    fn request() -> FormatRequest {
        FormatRequest {
            retrieve: None,
            highlight: vec!["*".to_owned()],
            crop: Vec::new(),
            crop_length: 10,
            crop_marker: "…".to_owned(),
            pre_tag: "<".to_owned(),
            post_tag: ">".to_owned(),
            show_matches_position: false,
            locales: None,
        }
    }

    fn word(word: &str, position: u16, is_prefix: bool) -> MatchingTerm {
        MatchingTerm {
            words: vec![word.to_owned()],
            phrases: Vec::new(),
            positions: position..=position,
            is_prefix,
            query_chars: word.chars().count(),
        }
    }

    fn phrase(words: &str, position: u16) -> MatchingTerm {
        let phrase = words.split(' ').map(|word| (word != "_").then(|| word.to_owned())).collect();
        MatchingTerm { words: Vec::new(), phrases: vec![phrase], ..word("", position, false) }
    }

    fn format(document: Value, terms: Vec<MatchingTerm>, request: &FormatRequest) -> FormattedHit {
        let test = TestIndex::new();
        let rtxn = test.index.read_txn().unwrap();
        let schema = Schema::load(&test.index, &rtxn).unwrap();
        let Value::Object(document) = document else { panic!("an object is expected") };
        let mut fields = FieldsIdsMap::default();
        name_all("", &Value::Object(document.clone()), &mut fields);
        let settings = TokenizerSettings::default();
        let tokenizer = settings.highlighting_tokenizer();
        let terms = MatchingTerms::new(terms);
        HitFormatter::new(&schema, &fields, request, &terms, &tokenizer).format(&document)
    }

    fn name_all(path: &str, value: &Value, fields: &mut FieldsIdsMap) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                let path = join(path, key);
                fields.insert(&path).unwrap();
                name_all(&path, value, fields);
            }),
            Value::Array(items) => items.iter().for_each(|item| name_all(path, item, fields)),
            _ => {}
        }
    }

    #[track_caller]
    fn check(text: &str, terms: Vec<MatchingTerm>, expected: &str) {
        let hit = format(json!({"t": text}), terms, &request());
        assert_eq!(hit.formatted.unwrap()["t"], expected);
    }

    #[track_caller]
    fn check_crop(text: &str, length: usize, terms: Vec<MatchingTerm>, expected: &str) {
        let request = FormatRequest { crop: vec![format!("t:{length}")], ..request() };
        let hit = format(json!({"t": text}), terms, &request);
        assert_eq!(hit.formatted.unwrap()["t"], expected);
    }

    #[test]
    fn words_and_prefixes() {
        check("The Quick fox", vec![word("quick", 0, false)], "The <Quick> fox");
        check("quickly", vec![word("quick", 0, false)], "quickly");
        check("quickly quick", vec![word("quick", 0, true)], "<quick>ly <quick>");
        check("Élan éla", vec![word("ela", 0, true)], "<Éla>n <éla>");
        check("nothing", vec![], "nothing");
    }

    #[test]
    fn a_typo_word_of_a_prefix_is_highlighted_as_far_as_the_query_reaches() {
        let term = MatchingTerm { query_chars: 4, ..word("helloworld", 0, true) };
        check("helloworlds", vec![term], "<hell>oworlds");
    }

    #[test]
    fn phrases_are_wrapped_once() {
        check("a new, york b new", vec![phrase("new york", 0)], "a <new, york> b new");
        check("new and york", vec![phrase("new _ york", 0)], "new and york");
        // The phrase comes first, the word takes what is left.
        let terms = vec![word("new", 0, false), phrase("new york", 0)];
        check("new york new", terms, "<new york> <new>");
    }

    #[test]
    fn crop_grows_on_both_sides() {
        let terms = || vec![word("five", 0, false)];
        let text = "one two three four five six seven eight nine";
        check_crop(text, 3, terms(), "…four <five> six…");
        check_crop(text, 4, terms(), "…three four <five> six…");
        check_crop(text, 0, terms(), "one two three four <five> six seven eight nine");
        check_crop(text, 99, terms(), "one two three four <five> six seven eight nine");
        check_crop(text, 2, vec![], "one two…");
    }

    #[test]
    fn crop_prefers_soft_to_hard_separators() {
        let terms = || vec![word("b", 0, false)];
        check_crop("a. b c d", 2, terms(), "…<b> c…");
        check_crop("z a b. c", 2, terms(), "…a <b>…");
    }

    #[test]
    fn crop_chooses_the_stretch_with_most_query_words() {
        let terms = vec![word("x", 0, false), word("y", 1, false)];
        check_crop("x a b c d e f x y g", 4, terms, "…f <x> <y> g");
    }

    #[test]
    fn a_phrase_longer_than_the_crop_is_cut_behind_its_last_word_that_fits() {
        let terms = vec![phrase("b c d e", 0)];
        check_crop("a b c d e f", 2, terms.clone(), "a <b c>…");
        check_crop("a b c d e", 3, terms, "a <b c d>…");
    }

    #[test]
    fn only_listed_attributes_are_formatted_and_numbers_become_text() {
        let document =
            json!({"id": 5, "a": "x", "o": {"p": "x", "q": ["x", null, true]}, "z": "x"});
        let request = FormatRequest {
            retrieve: Some(vec!["id".into(), "a".into()]),
            highlight: vec!["o.q".into(), "nope".into()],
            ..request()
        };
        let hit = format(document.clone(), vec![word("x", 0, false)], &request);
        assert_eq!(Value::Object(hit.document), json!({"id": 5, "a": "x"}));
        assert_eq!(
            Value::Object(hit.formatted.unwrap()),
            json!({"id": "5", "a": "x", "o": {"q": ["<x>", null, true]}})
        );
        let request = FormatRequest { highlight: vec!["nope".into()], ..request };
        assert_eq!(format(document, vec![word("x", 0, false)], &request).formatted, None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn formatting_only_adds_tags_and_cuts_the_ends(
            text in "([a-cé京都ßＡ]{1,3}[ ,.\\-!　]{0,2}){0,12}",
            words in proptest::collection::vec("[a-cé京都]{1,3}", 0..4),
            phrases in proptest::collection::vec("[a-c京]( [a-c都_]){0,4}", 0..3),
            is_prefix: bool,
            length in 0..6usize,
        ) {
            let mut terms: Vec<_> = words.iter().zip(0..).map(|(text, i)| word(text, i, is_prefix)).collect();
            terms.extend(phrases.iter().zip(10..).map(|(text, i)| phrase(text, i)));
            let shown = |request: &FormatRequest| {
                let hit = format(json!({"t": text}), terms.clone(), request);
                hit.formatted.unwrap()["t"].as_str().unwrap().replace(['<', '>'], "")
            };
            proptest::prop_assert_eq!(shown(&request()), text.clone());
            let cropped = shown(&FormatRequest { crop: vec![format!("t:{length}")], ..request() });
            let kept = cropped.trim_matches('…');
            proptest::prop_assert!(text.contains(kept), "{:?} is no part of {:?}", kept, text);
        }
    }

    #[test]
    fn positions_are_bytes_of_the_original_text() {
        let document =
            json!({"a": "é Xy", "l": ["n", "xyz x"], "o": [{"p": "x"}, {"p": "xa"}], "n": 10});
        let request = FormatRequest { show_matches_position: true, ..request() };
        let terms = vec![word("x", 0, true), word("10", 1, false)];
        let hit = format(document, terms, &request);
        insta::assert_snapshot!(
            serde_json::to_string(&hit.matches_position).unwrap(),
            @r#"{"a":[{"start":3,"length":1}],"l":[{"start":0,"length":1,"indices":[1]},{"start":4,"length":1,"indices":[1]}],"n":[{"start":0,"length":2}],"o.p":[{"start":0,"length":1,"indices":[1]}]}"#);
    }
}
