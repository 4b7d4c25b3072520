//! Searches of one index, several, and of facet values (http-api.md sections 8 to 10).

use serde_json::{Value, json};

use crate::common::{Server, json as body_of};

/// Two indexes with the same settings.
fn library() -> Server {
    let server = Server::start();
    let settings = json!({
        "filterableAttributes": ["genre", "year"],
        "sortableAttributes": ["year"],
        "displayedAttributes": ["id", "title", "genre", "year"],
    });
    for (index, documents) in [
        (
            "books",
            json!([
                { "id": 1, "title": "The old sea", "genre": ["Novel", "Sea"], "year": 1952, "secret": "x" },
                { "id": 2, "title": "Sea stories", "genre": ["stories"], "year": 1999 },
                { "id": 3, "title": "A desert", "genre": ["novel"], "year": 1950 },
            ]),
        ),
        (
            "films",
            json!([
                { "id": "a", "title": "The sea", "genre": ["Novel"], "year": 2001 },
                { "id": "b", "title": "Old men", "genre": [], "year": 1952 },
            ]),
        ),
    ] {
        server.succeed(server.patch(&format!("/indexes/{index}/settings"), settings.clone()));
        server.succeed(server.post(&format!("/indexes/{index}/documents"), documents));
    }
    server
}

/// The answer of a search that succeeds, without what differs from run to run.
fn found(server: &Server, path: &str, body: Value) -> String {
    let (status, mut answer) = server.post(path, body);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["processingTimeMs"].is_u64() && answer["requestUid"].is_string(), "{answer}");
    for volatile in ["processingTimeMs", "requestUid"] {
        answer.as_object_mut().unwrap().shift_remove(volatile);
    }
    answer.to_string()
}

#[track_caller]
fn check_refused((status, answer): (u16, Value), expected_status: u16, code: &str) {
    assert_eq!(answer["code"], code, "{answer}");
    assert_eq!(status, expected_status, "{answer}");
}

#[test]
fn one_index() {
    let server = library();
    let search = |body| found(&server, "/indexes/books/search", body);
    insta::assert_snapshot!(
        search(json!({ "q": "sea", "attributesToRetrieve": ["id"], "showRankingScore": true })),
        @r#"{"hits":[{"id":2,"_rankingScore":0.9848484848484848},{"id":1,"_rankingScore":0.8787878787878788}],"query":"sea","limit":20,"offset":0,"estimatedTotalHits":2}"#);
    insta::assert_snapshot!(
        search(json!({
            "filter": "year < 1960", "sort": ["year:desc"], "limit": 1, "offset": 1,
            "attributesToRetrieve": ["year", "secret"], "facets": ["*"], "showRankingScoreDetails": true,
        })),
        @r#"{"hits":[{"year":1950,"_rankingScoreDetails":{"year:desc":{"order":0,"value":1950.0}}}],"query":"","limit":1,"offset":1,"estimatedTotalHits":2,"facetDistribution":{"genre":{"Novel":2,"Sea":1},"year":{"1950":1,"1952":1}},"facetStats":{"year":{"min":1950.0,"max":1952.0}}}"#);
    insta::assert_snapshot!(
        search(json!({
            "q": "old", "hitsPerPage": 1, "attributesToRetrieve": ["id"], "attributesToHighlight": ["*"],
            "showMatchesPosition": true,
        })),
        @r#"{"hits":[{"id":1,"_formatted":{"id":"1","title":"The <em>old</em> sea","genre":["Novel","Sea"],"year":"1952"},"_matchesPosition":{"title":[{"start":4,"length":3}]}}],"query":"old","hitsPerPage":1,"page":1,"totalPages":1,"totalHits":1}"#);
    insta::assert_snapshot!(
        search(json!({ "distinct": "genre", "facets": [], "attributesToRetrieve": ["id"], "page": 1 })),
        @r#"{"hits":[{"id":1},{"id":2}],"query":"","hitsPerPage":20,"page":1,"totalPages":1,"totalHits":2}"#);
}

#[test]
fn a_query_string_says_the_same_as_a_body() {
    let server = library();
    let (_, by_body) = server.post(
        "/indexes/books/search",
        json!({ "q": "sea", "filter": ["year > 1960"], "sort": ["year:asc"], "limit": 5, "facets": ["genre"],
                "attributesToRetrieve": ["id", "title"], "attributesToCrop": ["title:1"] }),
    );
    let (status, by_query) = server.get(
        "/indexes/books/search?q=sea&filter=%5B%22year%20%3E%201960%22%5D&sort=year:asc&limit=5\
         &facets=genre&attributesToRetrieve=id,title&attributesToCrop=title:1",
    );
    assert_eq!(status, 200, "{by_query}");
    for member in ["hits", "query", "limit", "estimatedTotalHits", "facetDistribution"] {
        assert_eq!(by_body[member], by_query[member]);
    }
    assert_eq!(by_query["hits"][0]["_formatted"]["title"], "Sea…");
}

#[test]
fn refusals_of_one_index() {
    let server = library();
    for (body, code) in [
        (json!({ "filter": "title = x" }), "invalid_search_filter"),
        (json!({ "filter": "genre CONTAINS x" }), "feature_not_enabled"),
        (json!({ "filter": "_geoRadius(1, 2, 3)" }), "invalid_search_filter"),
        (json!({ "sort": ["title:asc"] }), "invalid_search_sort"),
        (json!({ "sort": ["year"] }), "invalid_search_sort"),
        (json!({ "facets": ["title"] }), "invalid_search_facets"),
        (json!({ "distinct": "title" }), "invalid_search_distinct"),
        (json!({ "limit": -1 }), "invalid_search_limit"),
        (json!({ "limit": null }), "invalid_search_limit"),
        (json!({ "rankingScoreThreshold": 1.5 }), "invalid_search_ranking_score_threshold"),
        (json!({ "matchingStrategy": "any" }), "invalid_search_matching_strategy"),
        (json!({ "locales": ["klingon"] }), "invalid_search_locales"),
        (json!({ "nope": 1 }), "bad_request"),
        (json!({ "vector": [1.0] }), "missing_search_hybrid"),
        (json!({ "hybrid": { "semanticRatio": 0.5 } }), "invalid_search_hybrid_query"),
        (json!({ "q": "x", "hybrid": { "embedder": "e" } }), "invalid_search_embedder"),
        (json!({ "personalize": { "userContext": "x" } }), "feature_not_enabled"),
        (json!({ "useNetwork": true }), "feature_not_enabled"),
    ] {
        let answer = server.post("/indexes/books/search", body.clone());
        assert_eq!(answer.1["code"], code, "{body}: {}", answer.1);
        assert_eq!(answer.0, 400, "{body}");
    }
    check_refused(server.post("/indexes/nope/search", json!({})), 404, "index_not_found");
    let query = "/indexes/books/search?hybridSemanticRatio=0.5";
    check_refused(server.get(query), 400, "invalid_search_hybrid_query");
    let keyword = json!({ "q": "sea", "hybrid": { "embedder": "nope", "semanticRatio": 0 } });
    assert_eq!(server.post("/indexes/books/search", keyword).0, 200);
}

#[test]
fn several_searches_in_one_request() {
    let server = library();
    let (status, answer) = server.post(
        "/multi-search",
        json!({ "queries": [{ "indexUid": "films", "q": "old" }, { "indexUid": "books", "limit": 1 }] }),
    );
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(
        (&results[0]["indexUid"], &results[0]["hits"][0]["id"]),
        (&json!("films"), &json!("b"))
    );
    assert_eq!((&results[1]["indexUid"], &results[1]["limit"]), (&json!("books"), &json!(1)));

    let queries = json!({ "queries": [{ "indexUid": "films" }, { "indexUid": "nope" }] });
    let (status, answer) = server.post("/multi-search", queries);
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains(".queries[1]"), "{answer}");
}

#[test]
fn federation() {
    let server = library();
    let federate = |body| found(&server, "/multi-search", body);
    insta::assert_snapshot!(
        federate(json!({
            "federation": { "limit": 3, "facetsByIndex": { "books": ["genre"], "films": ["genre", "year"] } },
            "queries": [
                { "indexUid": "books", "q": "sea", "attributesToRetrieve": ["id"] },
                { "indexUid": "films", "q": "sea", "attributesToRetrieve": ["id"], "federationOptions": { "weight": 0.5 } },
                { "indexUid": "books", "q": "desert", "attributesToRetrieve": ["title"] },
            ],
        })),
        @r#"{"hits":[{"id":2,"_federation":{"indexUid":"books","queriesPosition":0,"weightedRankingScore":0.9848484848484848}},{"title":"A desert","_federation":{"indexUid":"books","queriesPosition":2,"weightedRankingScore":0.9242424242424242}},{"id":1,"_federation":{"indexUid":"books","queriesPosition":0,"weightedRankingScore":0.8787878787878788}}],"limit":3,"offset":0,"estimatedTotalHits":4,"facetsByIndex":{"books":{"distribution":{"genre":{"Novel":2,"Sea":1,"stories":1}},"stats":{}},"films":{"distribution":{"genre":{"Novel":1},"year":{"2001":1}},"stats":{"year":{"min":2001.0,"max":2001.0}}}}}"#);
    insta::assert_snapshot!(
        federate(json!({
            "federation": { "distinct": "genre", "mergeFacets": {}, "facetsByIndex": { "books": ["genre"], "films": ["genre"] } },
            "queries": [
                { "indexUid": "films", "sort": ["year:asc"], "attributesToRetrieve": ["id"] },
                { "indexUid": "books", "sort": ["year:asc"], "attributesToRetrieve": ["id"] },
            ],
        })),
        @r#"{"hits":[{"id":3,"_federation":{"indexUid":"books","queriesPosition":1,"weightedRankingScore":1.0}},{"id":"b","_federation":{"indexUid":"films","queriesPosition":0,"weightedRankingScore":1.0}},{"id":2,"_federation":{"indexUid":"books","queriesPosition":1,"weightedRankingScore":1.0}}],"limit":20,"offset":0,"estimatedTotalHits":3,"facetDistribution":{"genre":{"novel":1,"stories":1}},"facetStats":{}}"#);
    let mut query = json!({ "indexUid": "books" });
    for (member, value, code) in [
        ("limit", json!(1), "invalid_multi_search_query_pagination"),
        ("facets", json!(["genre"]), "invalid_multi_search_query_facets"),
        (
            "showPerformanceDetails",
            json!(false),
            "invalid_multi_search_query_show_performance_details",
        ),
        ("federationOptions", json!({ "remote": "r" }), "feature_not_enabled"),
        ("federationOptions", json!({ "weight": -1 }), "invalid_multi_search_weight"),
    ] {
        query[member] = value;
        let body = json!({ "federation": {}, "queries": [query] });
        check_refused(server.post("/multi-search", body), 400, code);
        query.as_object_mut().unwrap().shift_remove(member);
    }
    let body = json!({ "federation": {}, "queries": [
        { "indexUid": "books", "sort": ["year:asc"] }, { "indexUid": "films", "sort": ["year:desc"] },
    ] });
    check_refused(
        server.post("/multi-search", body),
        400,
        "invalid_multi_search_query_ranking_rules",
    );
}

#[test]
fn metadata_and_measurements_on_request() {
    let server = library();
    let headers = [("Content-Type", "application/json"), ("Meili-Include-Metadata", "TRUE")];
    let body = br#"{"q": "sea", "showPerformanceDetails": true}"#;
    let answer = body_of(server.raw("POST", "/indexes/books/search", &headers, body));
    let metadata = &answer["metadata"];
    assert_eq!((&metadata["query"], &metadata["indexUid"]), (&json!("sea"), &json!("books")));
    assert_eq!(metadata["primaryKey"], "id");
    assert!(metadata["queryUid"].is_string());
    assert!(answer["performanceDetails"]["search"].is_string(), "{answer}");
}

#[test]
fn the_older_pipeline_counts_what_can_be_reached() {
    let server = library();
    server
        .succeed(server.patch("/indexes/books/settings/pagination", json!({ "maxTotalHits": 2 })));
    let counts = |body| {
        let (status, answer) = server.post("/indexes/books/search", body);
        assert_eq!(status, 200, "{answer}");
        let hits = answer["hits"].as_array().unwrap().len();
        (
            hits,
            answer["offset"].clone(),
            answer["estimatedTotalHits"].clone(),
            answer["facetStats"].clone(),
        )
    };
    let body = json!({ "offset": 5, "facets": [] });
    assert_eq!(counts(body.clone()), (0, json!(5), json!(3), Value::Null));
    assert_eq!(counts(json!({})), (2, json!(0), json!(3), Value::Null));
    assert_eq!(server.patch("/experimental-features", json!({ "legacySearch": true })).0, 200);
    assert_eq!(counts(body), (0, json!(2), json!(2), json!({})));
}

#[test]
fn facet_values() {
    let server = library();
    let search = |body| server.post("/indexes/books/facet-search", body);
    let (status, answer) =
        search(json!({ "facetName": "genre", "facetQuery": "NOV", "unknown": 1 }));
    assert_eq!(status, 200);
    assert_eq!(answer["facetHits"], json!([{ "value": "Novel", "count": 2 }]));
    assert_eq!(answer["facetQuery"], "NOV");
    let (_, answer) = search(json!({ "facetName": "genre", "q": "sea", "filter": "year > 1990" }));
    assert_eq!(answer["facetHits"], json!([{ "value": "stories", "count": 1 }]));
    assert_eq!(answer["facetQuery"], Value::Null);
    check_refused(search(json!({})), 400, "missing_facet_search_facet_name");
    check_refused(search(json!({ "facetName": "title" })), 400, "invalid_facet_search_facet_name");
    server.succeed(server.put("/indexes/books/settings/facet-search", json!(false)));
    check_refused(search(json!({ "facetName": "genre" })), 400, "facet_search_disabled");
}

#[test]
fn similar_documents_are_refused() {
    let server = library();
    let similar = |body| server.post("/indexes/books/similar", body);
    check_refused(similar(json!({ "id": 1 })), 400, "bad_request");
    check_refused(similar(json!({ "id": 1, "embedder": "e" })), 400, "invalid_similar_embedder");
    check_refused(
        similar(json!({ "id": 1, "embedder": "e", "limit": -1 })),
        400,
        "invalid_similar_limit",
    );
}

#[test]
fn places() {
    let server = Server::start();
    let settings =
        json!({ "filterableAttributes": ["_geo", "_geojson"], "sortableAttributes": ["_geo"] });
    server.succeed(server.patch("/indexes/places/settings", settings));
    let documents = json!([
        { "id": 1, "_geo": { "lat": 1, "lng": "2" } },
        { "id": 2, "_geo": { "lat": 1.5, "lng": 2 } },
        { "id": 3, "_geojson": { "type": "Point", "coordinates": [2, 1] } },
    ]);
    server.succeed(server.post("/indexes/places/documents", documents));
    let search = |body| found(&server, "/indexes/places/search", body);
    insta::assert_snapshot!(
        search(json!({ "sort": ["_geoPoint(1, 2):desc"], "showRankingScoreDetails": true, "limit": 2 })),
        @r#"{"hits":[{"id":2,"_geo":{"lat":1.5,"lng":2},"_geoDistance":55597,"_rankingScoreDetails":{"_geoPoint(1, 2):desc":{"order":0,"value":{"lat":1.5,"lng":2.0},"distance":55597.463}}},{"id":1,"_geo":{"lat":1,"lng":"2"},"_geoDistance":0,"_rankingScoreDetails":{"_geoPoint(1, 2):desc":{"order":0,"value":{"lat":1.0,"lng":2.0},"distance":0.0}}}],"query":"","limit":2,"offset":0,"estimatedTotalHits":3}"#);
    insta::assert_snapshot!(
        search(json!({ "filter": "_geoRadius(1, 2, 1000)", "attributesToRetrieve": ["id"], "sort": ["_geoPoint(1, 2):asc"] })),
        @r#"{"hits":[{"id":1},{"id":3}],"query":"","limit":20,"offset":0,"estimatedTotalHits":2}"#);
    insta::assert_snapshot!(
        search(json!({ "filter": "_geoPolygon([0, 1], [0, 3], [2, 2])", "attributesToRetrieve": ["id"] })),
        @r#"{"hits":[{"id":3}],"query":"","limit":20,"offset":0,"estimatedTotalHits":1}"#);
    let (_, page) = server.post(
        "/indexes/places/documents/fetch",
        json!({ "sort": ["_geoPoint(2, 2):asc"], "fields": ["id"] }),
    );
    assert_eq!(page["results"], json!([{ "id": 2 }, { "id": 1 }, { "id": 3 }]));
    let path = "/indexes/places/search";
    let nowhere = json!({ "sort": ["_geoPoint(91, 2):asc"] });
    check_refused(server.post(path, nowhere), 400, "invalid_search_sort");
    let nowhere = json!({ "filter": "_geoRadius(91, 2, 3)" });
    check_refused(server.post(path, nowhere), 400, "invalid_search_filter");
}
