//! An index with vectors travels like any other.

use embedder_mock::{Mock, vector};
use serde_json::{Value, json};

use crate::common::Server;
use crate::support::*;

/// Vectors that are spread evenly, one or two for a document, and none for some.
fn documents() -> Value {
    let vector = |seed: u32| -> Vec<f64> {
        (0..4).map(|at| f64::from(seed * 7919 + at * 104_729).sin()).collect()
    };
    (0..300)
        .map(|id| {
            let vectors = match id % 10 {
                0 => json!(null),
                1 => json!([vector(id), vector(id + 1000)]),
                _ => json!(vector(id)),
            };
            json!({ "id": id, "word": format!("word{}", id % 7), "_vectors": { "e": vectors } })
        })
        .collect()
}

#[test]
fn an_index_with_vectors_travels() {
    for quantized in [false, true] {
        let (home, abroad) = (Server::start(), Server::start());
        let embedder =
            json!({ "source": "userProvided", "dimensions": 4, "binaryQuantized": quantized });
        let settings = json!({ "embedders": { "e": embedder }, "filterableAttributes": ["id"] });
        home.succeed(home.patch("/indexes/home/settings", settings));
        home.succeed(home.post("/indexes/home/documents", documents()));
        let archive = download(&home, "home", &snapshot(&home, "home", json!({})));
        abroad.succeed(upload(&abroad, "abroad", "", &archive));

        let hybrid = json!({ "embedder": "e", "semanticRatio": 0.7 });
        let asked = [
            ("search", json!({ "vector": [1, 0.5, -0.5, 0], "hybrid": { "embedder": "e" } })),
            ("search", json!({ "vector": [0, 0, 1, 0], "hybrid": hybrid, "q": "word3" })),
            (
                "search",
                json!({
                    "vector": [0, 0, 1, 0], "hybrid": hybrid, "filter": "id > 200",
                    "limit": 50, "retrieveVectors": true, "showRankingScoreDetails": true,
                }),
            ),
            ("similar", json!({ "id": 11, "embedder": "e", "retrieveVectors": true })),
        ];
        for (route, body) in asked {
            let answer = |server: &Server, uid: &str| {
                let (status, answer) =
                    server.post(&format!("/indexes/{uid}/{route}"), body.clone());
                assert_eq!(status, 200, "{answer}");
                let hits = answer["hits"].as_array().unwrap();
                assert!(hits.len() >= 10, "{answer}");
                json!([hits, answer["estimatedTotalHits"], answer["semanticHitCount"]])
            };
            assert_eq!(answer(&home, "home"), answer(&abroad, "abroad"), "{route} {body}");
        }
        let stats = abroad.get("/indexes/abroad/stats").1;
        assert_eq!(
            (&stats["numberOfEmbeddings"], &stats["numberOfEmbeddedDocuments"]),
            (&json!(300), &json!(270))
        );

        // It goes on taking vectors.
        let near = json!([{ "id": 999, "_vectors": { "e": [1, -1, 1, -1] } }]);
        abroad.succeed(abroad.post("/indexes/abroad/documents", near));
        let body = json!({ "vector": [1, -1, 1, -1], "hybrid": { "embedder": "e" }, "filter": "id = 999" });
        let answer = abroad.post("/indexes/abroad/search", body).1;
        assert_eq!(answer["hits"][0]["id"], 999, "{answer}");
    }
}

/// The hits of an answer and what it counts.
fn hits(server: &Server, route: &str, body: &Value) -> Value {
    let (status, answer) = server.post(&format!("/indexes/texts/{route}"), body.clone());
    assert_eq!(status, 200, "{answer}");
    let hits = answer["hits"].as_array().unwrap();
    assert!(!hits.is_empty(), "{answer}");
    json!([hits, answer["estimatedTotalHits"], answer["semanticHitCount"]])
}

#[test]
fn an_index_whose_vectors_a_provider_computes_travels() {
    let allowed = ["--experimental-allowed-ip-networks", "127.0.0.0/8"];
    let (home, mock) = (Server::start_with(&allowed), Mock::start(8).unwrap());
    // Nobody but the provider and the vectors tell the length.
    let embedder = json!({
        "source": "rest", "url": mock.url("/"), "documentTemplate": "{{doc.t}}",
        "request": { "input": ["{{text}}", "{{..}}"] },
        "response": { "output": ["{{embedding}}", "{{..}}"] },
    });
    let settings = json!({ "embedders": { "e": embedder }, "searchCutoffMs": 5000 });
    home.succeed(home.patch("/indexes/texts/settings", settings));
    let words = ["red", "blue", "green", "kite", "boat", "tree", "stone"];
    let documents: Value = (0..60)
        .map(|id| json!({ "id": id, "t": format!("{} {}", words[id % 7], words[id / 7 % 7]) }))
        .collect();
    home.succeed(home.post("/indexes/texts/documents", documents));
    let archive = download(&home, "texts", &snapshot(&home, "texts", json!({})));
    mock.take_requests();

    let by = |ratio: f64| json!({ "embedder": "e", "semanticRatio": ratio });
    let semantic = json!({
        "q": "red kite", "hybrid": by(1.0), "retrieveVectors": true, "showRankingScore": true,
    });
    let hybrid = json!({ "q": "blue stone", "hybrid": by(0.7), "showRankingScoreDetails": true });
    let given = json!({ "vector": vector("green tree", 8), "hybrid": by(1.0), "limit": 60 });
    let similar = json!({ "id": 11, "embedder": "e", "showRankingScore": true });
    let alone = [("search", &given), ("similar", &similar)];

    let abroad = Server::start_with(&allowed);
    abroad.succeed(upload(&abroad, "texts", "", &archive));
    for (route, body) in alone {
        assert_eq!(hits(&abroad, route, body), hits(&home, route, body), "{route} {body}");
    }
    assert!(mock.take_requests().is_empty(), "neither the import nor these ask the provider");
    for body in [&semantic, &hybrid] {
        assert_eq!(hits(&abroad, "search", body), hits(&home, "search", body), "{body}");
    }
    let asked: Vec<Value> =
        mock.take_requests().iter().map(|it| it.json()["input"][0].clone()).collect();
    // The server abroad first asks how long the vectors are.
    assert_eq!(asked, ["test", "red kite", "red kite", "blue stone", "blue stone"]);

    // A server that may not talk to the provider, and then one that finds it gone.
    let expected = alone.map(|(route, body)| hits(&home, route, body));
    let by_words = hits(&home, "search", &json!({ "q": "blue stone" }))[0].clone();
    let apart = Server::start();
    apart.succeed(upload(&apart, "texts", "", &archive));
    drop(mock);
    let late = Server::start_with(&allowed);
    late.succeed(upload(&late, "texts", "", &archive));
    for server in [&apart, &late] {
        // Attempts go on until the cutoff.
        server.succeed(server.patch("/indexes/texts/settings", json!({ "searchCutoffMs": 300 })));
        assert_eq!(alone.map(|(route, body)| hits(server, route, body)), expected);
        let (status, answer) = server.post("/indexes/texts/search", semantic.clone());
        assert_eq!((status, &answer["code"]), (400, &json!("vector_embedding_error")), "{answer}");
        let body = json!({ "q": "blue stone", "hybrid": by(0.7) });
        let found = hits(server, "search", &body);
        assert_eq!((&found[0], &found[2]), (&by_words, &json!(0)));
    }
}
