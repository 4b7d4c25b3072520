//! Stored forms of settings (indexing.md section 17), and what a change of settings does to the content
//! beyond what `model.rs` covers.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{TestIndex, hex};
use meilisearch_types::error::{Code, ErrorCode};
use serde_json::{Value, json};

/// The value of a key of `main`, as hexadecimal digits.
fn main_key(index: &TestIndex, name: &str) -> Option<String> {
    let dump = index.dump();
    let entry = dump.iter().find(|(table, key, _)| *table == "main" && key == name.as_bytes());
    entry.map(|(_, _, value)| hex(value))
}

/// Sets a setting and compares a key; then resets it and compares the key again.
#[track_caller]
fn check(settings: Value, key: &str, set: &str, reset: Option<&str>) {
    let index = TestIndex::new();
    let nulls: Value =
        settings.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    index.settings(settings);
    assert_eq!(main_key(&index, key), Some(plain(set)), "{key} set");
    index.settings(nulls);
    assert_eq!(main_key(&index, key), reset.map(plain), "{key} reset");
}

fn words(list: &[&str]) -> String {
    hex(fst::Set::from_iter(list).unwrap().as_fst().as_bytes())
}

#[test]
fn lists_of_attributes() {
    let two = "0200000000000000 0100000000000000 62 0100000000000000 61";
    check(json!({"displayedAttributes": ["b", "a", "b"]}), "displayed-fields", two, None);
    let key = "user-defined-searchable-fields";
    check(json!({"searchableAttributes": ["b", "a", "b"]}), key, two, None);
    check(json!({"searchableAttributes": []}), key, "0000000000000000", None);
    check(json!({"sortableAttributes": ["b", "a"]}), "sortable-fields", &hex(r#"["a","b"]"#), None);
    check(json!({"sortableAttributes": []}), "sortable-fields", &hex("[]"), None);
    let rules = r#"["a",{"attributePatterns":["b*"],"features":{"facetSearch":true,"filter":{"equality":true,"comparison":false}}}]"#;
    let sent = json!(["a", {"attributePatterns": ["b*"], "features": {"facetSearch": true}}]);
    check(json!({"filterableAttributes": sent}), "filterable-fields", &hex(rules), None);
}

#[test]
fn single_values() {
    check(json!({"distinctAttribute": "a.b"}), "distinct-field-key", &hex("a.b"), None);
    let rules = json!(["words", "attribute", "f:asc", "g:desc"]);
    let stored = r#"["Words","Attribute",{"Asc":"f"},{"Desc":"g"}]"#;
    check(json!({"rankingRules": rules}), "criteria", &hex(stored), None);
    check(json!({"proximityPrecision": "byAttribute"}), "proximity-precision", "01000000", None);
    check(json!({"prefixSearch": "disabled"}), "prefix_search", "01000000", None);
    check(json!({"facetSearch": false}), "facet_search", "00", None);
    check(json!({"searchCutoffMs": 150}), "search_cutoff", "0000000000000096", None);
    let pagination = json!({"pagination": {"maxTotalHits": 7}});
    check(pagination, "pagination-max-total-hits", "0000000000000007", None);
    let faceting = json!({"faceting": {"maxValuesPerFacet": 7}});
    check(faceting, "max-values-per-facet", "0000000000000007", None);
    let orders = json!({"faceting": {"sortFacetValuesBy": {"a": "count", "*": "alpha"}}});
    let stored = r#"{"*":"Lexicographic","a":"Count"}"#;
    check(orders, "sort-facet-values-by", &hex(stored), None);
    let rules = json!([{"attributePatterns": ["*_ja"], "locales": ["jpn", "en"]}]);
    let stored = r#"[{"attribute_patterns":["*_ja"],"locales":["Jpn","Eng"]}]"#;
    check(json!({"localizedAttributes": rules}), "localized_attributes_rules", &hex(stored), None);
}

#[test]
fn tokens() {
    check(json!({"stopWords": ["the", "é"]}), "stop-words", &words(&["e\u{301}", "the"]), None);
    let one = "0100000000000000 0100000000000000 26";
    check(json!({"separatorTokens": ["&"]}), "separator-tokens", one, None);
    check(json!({"nonSeparatorTokens": ["&"]}), "non-separator-tokens", one, None);
    check(json!({"dictionary": ["&"]}), "dictionary", one, None);
    let index = TestIndex::new();
    index.settings(json!({"stopWords": [], "separatorTokens": [], "dictionary": []}));
    for key in ["stop-words", "separator-tokens", "dictionary"] {
        assert_eq!(main_key(&index, key), None);
    }
}

#[test]
fn typo_tolerance() {
    let typo = |members: Value| json!({"typoTolerance": members});
    check(typo(json!({"enabled": false})), "authorize-typos", "00", Some("01"));
    let sizes = typo(json!({"minWordSizeForTypos": {"oneTypo": 4, "twoTypos": 6}}));
    check(sizes.clone(), "one-typo-word-len", "04", Some("05"));
    check(sizes, "two-typos-word-len", "06", Some("09"));
    let exact = typo(json!({"disableOnWords": ["Été-x"]}));
    check(exact, "exact-words", &words(&["ete-x"]), Some(&words(&[])));
    let attributes = typo(json!({"disableOnAttributes": ["t"]}));
    check(attributes, "exact-attributes", "0100000000000000 0100000000000000 74", None);
    let on = hex(r#"{"disableOnNumbers":true}"#);
    let off = hex(r#"{"disableOnNumbers":false}"#);
    check(typo(json!({"disableOnNumbers": true})), "disabled_typos_terms", &on, Some(&off));
}

#[test]
fn one_typo_may_not_come_after_two() {
    let index = TestIndex::new();
    let sizes = |members: Value| json!({"typoTolerance": {"minWordSizeForTypos": members}});
    let error = index.try_settings(sizes(json!({"oneTypo": 10}))).unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidSettingsTypoTolerance);
    index.settings(sizes(json!({"oneTypo": 9})));
    index.settings(sizes(json!({"oneTypo": 10, "twoTypos": 11})));
    let error = index.try_settings(sizes(json!({"twoTypos": null}))).unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidSettingsTypoTolerance);
}

#[test]
fn synonyms_follow_the_tokens() {
    let index = TestIndex::new();
    index.settings(json!({"synonyms": {"San Francisco": ["SF"], "a&b": ["ab"]}}));
    let keys = |index: &TestIndex| -> Vec<String> {
        index.table("synonyms").into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys(&index), [r"a\x1fb", r"san\x1ffrancisco"]);
    assert_eq!(index.table("synonyms")[1].1, hex(r#"{"synonyms":["SF"]}"#));
    index.settings(json!({"nonSeparatorTokens": ["&"]}));
    assert_eq!(keys(&index), ["a&b", r"san\x1ffrancisco"]);
    index.settings(json!({"synonyms": {}}));
    assert_eq!(keys(&index), [""; 0]);
    assert_eq!(main_key(&index, "user-defined-synonyms"), None);
    // A change of the tokens writes the map even when there is none.
    index.settings(json!({"nonSeparatorTokens": null}));
    assert_eq!(main_key(&index, "user-defined-synonyms"), Some("00".repeat(8)));
}

#[test]
fn an_index_without_documents_only_stores() {
    let index = TestIndex::new();
    index.settings(json!({"searchableAttributes": ["t"]}));
    let keys: Vec<String> = index.dump().iter().map(|(_, key, _)| common::readable(key)).collect();
    assert_eq!(
        keys,
        [
            "created-at",
            "disabled_typos_terms",
            "updated-at",
            "user-defined-searchable-fields",
            "vector_store_backend",
            "version",
        ]
    );
}

#[test]
fn the_order_of_searchable_attributes_changes_weights_only() {
    let index = TestIndex::new();
    index.settings(json!({"searchableAttributes": ["t", "u"]}));
    index.replace(json!([{"id": 1, "t": "a", "u": "b"}]));
    let content = |index: &TestIndex| {
        let mut dump = index.dump();
        dump.retain(|(table, _, _)| *table != "main");
        dump
    };
    let before = content(&index);
    assert_eq!(main_key(&index, "fieldids-weights-map"), Some(hex(r#"{"map":{"1":0,"2":1}}"#)));
    index.settings(json!({"searchableAttributes": ["u", "t"]}));
    assert_eq!(main_key(&index, "fieldids-weights-map"), Some(hex(r#"{"map":{"1":1,"2":0}}"#)));
    assert_eq!(content(&index), before);
    index.settings(json!({"searchableAttributes": null}));
    assert_eq!(main_key(&index, "fieldids-weights-map"), None);
    assert_eq!(main_key(&index, "searchable-fields"), None);
}

#[test]
fn embedders_are_stored_as_they_are_merged() {
    let index = TestIndex::new();
    index.settings(json!({"embedders": {
        "o": {"apiKey": "k"},
        "u": {"source": "userProvided", "dimensions": 2},
    }}));
    index.settings(json!({"embedders": {"u": null, "o": {"dimensions": 3}}}));
    let stored = main_key(&index, "embedding_configs").unwrap();
    let begin = r#"[{"name":"o","config":{"embedder_options":{"OpenAi":{"url":null,"api_key":"k","embedding_model":"text-embedding-3-small","dimensions":3,"distribution":null}},"prompt":{"template":"{% for "#;
    let end = r#"","max_bytes":400},"quantized":null},"fragments":[]}]"#;
    assert!(stored.starts_with(&hex(begin)) && stored.ends_with(&hex(end)), "{stored}");
    for (embedder, code) in [
        (json!({"dimensions": 9999}), Code::InvalidSettingsEmbedders),
        (json!({"headers": null}), Code::InvalidSettingsEmbedders),
        (
            json!({"source": "rest", "url": "http://a", "request": "x", "response": "y"}),
            Code::VectorEmbeddingError,
        ),
    ] {
        let settings = json!({"embedders": {"o": embedder}, "stopWords": ["the"]});
        assert_eq!(index.try_settings(settings).unwrap_err().error_code(), code);
    }
    assert_eq!(main_key(&index, "stop-words"), None);
    let many = |count: usize| -> serde_json::Value {
        let embedder = json!({"source": "userProvided", "dimensions": 1});
        (0..count)
            .map(|n| (n.to_string(), embedder.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let error = index.try_settings(json!({"embedders": many(255)})).unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidSettingsEmbedders);
    index.settings(json!({"embedders": null}));
    assert_eq!(main_key(&index, "embedding_configs"), None);
    index.settings(json!({"embedders": many(255)}));
}

#[test]
fn an_index_whose_model_cannot_run_here_is_written_as_long_as_it_is_not_asked() {
    let index = TestIndex::new();
    let without = json!({"e": {"regenerate": false}});
    index.replace(json!([{"id": 1, "_vectors": without}]));
    index
        .write(|wtxn, _| {
            let main = index.index.tables().main.remap_data_type::<heed::types::Str>();
            let options = r#"{"HuggingFace":{"model":"m","pooling":"forceMean"}}"#;
            let config = format!(
                r#"[{{"name":"e","config":{{"embedder_options":{options},"prompt":{{"template":"x"}}}}}}]"#
            );
            main.put(wtxn, "embedding_configs", &config)?;
            Ok(())
        })
        .unwrap();
    index.settings(json!({"stopWords": ["the"]}));
    index.replace(json!([{"id": 2, "_vectors": without}]));
    index.delete(&["1"]);
    assert_eq!(index.failure(json!([{"id": 3}])).0, "vector_embedding_error");
    // The first vector that is given tells the length.
    index.replace(json!([{"id": 3, "_vectors": {"e": [1, 2]}}]));
    let longer = json!([{"id": 4, "_vectors": {"e": [1, 2, 3]}}]);
    assert_eq!(index.failure(longer).0, "invalid_vector_dimensions");
    index.clear();
}
