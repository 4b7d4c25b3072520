//! Tenant tokens: what their bearers find, and where they are refused (operations.md section 15).

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::common::Server;

const MASTER_KEY: &str = "a-master-key-of-the-test";

/// A server with two indexes that hold films of two users, and a key to search them.
struct Cinema {
    server: Server,
    key: Value,
}

impl Cinema {
    fn open() -> Self {
        let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
        server.use_key(Some(MASTER_KEY));
        for uid in ["films", "films-old", "private"] {
            let filterable = json!({ "filterableAttributes": ["user"] });
            server.succeed(server.patch(&format!("/indexes/{uid}/settings"), filterable));
            let films = json!([{ "id": 1, "user": 1 }, { "id": 2, "user": 2 }]);
            server.succeed(server.post(&format!("/indexes/{uid}/documents"), films));
        }
        let (status, key) = server.post(
            "/keys",
            json!({ "actions": ["search", "indexes.get"], "indexes": ["films*"], "expiresAt": null }),
        );
        assert_eq!(status, 201, "{key}");
        Cinema { server, key }
    }

    fn sign(&self, mut claims: Value, algorithm: Algorithm) -> String {
        claims["apiKeyUid"] = self.key["uid"].clone();
        let secret = self.key["key"].as_str().unwrap();
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(algorithm), &claims, &key).unwrap()
    }

    /// Uses a token with these rules from now on.
    fn use_rules(&mut self, rules: Value) {
        let token = self.sign(json!({ "searchRules": rules }), Algorithm::HS384);
        self.server.use_key(Some(&token));
    }

    fn found(&self, index: &str, body: Value) -> Vec<u64> {
        let (status, answer) = self.server.post(&format!("/indexes/{index}/search"), body);
        assert_eq!(status, 200, "{answer}");
        ids(&answer)
    }

    fn refused(&self, path: &str, body: Value) -> String {
        let (status, error) = self.server.post(path, body);
        assert_eq!((status, &error["code"]), (403, &json!("invalid_api_key")), "{path}");
        error["message"].as_str().unwrap().to_owned()
    }
}

fn ids(answer: &Value) -> Vec<u64> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["id"].as_u64().unwrap()).collect()
}

#[test]
fn every_search_is_filtered() {
    let mut cinema = Cinema::open();
    cinema.use_rules(json!({ "films": { "filter": "user = 2" }, "films-*": null }));
    assert_eq!(cinema.found("films", json!({})), [2]);
    assert_eq!(cinema.found("films", json!({ "filter": "user = 1 OR user = 2" })), [2]);
    assert_eq!(cinema.found("films", json!({ "filter": [["user = 1", "user = 2"]] })), [2]);
    assert_eq!(cinema.found("films", json!({ "filter": "user = 1" })), [0; 0]);
    assert_eq!(cinema.found("films-old", json!({})), [1, 2]);
    let server = &cinema.server;
    assert_eq!(ids(&server.get("/indexes/films/search?filter=user%20%3E%200").1), [2]);

    let queries = json!([{ "indexUid": "films" }, { "indexUid": "films-old", "filter": "user=1" }]);
    let (_, separate) = server.post("/multi-search", json!({ "queries": queries }));
    assert_eq!(ids(&separate["results"][0]), [2]);
    assert_eq!(ids(&separate["results"][1]), [1]);
    let federation = json!({ "facetsByIndex": { "films": ["user"] } });
    let (_, federated) =
        server.post("/multi-search", json!({ "queries": queries, "federation": federation }));
    assert_eq!(ids(&federated), [2, 1]);
    let counted = &federated["facetsByIndex"]["films"]["distribution"]["user"];
    assert_eq!(counted, &json!({ "2": 1 }));

    let (_, facet) = server.post("/indexes/films/facet-search", json!({ "facetName": "user" }));
    assert_eq!(facet["facetHits"], json!([]), "numbers are not facet values: {facet}");
}

#[test]
fn facet_search_counts_only_what_may_be_found() {
    let mut cinema = Cinema::open();
    let films = json!([{ "id": 1, "genre": "war" }, { "id": 2, "genre": "love" }]);
    let server = &cinema.server;
    server.succeed(server.put("/indexes/films/documents", films));
    let filterable = json!({ "filterableAttributes": ["user", "genre"] });
    server.succeed(server.patch("/indexes/films/settings", filterable));
    cinema.use_rules(json!({ "*": { "filter": ["user = 2"] } }));
    let body = json!({ "facetName": "genre", "filter": "genre EXISTS" });
    let (_, facet) = cinema.server.post("/indexes/films/facet-search", body);
    assert_eq!(facet["facetHits"], json!([{ "value": "love", "count": 1 }]));
}

#[test]
fn a_token_opens_nothing_else() {
    let mut cinema = Cinema::open();
    cinema.use_rules(json!(["films", "private"]));
    assert_eq!(cinema.found("films", json!({})), [1, 2]);
    let message = cinema.refused("/indexes/films-old/search", json!({}));
    assert!(message.contains("films, private"), "{message}");
    // The key's own list is none of the tenant's business.
    let message = cinema.refused("/indexes/private/search", json!({}));
    assert!(!message.contains("films"), "{message}");
    for path in ["/indexes/private/facet-search", "/indexes/private/similar"] {
        cinema.refused(path, json!({}));
    }
    let queries = json!({ "queries": [{ "indexUid": "films" }, { "indexUid": "private" }] });
    cinema.refused("/multi-search", queries);
    // The key may list indexes, its tenants may not.
    assert_eq!(cinema.server.get("/indexes").0, 403);
    cinema.server.use_key(cinema.key["key"].clone().as_str());
    assert_eq!(cinema.server.get("/indexes").0, 200);
}

#[test]
fn tokens_end() {
    let mut cinema = Cinema::open();
    let mut search_with = |claims: Value| {
        let token = cinema.sign(claims, Algorithm::HS512);
        cinema.server.use_key(Some(&token));
        cinema.server.post("/indexes/films/search", json!({}))
    };
    assert_eq!(search_with(json!({ "searchRules": ["*"], "exp": 4_102_444_800_u64 })).0, 200);
    let (status, error) = search_with(json!({ "searchRules": ["*"], "exp": 946_684_800 }));
    assert_eq!((status, &error["code"]), (403, &json!("invalid_api_key")));
    assert!(error["message"].as_str().unwrap().contains("2000-01-01T00:00:00Z"), "{error}");
    assert_eq!(search_with(json!({ "searchRules": ["*"], "aud": "us" })).0, 403);

    // With its key gone, every token of it is void.
    let token = cinema.sign(json!({ "searchRules": ["*"] }), Algorithm::HS256);
    cinema.server.use_key(Some(MASTER_KEY));
    let path = format!("/keys/{}", cinema.key["uid"].as_str().unwrap());
    assert_eq!(cinema.server.delete(&path).0, 204);
    cinema.server.use_key(Some(&token));
    cinema.refused("/indexes/films/search", json!({}));
}

/// The filter holds for the document that others are compared with, and for those that are found.
#[test]
fn similar_documents_are_filtered() {
    let mut cinema = Cinema::open();
    let embedders = json!({ "e": { "source": "userProvided", "dimensions": 2 } });
    let server = &cinema.server;
    let films = json!([
        { "id": 1, "user": 1, "_vectors": { "e": [1, 0] } },
        { "id": 2, "user": 2, "_vectors": { "e": [1, 0.1] } },
        { "id": 3, "user": 1, "_vectors": { "e": [1, 0.2] } },
        { "id": 4, "user": 2, "_vectors": { "e": [1, 0.3] } },
    ]);
    server.succeed(server.post("/indexes/films/documents", films));
    server.succeed(server.patch("/indexes/films/settings", json!({ "embedders": embedders })));
    cinema.use_rules(json!({ "films": { "filter": "user = 2" } }));
    let similar = |body: Value| cinema.server.post("/indexes/films/similar", body);

    let (status, answer) = similar(json!({ "id": 2, "embedder": "e" }));
    assert_eq!((status, ids(&answer)), (200, vec![4]), "{answer}");
    assert_eq!(answer["estimatedTotalHits"], 1);
    let (_, answer) = similar(json!({ "id": 2, "embedder": "e", "filter": "user = 1" }));
    assert_eq!(ids(&answer), [0; 0]);
    let (_, answer) = cinema.server.get("/indexes/films/similar?id=4&embedder=e");
    assert_eq!(ids(&answer), [2]);
    // A document of somebody else is not even there.
    let (status, error) = similar(json!({ "id": 1, "embedder": "e" }));
    assert_eq!((status, &error["code"]), (400, &json!("not_found_similar_id")));
    assert!(error["message"].as_str().unwrap().contains("no document"), "{error}");
}
