//! Searches by vectors, and by both words and vectors (search.md 10.4, 18 and 20).

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::time::{Duration, Instant};

use common::TestIndex;
use embedders::QueryInput;
use milli::Schema;
use milli::document::{docid, document, to_json};
use milli::search::hybrid;
use milli::search::keyword::{self, MatchingStrategy, SearchOutcome, SearchRequest};
use milli::search::scores::{ScoreDetail, global_score};
use milli::search::similar::{SimilarRequest, similar};
use milli::search::sort::SortParameter;
use milli::vector::{SearchEmbedder, VectorError};
use rand08::rngs::StdRng;
use rand08::{Rng, SeedableRng};
use roaring::RoaringBitmap;
use serde_json::{Value, json};

const EMBEDDER: &str = "e";

/// What a test asks for beside the vector.
#[derive(Clone, Default)]
struct Ask {
    q: Option<&'static str>,
    sort: Vec<String>,
    distinct: Option<&'static str>,
    threshold: Option<f64>,
    limit: Option<usize>,
    offset: usize,
    deadline: Option<Instant>,
}

fn request<'q>(ask: &'q Ask, universe: RoaringBitmap) -> SearchRequest<'q> {
    SearchRequest {
        query: ask.q,
        vector: None,
        locales: None,
        universe,
        offset: ask.offset,
        limit: ask.limit.unwrap_or(20),
        exhaustive: false,
        matching_strategy: MatchingStrategy::Last,
        attributes_to_search_on: None,
        sort: &[],
        distinct: ask.distinct,
        ranking_score_threshold: ask.threshold,
        scored: true,
        deadline: ask.deadline,
    }
}

/// A deadline that is not reached.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Runs a search: by the vector alone, or with the words when a ratio is given.
fn search(
    index: &TestIndex,
    vector: &[f32],
    ratio: Option<f32>,
    ask: &Ask,
    universe: Option<RoaringBitmap>,
) -> SearchOutcome {
    let rtxn = index.index.read_txn().unwrap();
    let schema = Schema::load(&index.index, &rtxn).unwrap();
    let embedder =
        SearchEmbedder::open(&index.index, &rtxn, &schema, EMBEDDER, &Default::default())
            .unwrap()
            .unwrap();
    let vector = embedder.query(vector.to_vec(), soon()).unwrap();
    let universe = universe.unwrap_or_else(|| index.index.documents_ids(&rtxn).unwrap());
    let sort = SortParameter::parse(&ask.sort).unwrap();
    let request = SearchRequest { sort: sort.checked(&schema).unwrap(), ..request(ask, universe) };
    match ratio {
        None => {
            let request = SearchRequest { vector: Some(&vector), ..request };
            keyword::search(&index.index, &rtxn, &schema, request).unwrap()
        }
        Some(ratio) => {
            hybrid::search(&index.index, &rtxn, &schema, request, ratio, || Ok(vector))
                .unwrap()
                .found
        }
    }
}

/// The value of `id` of a document.
fn id(index: &TestIndex, docid: u32) -> String {
    let rtxn = index.index.read_txn().unwrap();
    let fields = index.index.fields_ids_map(&rtxn).unwrap();
    let stored = document(&index.index, &rtxn, docid).unwrap().unwrap();
    to_json(stored, &fields).unwrap()["id"].to_string()
}

/// Ids of the found documents with their scores.
fn hits(index: &TestIndex, outcome: &SearchOutcome) -> Vec<(String, f64)> {
    let scores = outcome.scores.iter().map(|scores| global_score(scores));
    outcome.docids.iter().map(|docid| id(index, *docid)).zip(scores).collect()
}

fn ids(index: &TestIndex, outcome: &SearchOutcome) -> Vec<String> {
    hits(index, outcome).into_iter().map(|(id, _)| id).collect()
}

/// The index of vectors.md 21.1.
fn five_documents(embedder: Value) -> TestIndex {
    let index = TestIndex::new();
    index.settings(json!({
        "embedders": {EMBEDDER: embedder},
        "sortableAttributes": ["n"],
        "filterableAttributes": ["n"],
    }));
    index.replace(json!([
        {"id": 1, "n": 2, "t": "red kite", "_vectors": {EMBEDDER: [1, 0]}},
        {"id": 2, "n": 1, "t": "red boat", "_vectors": {EMBEDDER: [1, 1]}},
        {"id": 3, "n": 1, "t": "blue kite", "_vectors": {EMBEDDER: [0, 1]}},
        {"id": 4, "n": 2, "t": "blue boat", "_vectors": {EMBEDDER: [-1, 0]}},
        {"id": 5, "n": 1, "t": "green", "_vectors": {EMBEDDER: null}},
    ]));
    index
}

fn plain() -> Value {
    json!({"source": "userProvided", "dimensions": 2})
}

fn check(index: &TestIndex, expected: &[(&str, f64)]) {
    let outcome = search(index, &[1.0, 0.0], None, &Ask::default(), None);
    let found = hits(index, &outcome);
    let found: Vec<_> = found.iter().map(|(id, score)| (&**id, *score)).collect();
    assert_eq!(found, expected);
    assert_eq!(outcome.scores[4], [ScoreDetail::Vector(None)]);
    assert_eq!(outcome.candidates.len(), 5);
}

#[test]
fn similarities() {
    let expected = [("1", 1.0), ("2", 0.8535534143447876), ("3", 0.5), ("4", 0.0), ("5", 0.0)];
    check(&five_documents(plain()), &expected);
}

#[test]
fn similarities_are_spread_by_the_distribution() {
    let distribution = json!({"mean": 0.7, "sigma": 0.3});
    let embedder = json!({"source": "userProvided", "dimensions": 2, "distribution": distribution});
    let expected = [
        ("1", 0.8999999761581421),
        ("2", 0.7047379016876221),
        ("3", 0.23333334922790527),
        ("4", 1.1920928955078125e-7),
        ("5", 0.0),
    ];
    check(&five_documents(embedder), &expected);
}

#[test]
fn quantized_vectors_differ_by_bits() {
    let index = five_documents(plain());
    index.settings(json!({"embedders": {EMBEDDER: {"binaryQuantized": true}}}));
    let expected = [("1", 1.0), ("2", 0.984375), ("4", 0.984375), ("3", 0.96875), ("5", 0.0)];
    check(&index, &expected);
}

#[test]
fn a_document_is_as_near_as_its_nearest_vector() {
    let index = TestIndex::new();
    index.settings(json!({"embedders": {EMBEDDER: plain()}}));
    index.replace(json!([
        {"id": 1, "_vectors": {EMBEDDER: [[-1, 0], [0, 1], [1, 0.1]]}},
        {"id": 2, "_vectors": {EMBEDDER: [[1, 1]]}},
        {"id": 3, "_vectors": {EMBEDDER: [[0, 1], [1, 0]]}},
    ]));
    for limit in 1..4 {
        let ask = Ask { limit: Some(limit), ..Ask::default() };
        let found = ids(&index, &search(&index, &[1.0, 0.0], None, &ask, None));
        assert_eq!(found, ["3", "1", "2"][..limit]);
    }
}

#[test]
fn sort_distinct_threshold_and_pages() {
    let index = five_documents(plain());
    let ask = |ask: Ask| ids(&index, &search(&index, &[1.0, 0.0], None, &ask, None));
    // The rule `sort` stands behind the first relevancy rule, and here before it.
    let sort = vec!["n:asc".to_owned()];
    assert_eq!(ask(Ask { sort: sort.clone(), ..Ask::default() }), ["1", "2", "3", "4", "5"]);
    let rules = json!(["sort", "words", "typo", "proximity", "attribute", "exactness"]);
    index.settings(json!({"rankingRules": rules}));
    assert_eq!(ask(Ask { sort, ..Ask::default() }), ["2", "3", "5", "1", "4"]);
    index.settings(json!({"rankingRules": null}));

    assert_eq!(ask(Ask { distinct: Some("n"), ..Ask::default() }), ["1", "2"]);
    assert_eq!(ask(Ask { distinct: Some("n"), limit: Some(1), ..Ask::default() }), ["1"]);
    assert_eq!(ask(Ask { offset: 1, limit: Some(2), ..Ask::default() }), ["2", "3"]);
    let above = Ask { threshold: Some(0.5), ..Ask::default() };
    let outcome = search(&index, &[1.0, 0.0], None, &above, None);
    assert_eq!(ids(&index, &outcome), ["1", "2", "3"]);
    assert_eq!(outcome.candidates.len(), 3);
}

#[test]
fn what_the_filter_leaves() {
    let index = five_documents(plain());
    let rtxn = index.index.read_txn().unwrap();
    let of = |ids: &[&str]| -> RoaringBitmap {
        ids.iter().map(|id| docid(&index.index, &rtxn, id).unwrap().unwrap()).collect()
    };
    let outcome = search(&index, &[1.0, 0.0], None, &Ask::default(), Some(of(&["5", "3"])));
    assert_eq!(ids(&index, &outcome), ["3", "5"]);
    let outcome = search(&index, &[1.0, 0.0], None, &Ask::default(), Some(of(&["5"])));
    assert_eq!(ids(&index, &outcome), ["5"]);
}

#[test]
fn a_search_whose_time_is_over_skips_the_vectors() {
    let index = five_documents(plain());
    let ask = Ask { deadline: Some(Instant::now()), ..Ask::default() };
    let outcome = search(&index, &[-1.0, 0.0], None, &ask, None);
    assert_eq!(ids(&index, &outcome), ["1", "2", "3", "4", "5"]);
    assert_eq!(outcome.scores[0], [ScoreDetail::Skipped]);
    assert!(outcome.degraded);
}

#[test]
fn words_and_vectors_are_merged_by_their_weights() {
    let index = five_documents(plain());
    let by = |ratio, q, limit| {
        let ask = Ask { q: Some(q), limit: Some(limit), ..Ask::default() };
        let outcome = search(&index, &[0.0, 1.0], Some(ratio), &ask, None);
        let is_semantic =
            |scores: &Vec<ScoreDetail>| matches!(scores[..], [ScoreDetail::Vector(_)]);
        let kinds: String = outcome
            .scores
            .iter()
            .map(|scores| if is_semantic(scores) { 'v' } else { 'w' })
            .collect();
        (ids(&index, &outcome).join(""), kinds, outcome.candidates.len())
    };
    // Words that are good enough leave the vectors alone.
    assert_eq!(by(0.5, "red kite", 1), ("1".to_owned(), "w".to_owned(), 2));
    // Too few hits: the vectors are needed, and rank what the words do not find.
    assert_eq!(by(0.5, "kite", 5), ("31245".to_owned(), "vwvvv".to_owned(), 5));
    assert_eq!(by(0.9, "kite", 5), ("32145".to_owned(), "vvvvv".to_owned(), 5));
    assert_eq!(by(0.1, "kite", 5), ("13245".to_owned(), "wwvvv".to_owned(), 5));
    // What the text excludes is excluded from both.
    assert_eq!(by(0.9, "kite -blue", 5), ("215".to_owned(), "vvv".to_owned(), 3));
}

#[test]
fn a_hybrid_search_is_distinct_across_both_lists() {
    let index = five_documents(plain());
    let ask = Ask { q: Some("boat"), distinct: Some("n"), ..Ask::default() };
    let outcome = search(&index, &[1.0, 0.0], Some(0.6), &ask, None);
    let found = ids(&index, &outcome);
    assert_eq!(found, ["1", "2"]);
    assert_eq!(outcome.candidates.len(), 2);
}

#[test]
fn a_text_cannot_be_embedded_by_users() {
    let index = five_documents(plain());
    let rtxn = index.index.read_txn().unwrap();
    let schema = Schema::load(&index.index, &rtxn).unwrap();
    let embedder =
        SearchEmbedder::open(&index.index, &rtxn, &schema, EMBEDDER, &Default::default())
            .unwrap()
            .unwrap();
    let input = QueryInput { text: Some("kite"), media: None };
    let error = embedder.embed(input, soon()).unwrap_err();
    assert!(matches!(error, milli::Error::Vector(VectorError::Embedding { .. })), "{error}");
    let ask = Ask { q: Some("kite"), ..Ask::default() };
    let universe = index.index.documents_ids(&rtxn).unwrap();
    let vector = || embedder.embed(input, soon());
    let request = request(&ask, universe);
    let outcome = hybrid::search(&index.index, &rtxn, &schema, request, 0.5, vector).unwrap();
    assert_eq!(ids(&index, &outcome.found), ["1", "3"]);
    assert_eq!(outcome.vector, None);
    assert!(
        SearchEmbedder::open(&index.index, &rtxn, &schema, "f", &Default::default())
            .unwrap()
            .is_none()
    );
}

#[test]
fn documents_similar_to_a_document() {
    let index = five_documents(plain());
    let rtxn = index.index.read_txn().unwrap();
    let schema = Schema::load(&index.index, &rtxn).unwrap();
    let embedder =
        SearchEmbedder::open(&index.index, &rtxn, &schema, EMBEDDER, &Default::default())
            .unwrap()
            .unwrap();
    let find = |of: &str, offset, limit, threshold| {
        let request = SimilarRequest {
            docid: docid(&index.index, &rtxn, of).unwrap().unwrap(),
            universe: index.index.documents_ids(&rtxn).unwrap(),
            offset,
            limit,
            ranking_score_threshold: threshold,
        };
        let outcome = similar(&index.index, &rtxn, &embedder, request).unwrap();
        let ids: Vec<String> = outcome.docids.into_iter().map(|docid| id(&index, docid)).collect();
        (ids.join(""), outcome.total)
    };
    assert_eq!(find("1", 0, 20, None), ("234".to_owned(), 4));
    assert_eq!(find("1", 1, 1, None), ("3".to_owned(), 4));
    assert_eq!(find("1", 9, usize::MAX, None), (String::new(), 4));
    assert_eq!(find("1", 1, 20, Some(0.4)), ("3".to_owned(), 2));
    assert_eq!(find("5", 0, 20, None), (String::new(), 4));
}

/// A graph finds nearly all of what a comparison with every vector finds, whatever share of the
/// documents a filter leaves, and also when it leaves those that are far away.
#[test]
fn graphs_find_the_nearest() {
    const DOCUMENTS: usize = 2600;
    const DIMENSIONS: usize = 16;
    let mut rng = StdRng::seed_from_u64(7);
    let mut random =
        || -> Vec<f32> { (0..DIMENSIONS).map(|_| rng.gen_range(-1.0f32..1.0)).collect() };
    let vectors: Vec<Vec<f32>> = (0..DOCUMENTS).map(|_| random()).collect();
    let index = TestIndex::new();
    index.settings(json!({"embedders": {
        EMBEDDER: {"source": "userProvided", "dimensions": DIMENSIONS},
    }}));
    let documents: Vec<_> = vectors
        .iter()
        .enumerate()
        .map(|(id, vector)| json!({"id": id, "_vectors": {EMBEDDER: vector}}))
        .collect();
    index.replace(Value::Array(documents));
    let cosine = |a: &[f32], b: &[f32]| -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    for share in [1.0, 0.9, 0.6, 0.4] {
        for is_far in [false, true] {
            let (mut found, mut wanted) = (0, 0);
            for _ in 0..5 {
                let query = random();
                let mut order: Vec<u32> = (0..DOCUMENTS as u32).collect();
                let similarity = |docid: &u32| cosine(&vectors[*docid as usize], &query);
                order.sort_by(|a, b| similarity(b).total_cmp(&similarity(a)));
                let count = (DOCUMENTS as f64 * share) as usize;
                let universe: RoaringBitmap = match is_far {
                    true => order[DOCUMENTS - count..].iter().copied().collect(),
                    false => (0..count as u32).collect(),
                };
                order.retain(|docid| universe.contains(*docid));
                let ask = Ask { limit: Some(10), ..Ask::default() };
                let outcome = search(&index, &query, None, &ask, Some(universe));
                assert_eq!(outcome.docids.len(), 10);
                found += outcome.docids.iter().filter(|id| order[..10].contains(id)).count();
                wanted += 10;
            }
            assert!(found * 100 >= wanted * 95, "share {share}, far {is_far}: {found} of {wanted}");
        }
    }
}
