//! An index with vectors travels like any other.

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
