//! Searches whose vectors a provider computes: when it is asked, for what, and what comes of it when it does
//! not answer (vectors.md 7, 16, 21.2 and 21.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use embedder_mock::{Mock, Reply, answer, vector};
use serde_json::{Value, json};

use crate::common::{Answer, Server};

/// A server that may ask providers on this machine; with further variables.
fn server(variables: &[&str]) -> Server {
    let always = ["env", "MEILI_EXPERIMENTAL_ALLOWED_IP_NETWORKS=127.0.0.0/8"];
    Server::start_by(&[&always, variables].concat())
}

fn rest(mock: &Mock) -> Value {
    json!({
        "source": "rest", "url": mock.url("/"), "dimensions": 3, "documentTemplate": "{{doc.t}}",
        "request": { "input": ["{{text}}", "{{..}}"] },
        "response": { "output": ["{{embedding}}", "{{..}}"] },
    })
}

/// The same for an embedder of fragments: texts as they are, and images by their address.
fn of_fragments(mock: &Mock) -> Value {
    let mut embedder = with(
        rest(mock),
        json!({
            "request": { "input": ["{{fragment}}", "{{..}}"] },
            "indexingFragments": { "text": { "value": "{{doc.t}}" } },
            "searchFragments": {
                "image": { "value": { "img": "{{media.u}}" } },
                "text": { "value": "{{q}}" },
            },
        }),
    );
    embedder.as_object_mut().unwrap().remove("documentTemplate");
    embedder
}

fn with(mut object: Value, members: Value) -> Value {
    object.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    object
}

/// Fills an index that has this embedder.
fn fill(server: &Server, uid: &str, embedder: &Value) {
    let settings = json!({ "embedders": { "e": embedder }, "filterableAttributes": ["t"] });
    server.succeed(server.patch(&format!("/indexes/{uid}/settings"), settings));
    let documents = json!([
        { "id": 1, "t": "red kite" },
        { "id": 2, "t": "red boat" },
        { "id": 3, "t": "blue kite" },
        { "id": 4, "t": "green" },
    ]);
    server.succeed(server.post(&format!("/indexes/{uid}/documents"), documents));
}

/// A server with the index `items` and its provider, which has forgotten what it was asked so far.
fn filled(variables: &[&str]) -> (Server, Mock) {
    let (server, mock) = (server(variables), Mock::start(3).unwrap());
    fill(&server, "items", &rest(&mock));
    mock.take_requests();
    (server, mock)
}

fn by(ratio: f64) -> Value {
    json!({ "embedder": "e", "semanticRatio": ratio })
}

#[track_caller]
fn search(server: &Server, body: Value) -> Value {
    let (status, answer) = server.post("/indexes/items/search", body);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn ids(answer: &Value) -> Vec<u64> {
    answer["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_u64().unwrap()).collect()
}

/// A vector as an answer tells it.
fn numbers(vector: &Value) -> Vec<f32> {
    serde_json::from_value(vector.clone()).unwrap()
}

/// What a provider was asked to embed since the last time.
fn asked(mock: &Mock) -> Vec<Value> {
    mock.take_requests().iter().map(|request| request.json()["input"].clone()).collect()
}

#[track_caller]
fn assert_refused((status, answer): Answer, code: &str) -> String {
    assert_eq!((status, &answer["code"]), (400, &json!(code)), "{answer}");
    answer["message"].as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_words_alone(answer: &Value, expected: &[u64]) {
    assert_eq!((ids(answer), &answer["semanticHitCount"]), (expected.to_vec(), &json!(0)));
}

#[test]
fn queries_are_embedded() {
    let (server, mock) = filled(&[]);
    let semantic = json!({ "q": " red KITE ", "hybrid": by(1.0), "retrieveVectors": true });
    let answer = search(&server, semantic);
    assert_eq!(asked(&mock), [json!([" red KITE "])]);
    assert_eq!((answer["hits"][0]["id"].clone(), ids(&answer).len()), (json!(1), 4));
    assert_eq!(answer["semanticHitCount"], 4);
    assert_eq!(numbers(&answer["queryVector"]), vector("red kite", 3));
    let stored = &answer["hits"][0]["_vectors"]["e"]["embeddings"];
    assert_eq!(numbers(&stored[0]), vector("red kite", 3));

    let hybrid = json!({ "q": "kite", "hybrid": by(0.5), "showPerformanceDetails": true });
    let answer = search(&server, hybrid);
    assert_eq!(asked(&mock), [json!(["kite"])]);
    assert_eq!((ids(&answer).len(), answer["queryVector"].clone()), (4, Value::Null));
    // Two hits by words, and all the others by the vector.
    assert!(answer["semanticHitCount"].as_u64() >= Some(2), "{answer}");
    assert!(answer["performanceDetails"]["search > embed query"].is_string(), "{answer}");
    let by_query_string =
        server.get("/indexes/items/search?q=boat&hybridEmbedder=e&hybridSemanticRatio=1").1;
    assert_eq!((ids(&by_query_string).len(), asked(&mock)), (4, vec![json!(["boat"])]));
}

#[test]
fn what_needs_no_request() {
    let (server, mock) = filled(&[]);
    let good = json!({ "q": "red kite", "hybrid": by(0.5), "limit": 1 });
    assert_words_alone(&search(&server, good.clone()), &[1]);
    let none = with(good.clone(), json!({ "limit": 0 }));
    assert_words_alone(&search(&server, none), &[]);
    search(&server, with(good.clone(), json!({ "hybrid": by(0.0) })));
    search(&server, json!({ "q": "  ", "hybrid": by(1.0) }));
    let given = json!({ "vector": vector("blue kite", 3), "q": "red", "hybrid": by(1.0) });
    assert_eq!(ids(&search(&server, given.clone()))[0], 3);
    search(&server, with(given, json!({ "hybrid": by(0.5) })));
    let (status, similar) =
        server.post("/indexes/items/similar", json!({ "id": 1, "embedder": "e" }));
    assert_eq!((status, ids(&similar).len()), (200, 3), "{similar}");
    let of_facet = json!({ "facetName": "t", "q": "red", "hybrid": by(0.5) });
    let (status, facets) = server.post("/indexes/items/facet-search", of_facet.clone());
    assert_eq!((status, facets["facetHits"].as_array().unwrap().len()), (200, 4), "{facets}");
    assert!(asked(&mock).is_empty());

    // Too few hits by words, and too little weight for them, need the vector.
    search(&server, with(good.clone(), json!({ "limit": 4 })));
    search(&server, with(good, json!({ "hybrid": by(0.6) })));
    assert_eq!(asked(&mock), [json!(["red kite"]), json!(["red kite"])]);
    let semantic = with(of_facet, json!({ "hybrid": by(1.0) }));
    let (status, facets) = server.post("/indexes/items/facet-search", semantic.clone());
    assert_eq!((status, facets["facetHits"].as_array().unwrap().len()), (200, 4), "{facets}");
    assert_eq!(asked(&mock), [json!(["red"])]);
    mock.push([Reply::status(401, "who are you")]);
    let refused = server.post("/indexes/items/facet-search", semantic);
    assert_refused(refused, "vector_embedding_error");
}

#[test]
fn a_provider_that_is_down() {
    let (server, mock) = filled(&[]);
    server.succeed(server.patch("/indexes/items/settings", json!({ "searchCutoffMs": 300 })));
    drop(mock);
    let started = Instant::now();
    let hybrid = json!({ "q": "kite", "hybrid": by(0.9), "retrieveVectors": true });
    let answer = search(&server, hybrid);
    assert_words_alone(&answer, &[1, 3]);
    assert_eq!((&answer["estimatedTotalHits"], answer.get("queryVector")), (&json!(2), None));
    let semantic = json!({ "q": "kite", "hybrid": by(1.0) });
    let message =
        assert_refused(server.post("/indexes/items/search", semantic), "vector_embedding_error");
    for part in ["items", "`e`"] {
        assert!(message.contains(part), "{message}");
    }
    // All the attempts would take minutes.
    assert!(started.elapsed() < Duration::from_secs(30));

    let given = json!({ "vector": vector("blue kite", 3), "hybrid": by(1.0) });
    assert_eq!(ids(&search(&server, given))[0], 3);
    assert_eq!(server.get("/indexes/items/similar?id=1&embedder=e").0, 200);
}

#[test]
fn a_provider_that_is_slow() {
    let server = server(&[]);
    let mock = Mock::with(|request| match request.text().contains("slow") {
        true => answer(request, 3).delayed(Duration::from_secs(20)),
        false => answer(request, 3),
    })
    .unwrap();
    fill(&server, "items", &rest(&mock));
    server.succeed(server.patch("/indexes/items/settings", json!({ "searchCutoffMs": 400 })));
    let started = Instant::now();
    let slow = |ratio: f64| json!({ "q": "kite slow", "hybrid": by(ratio) });
    assert_words_alone(&search(&server, slow(0.9)), &[1, 3]);
    assert_refused(server.post("/indexes/items/search", slow(1.0)), "vector_embedding_error");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn providers_that_refuse_or_answer_wrongly() {
    let (server, mock) = filled(&["MEILI_EXPERIMENTAL_REST_EMBEDDER_MAX_RETRY_DURATION_SECONDS=0"]);
    let semantic = json!({ "q": "kite", "hybrid": by(1.0) });
    let hybrid = json!({ "q": "kite", "hybrid": by(0.9) });
    let wrong = [
        (Reply::status(401, "who are you"), "who are you"),
        (Reply::json(&json!({ "output": [[1, 0]] })), "2"),
        (Reply::json(&json!({ "output": [[1, 0, 0], [0, 1, 0]] })), "2"),
        (Reply::json(&json!({ "outputs": [[1, 0, 0]] })), "outputs"),
    ];
    for (reply, part) in wrong {
        mock.push([reply.clone(), reply]);
        let refused = server.post("/indexes/items/search", semantic.clone());
        let message = assert_refused(refused, "vector_embedding_error");
        assert!(message.contains(part), "{message}");
        assert_words_alone(&search(&server, hybrid.clone()), &[1, 3]);
        assert_eq!(asked(&mock).len(), 2, "{part}");
    }
    let busy = || Reply::status(500, "busy");
    mock.push([busy(), busy()]);
    assert_eq!(search(&server, semantic)["semanticHitCount"], 4);
    assert_eq!(asked(&mock).len(), 3);
}

#[test]
fn a_provider_whose_vectors_are_not_as_long_as_those_stored() {
    let mut server = Server::start_with(&["--experimental-allowed-ip-networks", "127.0.0.0/8"]);
    let length = Arc::new(AtomicUsize::new(3));
    let now = Arc::clone(&length);
    let mock = Mock::with(move |request| answer(request, now.load(Ordering::SeqCst))).unwrap();
    let mut embedder = rest(&mock);
    embedder.as_object_mut().unwrap().shift_remove("dimensions");
    fill(&server, "items", &embedder);
    length.store(4, Ordering::SeqCst);
    // A new process asks for the length again.
    server.kill_and_restart();
    let semantic = json!({ "q": "kite", "hybrid": by(1.0) });
    assert_refused(server.post("/indexes/items/search", semantic), "vector_embedding_error");
    assert_words_alone(&search(&server, json!({ "q": "kite", "hybrid": by(0.9) })), &[1, 3]);
    let given = json!({ "vector": vector("blue kite", 3), "hybrid": by(1.0) });
    assert_eq!(ids(&search(&server, given))[0], 3);
    let given = json!({ "vector": vector("blue kite", 4), "hybrid": by(1.0) });
    assert_refused(server.post("/indexes/items/search", given), "invalid_vector_dimensions");
}

#[test]
fn a_key_that_open_ai_refuses() {
    let server = server(&[]);
    let mock = Mock::start(3).unwrap();
    let embedder = json!({
        "source": "openAi", "url": mock.url("/v1/embeddings"), "model": "text-embedding-3-small",
        "dimensions": 3, "apiKey": "my-secret-key", "documentTemplate": "{{doc.t}}",
    });
    fill(&server, "items", &embedder);
    mock.take_requests();
    let semantic = json!({ "q": "red kite", "hybrid": by(1.0) });
    assert_eq!(ids(&search(&server, semantic.clone()))[0], 1);
    let request = mock.take_requests().remove(0);
    assert_eq!(request.path, "/v1/embeddings");
    assert_eq!(
        request.json(),
        json!({ "model": "text-embedding-3-small", "input": ["red kite"], "dimensions": 3 })
    );
    assert!(request.header("authorization").eq(["Bearer my-secret-key"]));

    let unknown = || Reply::status(401, r#"{"error": {"message": "no such key"}}"#);
    mock.push([unknown(), unknown()]);
    let refused = server.post("/indexes/items/search", semantic);
    let message = assert_refused(refused, "vector_embedding_error");
    assert!(message.contains("no such key") && !message.contains("my-secret-key"), "{message}");
    let hybrid = json!({ "q": "kite", "hybrid": by(0.9) });
    assert_words_alone(&search(&server, hybrid), &[1, 3]);
    assert_eq!(mock.take_requests().len(), 2);
}

#[test]
fn vectors_of_queries_are_remembered() {
    for (entries, requests) in [(10, 1), (0, 2)] {
        let entries = format!("MEILI_EXPERIMENTAL_EMBEDDING_CACHE_ENTRIES={entries}");
        let (server, mock) = filled(&[&entries]);
        // Another index with the same options shares the instance.
        fill(&server, "others", &rest(&mock));
        mock.take_requests();
        let semantic = json!({ "q": "red kite", "hybrid": by(1.0) });
        mock.push([Reply::status(401, "not yet")]);
        let refused = server.post("/indexes/items/search", semantic.clone());
        assert_refused(refused, "vector_embedding_error");
        mock.take_requests();
        let first = search(&server, semantic.clone());
        let (status, second) = server.post("/indexes/others/search", semantic);
        assert_eq!((status, &first["hits"]), (200, &second["hits"]));
        assert_eq!(asked(&mock).len(), requests, "{entries}");
    }
}

#[test]
fn many_searches_at_once() {
    let (server, mock) = filled(&[]);
    fill(&server, "others", &rest(&mock));
    mock.take_requests();
    let of =
        |uid: &str, q: &str, ratio: f64| json!({ "indexUid": uid, "q": q, "hybrid": by(ratio) });
    let queries = json!([
        of("items", "red kite", 1.0),
        of("others", "boat", 0.9),
        { "indexUid": "items", "q": "green" },
    ]);
    let (status, answer) = server.post("/multi-search", json!({ "queries": queries }));
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!((ids(&results[0])[0], ids(&results[1]).len(), ids(&results[2])), (1, 4, vec![4]));
    assert_eq!(results[2].get("semanticHitCount"), None);
    let mut sent = asked(&mock);
    sent.sort_by_key(Value::to_string);
    assert_eq!(sent, [json!(["boat"]), json!(["red kite"])]);

    let federated = |queries: Value| {
        server.post("/multi-search", json!({ "queries": queries, "federation": {} }))
    };
    let shown = with(of("items", "red kite", 1.0), json!({ "retrieveVectors": true }));
    let (status, answer) = federated(json!([shown, of("others", "boat", 0.9)]));
    assert_eq!(status, 200, "{answer}");
    assert_eq!((answer["hits"][0]["id"].clone(), ids(&answer).len()), (json!(1), 8), "{answer}");
    assert_eq!(answer["queryVectors"].as_object().unwrap().len(), 1);
    assert_eq!(numbers(&answer["queryVectors"]["0"]), vector("red kite", 3));
    assert_eq!(asked(&mock).len(), 2);

    // A query by words and a vector can do without the provider, one by a vector alone cannot.
    let refuse = || Reply::status(401, "who are you");
    mock.push([refuse()]);
    let (status, answer) = federated(json!([of("others", "kite", 0.9)]));
    assert_eq!(status, 200, "{answer}");
    assert_words_alone(&answer, &[1, 3]);
    mock.push([refuse(), refuse(), refuse(), refuse()]);
    let both = json!([of("items", "kite", 0.9), of("others", "kite", 1.0)]);
    let message = assert_refused(federated(both.clone()), "vector_embedding_error");
    assert!(message.contains("others"), "{message}");
    let answer = server.post("/multi-search", json!({ "queries": both }));
    assert_refused(answer, "vector_embedding_error");
}

#[test]
fn fragments_of_queries() {
    let server = server(&[]);
    let mock = Mock::start(3).unwrap();
    server.patch("/experimental-features", json!({ "multimodal": true }));
    fill(&server, "items", &of_fragments(&mock));
    assert_eq!(asked(&mock), [json!(["red kite", "red boat", "blue kite", "green"])]);

    let image = json!({ "media": { "u": "red boat" }, "hybrid": by(1.0), "retrieveVectors": true });
    let answer = search(&server, image.clone());
    assert_eq!(asked(&mock), [json!([{ "img": "red boat" }])]);
    assert_eq!(numbers(&answer["queryVector"]), vector("img red boat", 3));
    assert_eq!(answer["semanticHitCount"], 4);
    let text = search(&server, json!({ "q": "red kite", "hybrid": by(1.0) }));
    assert_eq!((ids(&text)[0], asked(&mock)), (1, vec![json!(["red kite"])]));

    let both = with(image.clone(), json!({ "q": "kite" }));
    let refused = server.post("/indexes/items/search", both.clone());
    let message = assert_refused(refused, "vector_embedding_error");
    assert!(message.contains("image") && message.contains("text"), "{message}");
    let hybrid = with(both, json!({ "hybrid": by(0.9) }));
    assert_words_alone(&search(&server, hybrid), &[1, 3]);
    let neither = json!({ "media": { "other": 1 }, "hybrid": by(1.0) });
    assert_refused(server.post("/indexes/items/search", neither), "vector_embedding_error");
    let given = json!({ "vector": vector("green", 3), "hybrid": by(1.0) });
    assert_eq!(ids(&search(&server, given))[0], 4);
    assert!(asked(&mock).is_empty());

    server.patch("/experimental-features", json!({ "multimodal": false }));
    let refused = server.post("/indexes/items/search", image);
    assert_refused(refused, "feature_not_enabled");
    assert!(asked(&mock).is_empty());
}

#[test]
fn queries_and_documents_go_to_their_own_providers() {
    let server = server(&[]);
    let (of_queries, of_documents) = (Mock::start(3).unwrap(), Mock::start(3).unwrap());
    let features = json!({ "compositeEmbedders": true, "multimodal": true });
    assert_eq!(server.patch("/experimental-features", features).0, 200);
    let composite = |search: Value, index: Value| {
        let mut search = search;
        for member in ["documentTemplate", "indexingFragments"] {
            search.as_object_mut().unwrap().shift_remove(member);
        }
        json!({ "source": "composite", "searchEmbedder": search, "indexingEmbedder": index })
    };
    fill(&server, "items", &composite(rest(&of_queries), rest(&of_documents)));
    let (probes, documents) = (asked(&of_queries), asked(&of_documents));
    assert_eq!(documents.last(), Some(&json!(["red kite", "red boat", "blue kite", "green"])));
    assert!(probes.iter().all(|probe| probe[0] == "test"), "{probes:?}");
    let semantic = json!({ "q": "red kite", "hybrid": by(1.0) });
    assert_eq!(ids(&search(&server, semantic.clone()))[0], 1);
    assert_eq!((asked(&of_queries), asked(&of_documents)), (vec![json!(["red kite"])], vec![]));

    let mut index = of_fragments(&of_documents);
    index.as_object_mut().unwrap().shift_remove("searchFragments");
    fill(&server, "items", &composite(of_fragments(&of_queries), index));
    for mock in [&of_queries, &of_documents] {
        mock.take_requests();
    }
    let image = json!({ "media": { "u": "red boat" }, "hybrid": by(1.0) });
    search(&server, image);
    let sent = vec![json!([{ "img": "red boat" }])];
    assert_eq!((asked(&of_queries), asked(&of_documents)), (sent, vec![]));

    drop(of_documents);
    assert_eq!(ids(&search(&server, semantic.clone()))[0], 1);
    of_queries.push([Reply::status(401, "who are you")]);
    let refused = server.post("/indexes/items/search", semantic);
    assert_refused(refused, "vector_embedding_error");
}
