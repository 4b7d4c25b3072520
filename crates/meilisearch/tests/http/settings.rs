//! `/indexes/{index_uid}/settings` and its sub-routes (http-api.md section 11).

use serde_json::{Value, json};

use crate::common::Server;

/// Sub-route, verb, a value that differs from the default, and the default.
fn sub_routes() -> Vec<(&'static str, &'static str, Value, Value)> {
    let typo = json!({
        "enabled": true,
        "minWordSizeForTypos": { "oneTypo": 5, "twoTypos": 9 },
        "disableOnWords": [], "disableOnAttributes": [], "disableOnNumbers": false,
    });
    let mut other_typo = typo.clone();
    other_typo["minWordSizeForTypos"]["oneTypo"] = json!(4);
    let rules =
        json!(["words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"]);
    vec![
        ("displayed-attributes", "PUT", json!(["a"]), json!(["*"])),
        ("searchable-attributes", "PUT", json!(["b", "a"]), json!(["*"])),
        ("filterable-attributes", "PUT", json!(["a"]), json!([])),
        ("sortable-attributes", "PUT", json!(["a", "b"]), json!([])),
        ("ranking-rules", "PUT", json!(["typo", "words"]), rules),
        ("stop-words", "PUT", json!(["of", "the"]), json!([])),
        ("synonyms", "PUT", json!({ "sea": ["ocean"] }), json!({})),
        ("distinct-attribute", "PUT", json!("a"), Value::Null),
        ("typo-tolerance", "PATCH", other_typo, typo),
        (
            "faceting",
            "PATCH",
            json!({ "maxValuesPerFacet": 7, "sortFacetValuesBy": { "*": "count" } }),
            json!({ "maxValuesPerFacet": 100, "sortFacetValuesBy": { "*": "alpha" } }),
        ),
        ("pagination", "PATCH", json!({ "maxTotalHits": 9 }), json!({ "maxTotalHits": 1000 })),
        ("search-cutoff-ms", "PUT", json!(150), Value::Null),
        ("facet-search", "PUT", json!(false), json!(true)),
        ("prefix-search", "PUT", json!("disabled"), json!("indexingTime")),
        ("proximity-precision", "PUT", json!("byAttribute"), json!("byWord")),
        ("separator-tokens", "PUT", json!(["|"]), json!([])),
        ("non-separator-tokens", "PUT", json!(["@"]), json!([])),
        ("dictionary", "PUT", json!(["J. R. R."]), json!([])),
    ]
}

#[test]
fn the_whole_with_defaults() {
    let server = Server::start();
    assert_eq!(server.get("/indexes/a/settings").1["code"], "index_not_found");
    server.succeed(server.post("/indexes", json!({ "uid": "a" })));
    let (_, settings) = server.get("/indexes/a/settings");
    let keys: Vec<_> = settings.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "displayedAttributes",
            "searchableAttributes",
            "filterableAttributes",
            "sortableAttributes",
            "rankingRules",
            "stopWords",
            "nonSeparatorTokens",
            "separatorTokens",
            "dictionary",
            "synonyms",
            "distinctAttribute",
            "proximityPrecision",
            "typoTolerance",
            "faceting",
            "pagination",
            "embedders",
            "searchCutoffMs",
            "localizedAttributes",
            "facetSearch",
            "prefixSearch",
        ]
    );
}

#[test]
fn every_sub_route_sets_and_resets() {
    let server = Server::start();
    server.succeed(server.post("/indexes", json!({ "uid": "a" })));
    for (route, verb, value, default) in sub_routes() {
        let path = format!("/indexes/a/settings/{route}");
        assert_eq!(server.get(&path), (200, default.clone()), "{route}");
        let answer = if verb == "PUT" {
            server.put(&path, value.clone())
        } else {
            server.patch(&path, value.clone())
        };
        server.succeed(answer);
        assert_eq!(server.get(&path), (200, value), "{route}");
        server.succeed(server.delete(&path));
        assert_eq!(server.get(&path), (200, default), "{route}");
        let other = if verb == "PUT" { "PATCH" } else { "PUT" };
        assert_eq!(server.raw(other, &path, &[], b"").status(), 405, "{other} {route}");
    }
}

#[test]
fn a_change_of_several_keeps_the_rest() {
    let server = Server::start();
    let task = server.succeed(server.patch(
        "/indexes/made-by-settings/settings",
        json!({ "stopWords": ["b", "a"], "typoTolerance": { "disableOnWords": ["x"] } }),
    ));
    assert_eq!(task["type"], "settingsUpdate");
    assert_eq!(task["details"]["stopWords"], json!(["a", "b"]));
    server.succeed(server.patch(
        "/indexes/made-by-settings/settings",
        json!({ "stopWords": null, "typoTolerance": { "disableOnNumbers": true } }),
    ));
    let (_, settings) = server.get("/indexes/made-by-settings/settings");
    assert_eq!(settings["stopWords"], json!([]));
    assert_eq!(settings["typoTolerance"]["disableOnWords"], json!(["x"]));
    assert_eq!(settings["typoTolerance"]["disableOnNumbers"], true);
    server.succeed(server.delete("/indexes/made-by-settings/settings"));
    let (_, settings) = server.get("/indexes/made-by-settings/settings");
    assert_eq!(settings["typoTolerance"]["disableOnNumbers"], false);
    // A reset creates no index.
    let task = server.wait(server.delete("/indexes/nope/settings"));
    assert_eq!(task["error"]["code"], "index_not_found");
}

#[test]
fn refusals_name_the_setting() {
    let server = Server::start();
    for (body, code) in [
        (json!({ "stopWords": "the" }), "invalid_settings_stop_words"),
        (json!({ "rankingRules": ["nope"] }), "invalid_settings_ranking_rules"),
        (json!({ "typoTolerance": { "nope": 1 } }), "invalid_settings_typo_tolerance"),
        (json!({ "pagination": { "maxTotalHits": 0 } }), "invalid_settings_pagination"),
        (json!({ "embedders": { "a": { "dimensions": 0 } } }), "invalid_settings_embedders"),
        (json!({ "embedders": { "a": { "source": "composite" } } }), "feature_not_enabled"),
        (json!({ "nope": 1 }), "bad_request"),
        (json!({ "chat": { "description": "x" } }), "feature_not_enabled"),
    ] {
        let (status, error) = server.patch("/indexes/a/settings", body.clone());
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
    }
    let (_, error) = server.put("/indexes/a/settings/stop-words", json!({}));
    assert_eq!(error["code"], "invalid_settings_stop_words");
}
