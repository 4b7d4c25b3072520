//! Searches through the public interface: small indexes, whole answers (search.md 2 to 12).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::{Duration, Instant};

use milli::indexing::{
    IndexingContext, MissingDocument, Operation, apply_settings, index_documents,
};
use milli::search::keyword::{
    MatchingStrategy, SearchOutcome, SearchRequest, SortBy, SortCriterion, search,
};
use milli::search::scores::{details_to_json, global_score};
use milli::{Index, OpenOptions, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

struct TestIndex {
    index: Index,
    _dir: tempfile::TempDir,
}

impl TestIndex {
    /// An index with settings and documents; docids are the positions of the documents.
    fn new(settings: Value, documents: &[Value]) -> TestIndex {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { map_size: 100 << 20, max_readers: 16, write_map: false };
        let now = time::OffsetDateTime::now_utc();
        let index = Index::create(dir.path(), &options, now, now).unwrap();
        let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let progress = meilisearch_types::progress::Progress::default();
        let context = IndexingContext {
            threads: &threads,
            max_memory_bytes: None,
            embedders: &Default::default(),
            tries_embedders: true,
            embedder_requests: &Default::default(),
            progress: &progress,
            must_stop: &|| false,
        };
        let mut wtxn = index.write_txn().unwrap();
        let settings = serde_json::from_value(settings).unwrap();
        apply_settings(&index, &mut wtxn, &settings, &context).unwrap();
        let payload: String = documents.iter().map(Value::to_string).collect();
        let operation =
            Operation::Replace { payload: payload.as_bytes(), on_missing: MissingDocument::Create };
        let outcomes =
            index_documents(&index, &mut wtxn, &[operation], Some("id"), &context).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{outcomes:?}");
        wtxn.commit().unwrap();
        TestIndex { index, _dir: dir }
    }

    /// An index of texts in the field `text`.
    fn of_texts(settings: Value, texts: &[&str]) -> TestIndex {
        let document = |(id, text)| json!({ "id": id, "text": text });
        let documents: Vec<_> = texts.iter().enumerate().map(document).collect();
        TestIndex::new(settings, &documents)
    }

    fn search(&self, query: &str) -> SearchOutcome {
        self.search_with(query, |_| {})
    }

    fn search_with(
        &self,
        query: &str,
        change: impl FnOnce(&mut SearchRequest<'_>),
    ) -> SearchOutcome {
        self.try_search(query, change).unwrap()
    }

    fn try_search(
        &self,
        query: &str,
        change: impl FnOnce(&mut SearchRequest<'_>),
    ) -> milli::Result<SearchOutcome> {
        let rtxn = self.index.read_txn().unwrap();
        let schema = Schema::load(&self.index, &rtxn).unwrap();
        let mut request = SearchRequest {
            query: Some(query),
            vector: None,
            locales: None,
            universe: self.index.documents_ids(&rtxn).unwrap(),
            offset: 0,
            limit: 20,
            exhaustive: false,
            matching_strategy: MatchingStrategy::Last,
            attributes_to_search_on: None,
            sort: &[],
            distinct: None,
            ranking_score_threshold: None,
            scored: true,
            deadline: None,
        };
        change(&mut request);
        search(&self.index, &rtxn, &schema, request)
    }

    fn details(&self, outcome: &SearchOutcome, hit: usize) -> Value {
        let rtxn = self.index.read_txn().unwrap();
        let schema = Schema::load(&self.index, &rtxn).unwrap();
        Value::Object(details_to_json(&outcome.scores[hit], &schema))
    }
}

fn asc(field: &str) -> SortBy {
    SortBy::Field(SortCriterion { field: field.to_owned(), ascending: true })
}

fn desc(field: &str) -> SortBy {
    SortBy::Field(SortCriterion { field: field.to_owned(), ascending: false })
}

/// The worked example of search.md 12.2, end to end.
#[test]
fn worked_example_of_the_score() {
    let index = TestIndex::new(
        json!({ "searchableAttributes": ["name", "notes"] }),
        &[json!({ "id": 0, "name": "the red and big kite", "notes": "x" })],
    );
    let outcome = index.search("red kite");
    assert_eq!(outcome.docids, [0]);
    assert!((global_score(&outcome.scores[0]) - 12441.0 / 13608.0).abs() < 1e-12);
    let expected = json!({
        "words": {"order": 0, "matchingWords": 2, "maxMatchingWords": 2, "score": 1.0},
        "typo": {"order": 1, "typoCount": 0, "maxTypoCount": 2, "score": 1.0},
        "proximity": {"order": 2, "score": 0.5},
        "attributeRank": {"order": 3, "score": 1.0},
        "wordPosition": {"order": 4, "score": 0.857_142_857_142_857_1},
        "exactness": {"order": 5, "matchType": "noExactMatch", "matchingWords": 2,
                      "maxMatchingWords": 2, "score": 0.333_333_333_333_333_3},
    });
    assert_eq!(index.details(&outcome, 0), expected);
}

#[test]
fn strategies_decide_which_terms_may_be_missing() {
    let texts = ["red big kite", "red big", "red", "kite", "big kite", "big box", "big cat"];
    let index = TestIndex::of_texts(json!({}), &texts);
    let found = |strategy| {
        index.search_with("red big kite", |request| request.matching_strategy = strategy).docids
    };
    assert_eq!(found(MatchingStrategy::Last), [0, 1, 2]);
    assert_eq!(found(MatchingStrategy::All), [0]);
    // `big` is in the most documents and is dropped first, then `red` and `kite` would be together.
    assert_eq!(found(MatchingStrategy::Frequency), [0]);
}

#[test]
fn matching_words_count_from_the_query() {
    let index = TestIndex::of_texts(json!({}), &["red big kite", "red big", "red"]);
    let outcome = index.search("red big kite");
    let words: Vec<_> = (0..3).map(|hit| index.details(&outcome, hit)["words"].clone()).collect();
    assert_eq!(words[0]["matchingWords"], 3);
    assert_eq!(words[1]["matchingWords"], 2);
    assert_eq!(words[2]["matchingWords"], 1);
    assert_eq!(words[2]["maxMatchingWords"], 3);
    assert_eq!(outcome.candidates.len(), 3);
}

#[test]
fn typos_prefixes_and_splits() {
    let index =
        TestIndex::of_texts(json!({}), &["kitchen", "kitchn", "kit chen", "kitchens", "chen kit"]);
    assert_eq!(index.search("kitchen ").docids, [0, 1, 2, 3]);
    assert_eq!(index.search("kitch").docids, [0, 1, 3]);
    assert_eq!(index.search("\"kitchen\"").docids, [0]);
    let without = TestIndex::of_texts(
        json!({ "typoTolerance": { "enabled": false }, "prefixSearch": "disabled" }),
        &["kitchen", "kitchn", "kit chen", "kitchens"],
    );
    // Split words exist even where typos do not.
    assert_eq!(without.search("kitchen").docids, [0, 2]);
}

#[test]
fn typos_can_be_refused_for_words_attributes_and_numbers() {
    let documents = [
        json!({ "id": 0, "title": "kitchen", "code": "kitchen" }),
        json!({ "id": 1, "title": "kitchem" }),
        json!({ "id": 2, "title": "x", "code": "kitchet" }),
        json!({ "id": 3, "title": "123456" }),
        json!({ "id": 4, "title": "123457" }),
    ];
    let found = |typo_tolerance: Value, query: &str| {
        TestIndex::new(json!({ "typoTolerance": typo_tolerance }), &documents).search(query).docids
    };
    assert_eq!(found(json!({}), "kitchen "), [0, 1, 2]);
    assert_eq!(found(json!({ "disableOnAttributes": ["code"] }), "kitchen "), [0, 1]);
    assert_eq!(found(json!({ "disableOnWords": ["Kitchen"] }), "kitchen "), [0]);
    assert_eq!(found(json!({ "minWordSizeForTypos": { "oneTypo": 8 } }), "kitchen "), [0]);
    assert_eq!(found(json!({}), "123456 "), [3, 4]);
    assert_eq!(found(json!({ "disableOnNumbers": true }), "123456 "), [3]);
}

#[test]
fn frequent_beginnings_are_found_through_the_prefix_databases() {
    let mut texts: Vec<String> = (0..150).map(|n| format!("tail ab{n:03}x")).collect();
    texts.push("ab999x tail".to_owned());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let index = TestIndex::of_texts(json!({ "rankingRules": ["proximity", "exactness"] }), &texts);
    let outcome = index.search_with("tail ab", |request| request.limit = 1000);
    assert_eq!(outcome.docids.len(), 151);
    // The precomputed prefix itself is not highlighted.
    assert!(outcome.matching_words.terms()[1].words.is_empty());
    assert_eq!(index.details(&outcome, 0)["proximity"]["score"], 1.0);
    // Before a word, a prefix is only looked up as a whole word.
    assert_eq!(outcome.docids[150], 150);
    assert_eq!(index.details(&outcome, 150)["proximity"]["score"], 0.25);
    // A last word that is no word of the index does not stand in the way of the others.
    assert_eq!(index.details(&outcome, 0)["exactness"]["matchType"], "matchesStart");
    assert_eq!(index.search("ab07").candidates.len(), 10);
}

#[test]
fn phrases_and_negatives() {
    let index = TestIndex::of_texts(
        json!({ "stopWords": ["of"] }),
        &["lord of the rings", "rings of the lord", "lord the rings", "the lord"],
    );
    // What stands in the hole may be missing: `lord` and `the` are one or two apart.
    assert_eq!(index.search("\"lord of the rings\"").docids, [0, 2]);
    assert_eq!(index.search("\"the lord\"").docids, [3, 1]);
    assert_eq!(index.search("lord -rings").docids, [3]);
    assert_eq!(index.search("-rings").docids, [3]);
    assert_eq!(index.search("lord -\"the rings\"").docids, [3, 1]);
    assert!(index.search("\"absent words\" lord").docids.is_empty());
}

#[test]
fn synonyms_of_one_and_several_words() {
    let index = TestIndex::of_texts(
        json!({ "synonyms": { "nyc": ["New York"], "new york": ["NYC", "big apple"] } }),
        &["new york", "nyc", "big apple", "york new"],
    );
    assert_eq!(index.search("nyc").docids, [1, 0]);
    let mut found = index.search("new york").docids;
    assert_eq!(found[0], 0);
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3]);
}

#[test]
fn closer_words_come_first_in_both_precisions() {
    let documents = [
        json!({ "id": 0, "a": "red one two three kite", "b": "" }),
        json!({ "id": 1, "a": "red one kite", "b": "" }),
        json!({ "id": 2, "a": "kite red", "b": "" }),
        json!({ "id": 3, "a": "red kite", "b": "" }),
        json!({ "id": 4, "a": "red", "b": "kite" }),
    ];
    let rules = json!(["words", "proximity"]);
    let index = TestIndex::new(json!({ "rankingRules": rules }), &documents);
    assert_eq!(index.search("red kite").docids, [3, 1, 2, 0, 4]);
    let settings = json!({ "rankingRules": rules, "proximityPrecision": "byAttribute" });
    let index = TestIndex::new(settings, &documents);
    assert_eq!(index.search("red kite").docids, [0, 1, 2, 3, 4]);
    let outcome = index.search("red kite");
    assert_eq!(index.details(&outcome, 0)["proximity"]["score"], 1.0);
    assert_eq!(index.details(&outcome, 4)["proximity"]["score"], 0.25);
}

/// With `byAttribute`, a pair is looked up in the universe of its first use and never again, which
/// recorded answers show (search.md 5.3).
#[test]
fn pairs_of_attributes_belong_to_the_branch_that_asked_first() {
    let document = |id| json!({ "id": id, "text": "green kite", "price": id });
    let settings = json!({
        "rankingRules": ["sort", "words", "proximity"], "proximityPrecision": "byAttribute",
        "sortableAttributes": ["price"],
    });
    let index = TestIndex::new(settings, &[document(0), document(1)]);
    let sort = [asc("price")];
    let search = |query| index.search_with(query, |request| request.sort = sort.to_vec().leak());
    let outcome = search("greem kite ");
    assert_eq!(outcome.docids, [0, 1]);
    assert_eq!(index.details(&outcome, 0)["proximity"]["score"], 1.0);
    // Only the reversed pair, asked for at the next distance, is still free for the second branch.
    assert_eq!(index.details(&outcome, 1)["proximity"]["score"], 0.75);
    // As typed, the pair is met first as a way to split the n-gram, which asks without a universe.
    let outcome = search("green kite ");
    assert_eq!(index.details(&outcome, 1)["proximity"]["score"], 1.0);
}

#[test]
fn attributes_rank_and_restrict() {
    let documents = [
        json!({ "id": 0, "title": "box", "notes": "kite" }),
        json!({ "id": 1, "title": "kite", "notes": "box" }),
        json!({ "id": 2, "title": "x", "notes": "x", "other": "kite" }),
    ];
    let index = TestIndex::new(json!({ "searchableAttributes": ["title", "notes"] }), &documents);
    assert_eq!(index.search("kite").docids, [1, 0]);
    let restricted = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        index.try_search("kite", |request| {
            // The request lives shorter than the names of a test.
            request.attributes_to_search_on = Some(names.leak());
        })
    };
    assert_eq!(restricted(&["notes"]).unwrap().docids, [0]);
    assert_eq!(restricted(&["ti*"]).unwrap().docids, [1]);
    assert_eq!(restricted(&["*"]).unwrap().docids, [1, 0]);
    assert!(restricted(&[]).unwrap().docids.is_empty());
    let error = restricted(&["other"]).unwrap_err();
    assert!(
        error.to_string().contains("`other`") && error.to_string().contains("`title`"),
        "{error}"
    );
    assert!(restricted(&["*", "other"]).is_err());
}

#[test]
fn exactness_knows_three_kinds_of_match() {
    let index = TestIndex::of_texts(
        json!({ "rankingRules": ["exactness"] }),
        &["red kites", "a red kite", "red kite flies", "red kite"],
    );
    let outcome = index.search("red kite");
    assert_eq!(outcome.docids, [3, 2, 1, 0]);
    let kinds: Vec<_> =
        (0..4).map(|hit| index.details(&outcome, hit)["exactness"]["matchType"].clone()).collect();
    assert_eq!(kinds, ["exactMatch", "matchesStart", "noExactMatch", "noExactMatch"]);
    assert_eq!(index.details(&outcome, 3)["exactness"]["matchingWords"], 1);
}

fn shop() -> TestIndex {
    let documents = [
        json!({ "id": 0, "text": "kite", "price": 10, "kind": "a" }),
        json!({ "id": 1, "text": "kite", "price": 2, "kind": "b" }),
        json!({ "id": 2, "text": "kite", "price": "cheap", "kind": "a" }),
        json!({ "id": 3, "text": "kite", "kind": ["c", "b"] }),
        json!({ "id": 4, "text": "kite", "price": [1, 30] }),
    ];
    let settings = json!({
        "sortableAttributes": ["price"], "filterableAttributes": ["kind"],
        "searchableAttributes": ["text"],
    });
    TestIndex::new(settings, &documents)
}

#[test]
fn sorting_places_numbers_then_strings_then_nothing() {
    let index = shop();
    for query in ["", "kite"] {
        let sorted = |criterion: SortBy| {
            index.search_with(query, |request| request.sort = vec![criterion].leak()).docids
        };
        assert_eq!(sorted(asc("price")), [4, 1, 0, 2, 3], "{query}");
        assert_eq!(sorted(desc("price")), [4, 0, 1, 2, 3], "{query}");
        assert_eq!(sorted(asc("unknown")), [0, 1, 2, 3, 4], "{query}");
    }
    let outcome = index.search_with("", |request| request.sort = vec![asc("price")].leak());
    assert_eq!(index.details(&outcome, 0), json!({ "price:asc": { "order": 0, "value": 1.0 } }));
    assert_eq!(index.details(&outcome, 4), json!({ "price:asc": { "order": 0, "value": null } }));
}

#[test]
fn distinct_keeps_one_document_a_value() {
    let index = shop();
    for query in ["", "kite"] {
        let outcome = index.search_with(query, |request| request.distinct = Some("kind"));
        assert_eq!(outcome.docids, [0, 1, 4], "{query}");
        let outcome = index.search_with(query, |request| {
            request.distinct = Some("kind");
            request.exhaustive = true;
            request.limit = 1;
        });
        assert_eq!(outcome.docids, [0]);
        assert_eq!(outcome.candidates.len(), 3);
        let outcome = index.search_with(query, |request| {
            request.distinct = Some("kind");
            request.sort = vec![desc("price")].leak();
            request.offset = 1;
        });
        assert_eq!(outcome.docids, [0, 1], "{query}");
    }
}

#[test]
fn pages_and_thresholds() {
    let index = TestIndex::of_texts(json!({}), &["red kite", "red", "red", "red kite", "red"]);
    let page = |offset, limit| {
        index
            .search_with("red kite", |request| {
                request.offset = offset;
                request.limit = limit;
            })
            .docids
    };
    assert_eq!(page(0, 2), [0, 3]);
    assert_eq!(page(1, 2), [3, 1]);
    assert_eq!(page(4, 20), [4]);
    assert!(page(6, 20).is_empty() && page(0, 0).is_empty());
    let outcome =
        index.search_with("red kite", |request| request.ranking_score_threshold = Some(0.9));
    assert_eq!(outcome.docids, [0, 3]);
    assert_eq!(outcome.candidates.len(), 2);
    let outcome = index.search_with("red kite", |request| {
        request.ranking_score_threshold = Some(0.9);
        request.exhaustive = true;
        request.limit = 1;
    });
    assert_eq!((outcome.docids, outcome.candidates.len()), (vec![0], 2));
}

#[test]
fn a_passed_deadline_returns_all_unranked() {
    let index = TestIndex::of_texts(json!({}), &["red", "red kite"]);
    let passed = Instant::now().checked_sub(Duration::from_secs(1));
    let outcome = index.search_with("red kite", |request| request.deadline = passed);
    assert!(outcome.degraded);
    assert_eq!(outcome.docids, [0, 1]);
    assert_eq!(index.details(&outcome, 0), json!({ "skipped": { "order": 0 } }));
    assert!(!index.search("red kite").degraded);
}

#[test]
fn the_order_is_the_same_without_scores() {
    let texts = ["red kite", "kite red", "red box kite", "redd kite", "red", "red kites"];
    let index = TestIndex::of_texts(json!({}), &texts);
    for query in ["red kite", "red", "rad kit", ""] {
        let unscored = index.search_with(query, |request| request.scored = false);
        assert_eq!(unscored.docids, index.search(query).docids, "{query}");
    }
}

#[test]
fn highlighting_learns_what_was_computed() {
    let index = TestIndex::of_texts(
        json!({ "synonyms": { "kite": ["paper bird"] } }),
        &["red kites", "kitesurf", "paper bird"],
    );
    let outcome = index.search("red kite");
    let terms = outcome.matching_words.terms();
    let words: Vec<_> = terms.iter().map(|term| term.words.join(" ")).collect();
    assert_eq!(words, ["red", "kites kitesurf", ""]);
    assert_eq!(terms[1].phrases, [[Some("paper".to_owned()), Some("bird".to_owned())]]);
    assert!(terms[1].is_prefix && !terms[0].is_prefix);
    assert_eq!((terms[1].query_chars, terms[2].query_chars), (4, 7));
    assert_eq!(terms[2].positions, 0..=1);
}

#[test]
fn words_that_are_too_long_match_nothing() {
    let index = TestIndex::of_texts(json!({}), &["red"]);
    let long = "x".repeat(600);
    assert_eq!(index.search(&format!("red {long}")).docids, [0]);
    assert!(index.search(&format!("\"red {long}\"")).docids.is_empty());
    assert_eq!(index.search(&format!("red -{long}")).docids, [0]);
    assert!(index.search(&long).docids.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the query: no panic, every candidate is returned once, the best score first.
    #[test]
    fn any_query_is_answered(
        queries in proptest::collection::vec("[abc\"\\-. ]{0,24}|\\PC{0,20}", 1..12),
        by_attribute: bool,
        strategy in 0..3usize,
    ) {
        let texts =
            ["a b c", "ab c", "abc. b a", "c b a c b a", "b", "aab bba", "cab ba a b", "日本語 a"];
        let precision = if by_attribute { "byAttribute" } else { "byWord" };
        let settings = json!({ "proximityPrecision": precision, "stopWords": ["b"] });
        let index = TestIndex::of_texts(settings, &texts);
        let strategy = [MatchingStrategy::Last, MatchingStrategy::All, MatchingStrategy::Frequency][strategy];
        for query in &queries {
            let outcome = index.search_with(query, |request| request.matching_strategy = strategy);
            let mut docids = outcome.docids.clone();
            docids.sort_unstable();
            docids.dedup();
            prop_assert_eq!(docids.len(), outcome.docids.len());
            prop_assert_eq!(docids.len() as u64, outcome.candidates.len(), "{}", query);
            let scores: Vec<f64> = outcome.scores.iter().map(|details| global_score(details)).collect();
            prop_assert!(scores.is_sorted_by(|a, b| a >= b), "{}: {:?}", query, scores);
            prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        }
    }
}
