//! Searches by vectors that users provide, hybrid searches, and similar documents (vectors.md 16 to 18).

use serde_json::{Value, json};

use crate::common::{Answer, Server};

/// The documents of vectors.md 21.1, with words.
fn server() -> Server {
    let server = Server::start();
    fill(&server, "items");
    server
}

fn fill(server: &Server, uid: &str) {
    let settings = json!({
        "embedders": { "e": { "source": "userProvided", "dimensions": 2 } },
        "filterableAttributes": ["n"],
        "sortableAttributes": ["n"],
    });
    server.succeed(server.patch(&format!("/indexes/{uid}/settings"), settings));
    let documents = json!([
        { "id": 1, "n": 1, "t": "red kite", "_vectors": { "e": [1, 0] } },
        { "id": 2, "n": 2, "t": "red boat", "_vectors": { "e": [1, 1] } },
        { "id": 3, "n": 1, "t": "blue kite", "_vectors": { "e": [0, 1] } },
        { "id": 4, "n": 2, "t": "blue boat", "_vectors": { "e": [-1, 0] } },
        { "id": 5, "n": 1, "t": "green", "_vectors": { "e": null } },
    ]);
    server.succeed(server.post(&format!("/indexes/{uid}/documents"), documents));
}

/// An answer without what differs from run to run.
fn stable((status, mut answer): Answer) -> Value {
    assert_eq!(status, 200, "{answer}");
    for volatile in ["processingTimeMs", "requestUid"] {
        answer.as_object_mut().unwrap().shift_remove(volatile);
    }
    answer
}

/// Ids of the hits, and what the answer counts.
fn brief(answer: &Value) -> String {
    let hits = answer["hits"].as_array().unwrap();
    let ids: Vec<_> = hits.iter().map(|hit| hit["id"].to_string()).collect();
    let total = answer.get("estimatedTotalHits").or_else(|| answer.get("totalHits")).unwrap();
    let semantic = answer.get("semanticHitCount").map(|count| format!(", {count} semantic"));
    format!("{} of {total}{}", ids.join(" "), semantic.unwrap_or_default())
}

#[track_caller]
fn check(server: &Server, body: Value, expected: &str) {
    let answer = stable(server.post("/indexes/items/search", body));
    assert_eq!(brief(&answer), expected, "{answer}");
}

#[track_caller]
fn check_refused(answer: Answer, code: &str) {
    assert_eq!((answer.0, &answer.1["code"]), (400, &json!(code)), "{}", answer.1);
}

fn near(ratio: f64) -> Value {
    json!({ "embedder": "e", "semanticRatio": ratio })
}

#[test]
fn by_a_vector() {
    let server = server();
    let shown = stable(server.post(
        "/indexes/items/search",
        json!({
            "vector": [0.1, 0.2], "hybrid": near(1.0), "limit": 2, "attributesToRetrieve": ["id"],
            "retrieveVectors": true, "showRankingScore": true, "showRankingScoreDetails": true,
        }),
    ));
    insta::assert_snapshot!(shown, @r#"{"hits":[{"id":2,"_vectors":{"e":{"embeddings":[[1.0,1.0]],"regenerate":false}},"_rankingScore":0.974341630935669,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":0.974341630935669}}},{"id":3,"_vectors":{"e":{"embeddings":[[0.0,1.0]],"regenerate":false}},"_rankingScore":0.9472135901451112,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":0.9472135901451112}}}],"query":"","queryVector":[0.1,0.2],"limit":2,"offset":0,"estimatedTotalHits":5,"semanticHitCount":2}"#);
    let body = |extra: Value| {
        let mut body = json!({ "vector": [1, 0], "hybrid": { "embedder": "e" } });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    check(&server, body(json!({})), "1 2 3 4 5 of 5, 5 semantic");
    check(&server, body(json!({ "filter": "n = 2" })), "2 4 of 2, 2 semantic");
    check(&server, body(json!({ "rankingScoreThreshold": 0.5 })), "1 2 3 of 3, 3 semantic");
    check(&server, body(json!({ "distinct": "n" })), "1 2 of 2, 2 semantic");
    check(&server, body(json!({ "offset": 1, "limit": 2 })), "2 3 of 5, 2 semantic");
    check(&server, body(json!({ "page": 2, "hitsPerPage": 2 })), "3 4 of 5, 2 semantic");
    check(&server, body(json!({ "limit": 0 })), " of 5, 0 semantic");
    // The text of a search by a vector alone excludes nothing.
    check(
        &server,
        body(json!({ "q": "-kite", "hybrid": near(1.0) })),
        "1 2 3 4 5 of 5, 5 semantic",
    );
    let facets = stable(server.post("/indexes/items/search", body(json!({ "facets": ["n"] }))));
    assert_eq!(facets["facetDistribution"], json!({ "n": { "1": 3, "2": 2 } }));

    let by_query_string = "/indexes/items/search?hybridEmbedder=e&vector=1,0&limit=2";
    assert_eq!(brief(&stable(server.get(by_query_string))), "1 2 of 5, 2 semantic");
    let details = body(json!({ "showPerformanceDetails": true }));
    let details = stable(server.post("/indexes/items/search", details));
    assert!(details["performanceDetails"]["search > semantic ranking"].is_string(), "{details}");
}

#[test]
fn by_words_and_a_vector() {
    let server = server();
    let body = |q: &str, ratio: f64, limit: usize| json!({ "q": q, "vector": [0, 1], "hybrid": near(ratio), "limit": limit });
    check(&server, body("red kite", 0.5, 1), "1 of 2, 0 semantic");
    check(&server, body("kite", 0.5, 5), "3 1 2 4 5 of 5, 4 semantic");
    check(&server, body("kite", 0.0, 5), "1 3 of 2");
    check(&server, body("  ", 0.5, 5), "3 2 1 4 5 of 5, 5 semantic");
    check(&server, body("kite -blue", 0.9, 5), "2 1 5 of 3, 3 semantic");
    let highlighted = json!({
        "q": "kite", "vector": [0, 1], "hybrid": near(0.5), "limit": 5,
        "attributesToHighlight": ["t"], "retrieveVectors": true,
    });
    let answer = stable(server.post("/indexes/items/search", highlighted));
    assert_eq!(answer["hits"][0]["_formatted"]["t"], "blue <em>kite</em>");
    assert_eq!(answer["queryVector"], json!([0.0, 1.0]));
    // Without a vector there is nothing to embed the text: the words alone answer.
    check(&server, json!({ "q": "kite", "hybrid": near(0.5) }), "1 3 of 2, 0 semantic");
    check(&server, json!({ "hybrid": near(0.5) }), "1 2 3 4 5 of 5");
}

#[test]
fn mistakes_of_searches() {
    let server = server();
    let refused = |body: Value, code: &str| {
        check_refused(server.post("/indexes/items/search", body), code);
    };
    let text = json!({ "q": "kite", "hybrid": near(1.0) });
    refused(text.clone(), "vector_embedding_error");
    refused(json!({ "vector": [1, 0] }), "missing_search_hybrid");
    refused(json!({ "media": {}, "vector": [1, 0] }), "invalid_search_media_and_vector");
    refused(json!({ "media": {}, "hybrid": near(0.5) }), "feature_not_enabled");
    refused(json!({ "vector": [1], "hybrid": near(0.5) }), "invalid_vector_dimensions");
    refused(json!({ "vector": [1, 0], "hybrid": { "embedder": "f" } }), "invalid_search_embedder");
    let sort = json!({ "vector": [1], "hybrid": near(1.0), "sort": ["n"] });
    refused(sort, "invalid_vector_dimensions");
    server.patch("/experimental-features", json!({ "multimodal": true }));
    refused(json!({ "media": {}, "hybrid": near(0.5) }), "vector_embedding_error");
    check(
        &server,
        json!({ "q": "kite", "media": {}, "hybrid": near(0.5) }),
        "1 3 of 2, 0 semantic",
    );

    let mut of_facet = text;
    of_facet["facetName"] = json!("n");
    check_refused(server.post("/indexes/items/facet-search", of_facet), "vector_embedding_error");
}

#[test]
fn facet_values_of_all_that_a_vector_ranks() {
    let server = Server::start();
    let settings = json!({
        "embedders": { "e": { "source": "userProvided", "dimensions": 1 } },
        "filterableAttributes": ["kind"],
    });
    server.succeed(server.patch("/indexes/items/settings", settings));
    let documents = json!([
        { "id": 1, "kind": "kite", "t": "a", "_vectors": { "e": [1] } },
        { "id": 2, "kind": "boat", "t": "b", "_vectors": { "e": null } },
    ]);
    server.succeed(server.post("/indexes/items/documents", documents));
    let values = |hybrid: Value| {
        let body = json!({ "facetName": "kind", "q": "a", "vector": [1], "hybrid": hybrid });
        let (status, answer) = server.post("/indexes/items/facet-search", body);
        assert_eq!(status, 200, "{answer}");
        answer["facetHits"].to_string()
    };
    assert_eq!(values(near(0.0)), r#"[{"value":"kite","count":1}]"#);
    let both = r#"[{"value":"boat","count":1},{"value":"kite","count":1}]"#;
    assert_eq!(values(near(0.5)), both);
    assert_eq!(values(near(1.0)), both);
}

#[test]
fn several_queries() {
    let server = server();
    fill(&server, "others");
    let query = |index: &str, extra: Value| {
        let mut query = json!({ "indexUid": index });
        query.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        query
    };
    let near_x = json!({ "vector": [1, 0], "hybrid": near(1.0), "retrieveVectors": true });
    let kite = json!({ "q": "kite" });
    let queries = json!([query("items", near_x.clone()), query("others", kite.clone())]);
    let (_, separate) = server.post("/multi-search", json!({ "queries": queries }));
    assert_eq!(brief(&separate["results"][0]), "1 2 3 4 5 of 5, 5 semantic");
    assert_eq!(brief(&separate["results"][1]), "1 3 of 2");
    assert_eq!(separate["results"][0]["queryVector"], json!([1.0, 0.0]));

    let body = json!({ "queries": queries, "federation": { "limit": 4 } });
    let answer = stable(server.post("/multi-search", body));
    assert_eq!(brief(&answer), "1 1 3 2 of 7, 2 semantic");
    assert_eq!(answer["queryVectors"], json!({ "0": [1.0, 0.0] }));
    let federation = &answer["hits"][3]["_federation"];
    assert_eq!(federation["weightedRankingScore"], 0.8535534143447876);

    let mut light = query("items", near_x);
    light["federationOptions"] = json!({ "weight": 0.5 });
    let queries = json!([light, query("items", kite)]);
    let body = json!({ "queries": queries, "federation": {} });
    let answer = stable(server.post("/multi-search", body));
    assert_eq!(brief(&answer), "1 3 2 4 5 of 5, 3 semantic");

    // A vector ranks only once: behind the sort nothing more is compared.
    server.succeed(server.patch(
        "/indexes/others/settings",
        json!({ "rankingRules": ["words", "sort", "exactness"] }),
    ));
    let by_vector = json!({ "vector": [1, 0], "hybrid": near(1.0), "sort": ["n:asc"] });
    let by_words = json!({ "q": "kite", "sort": ["n:asc"] });
    let queries = json!([query("items", by_vector), query("others", by_words)]);
    stable(server.post("/multi-search", json!({ "queries": queries, "federation": {} })));
    let unsorted = json!({ "vector": [1], "hybrid": near(1.0) });
    let queries = json!([query("items", unsorted)]);
    let refused = server.post("/multi-search", json!({ "queries": queries, "federation": {} }));
    assert!(refused.1["message"].as_str().unwrap().contains(".queries[0]"), "{}", refused.1);
    check_refused(refused, "invalid_vector_dimensions");
}

#[test]
fn similar_documents() {
    let server = server();
    let similar = |body: Value| server.post("/indexes/items/similar", body);
    let shown = stable(similar(json!({
        "id": 1, "embedder": "e", "limit": 1, "attributesToRetrieve": ["id"],
        "showRankingScore": true, "showRankingScoreDetails": true, "retrieveVectors": true,
    })));
    insta::assert_snapshot!(shown, @r#"{"hits":[{"id":2,"_vectors":{"e":{"embeddings":[[1.0,1.0]],"regenerate":false}},"_rankingScore":0.8535534143447876,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":0.8535534143447876}}}],"id":"1","limit":1,"offset":0,"estimatedTotalHits":4}"#);
    let check = |extra: Value, expected: &str| {
        let mut body = json!({ "id": "1", "embedder": "e" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = stable(similar(body));
        assert_eq!(brief(&answer), expected, "{answer}");
    };
    check(json!({}), "2 3 4 of 4");
    check(json!({ "offset": 1, "limit": 1 }), "3 of 4");
    check(json!({ "filter": "n = 1" }), "3 of 2");
    check(json!({ "filter": "n = 2", "limit": 1 }), "2 of 2");
    check(json!({ "rankingScoreThreshold": 0.4 }), "2 3 of 2");
    check(json!({ "id": 5 }), " of 4");
    let by_query_string = "/indexes/items/similar?id=1&embedder=e&limit=2&filter=n%20%3D%202";
    assert_eq!(brief(&stable(server.get(by_query_string))), "2 4 of 2");

    let refused = |extra: Value, code: &str| {
        let mut body = json!({ "id": "1", "embedder": "e" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        check_refused(similar(body), code);
    };
    refused(json!({ "embedder": "f", "id": [] }), "invalid_similar_embedder");
    refused(json!({ "id": [], "filter": "a b" }), "invalid_similar_filter");
    refused(json!({ "id": [] }), "invalid_similar_id");
    refused(json!({ "id": 1.5 }), "invalid_similar_id");
    refused(json!({ "id": "a b" }), "invalid_similar_id");
    refused(json!({ "id": "9", "filter": "x = 1" }), "not_found_similar_id");
    refused(json!({ "filter": "x = 1" }), "invalid_similar_filter");
    let missing = server.post("/indexes/none/similar", json!({ "id": 1, "embedder": "e" }));
    assert_eq!((missing.0, &missing.1["code"]), (404, &json!("index_not_found")));
}

#[test]
fn filters_on_embeddings() {
    let server = server();
    let by = |filter: &str| json!({ "filter": filter });
    let refused = |filter: &str, code: &str| {
        check_refused(server.post("/indexes/items/search", by(filter)), code);
    };
    refused("_vectors EXISTS", "feature_not_enabled");
    server.patch("/experimental-features", json!({ "multimodal": true }));
    let regenerated = json!([{
        "id": 6, "n": 3, "_vectors": { "e": { "regenerate": true, "embeddings": [0, 2] } },
    }]);
    server.succeed(server.post("/indexes/items/documents", regenerated));
    for (filter, expected) in [
        ("_vectors EXISTS", "1 2 3 4 6 of 5"),
        ("_vectors.e EXISTS AND n = 1", "1 3 of 2"),
        ("NOT _vectors.e EXISTS", "5 of 1"),
        // Users also decide that a document has no vector.
        ("_vectors.e.userProvided EXISTS", "1 2 3 4 5 6 of 6"),
        ("_vectors.e.documentTemplate EXISTS", " of 0"),
        ("_vectors.e.regenerate EXISTS", "6 of 1"),
    ] {
        check(&server, by(filter), expected);
    }
    refused("_vectors.f EXISTS", "invalid_search_filter");
    refused("_vectors.e.fragments.x EXISTS", "invalid_search_filter");
    let body = json!({ "id": 1, "embedder": "e", "filter": "_vectors.f EXISTS" });
    check_refused(server.post("/indexes/items/similar", body), "invalid_similar_filter");
}

#[test]
fn quantized_and_spread() {
    let server = server();
    let scores = || {
        let body = json!({ "vector": [1, 0], "hybrid": near(1.0), "showRankingScore": true });
        let answer = stable(server.post("/indexes/items/search", body));
        let hits = answer["hits"].as_array().unwrap();
        let score = |hit: &Value| format!("{} {}", hit["id"], hit["_rankingScore"]);
        hits.iter().map(score).collect::<Vec<_>>().join(", ")
    };
    let set = |embedder: Value| {
        let settings = json!({ "embedders": { "e": embedder } });
        server.succeed(server.patch("/indexes/items/settings", settings));
    };
    set(json!({ "distribution": { "mean": 0.7, "sigma": 0.3 } }));
    let spread = "1 0.8999999761581421, 2 0.7047379016876221, 3 0.23333334922790527, \
                  4 1.1920928955078125e-7, 5 0.0";
    assert_eq!(scores(), spread);
    set(json!({ "distribution": null, "binaryQuantized": true }));
    assert_eq!(scores(), "1 1.0, 2 0.984375, 4 0.984375, 3 0.96875, 5 0.0");
}
