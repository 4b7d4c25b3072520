//! Settings as requests give them, as tasks store them, and how they go on top of each other.

use serde_json::{Value, json};

use super::*;
use crate::error::{Code, ErrorCode};

fn parse(body: Value) -> Result<Settings, Code> {
    deserr::deserialize(body).map_err(|error: DeserrJsonError| error.error_code())
}

fn message(body: Value) -> String {
    deserr::deserialize::<Settings, _, DeserrJsonError>(body).unwrap_err().to_string()
}

/// Every setting with every member, as it is stored.
const EVERYTHING: &str = r#"{"displayedAttributes":["a","*"],"searchableAttributes":["a"],"filterableAttributes":["a",{"attributePatterns":["b*"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":false}}}],"sortableAttributes":["a","b"],"foreignKeys":[{"foreignIndexUid":"i","fieldName":"f"}],"rankingRules":["words","typo","proximity","attributeRank","sort","wordPosition","exactness","a:asc","b:c:desc"],"stopWords":["the"],"nonSeparatorTokens":["@"],"separatorTokens":["&"],"dictionary":["J. R. R."],"synonyms":{"a":["b","c"]},"distinctAttribute":"a","proximityPrecision":"byAttribute","typoTolerance":{"enabled":true,"minWordSizeForTypos":{"oneTypo":4,"twoTypos":null},"disableOnWords":["w"],"disableOnAttributes":["a"],"disableOnNumbers":true},"faceting":{"maxValuesPerFacet":10,"sortFacetValuesBy":{"*":"count","a":"alpha"}},"pagination":{"maxTotalHits":100},"embedders":{"e":{"source":"userProvided","dimensions":3},"f":null},"searchCutoffMs":150,"localizedAttributes":[{"attributePatterns":["*_ja"],"locales":["jpn","en"]}],"facetSearch":false,"prefixSearch":"disabled","chat":{"description":"d"}}"#;

#[test]
fn every_setting_survives_both_readers() {
    let stored: Settings = serde_json::from_str(EVERYTHING).unwrap();
    assert_eq!(serde_json::to_string(&stored).unwrap(), EVERYTHING);
    assert_eq!(parse(serde_json::from_str(EVERYTHING).unwrap()), Ok(stored));
}

#[test]
fn three_states() {
    let settings = parse(json!({"stopWords": null, "facetSearch": true})).unwrap();
    assert_eq!(settings.stop_words, Setting::Reset);
    assert_eq!(settings.facet_search, Setting::Set(true));
    assert_eq!(settings.dictionary, Setting::NotSet);
    assert_eq!(
        serde_json::to_value(&settings).unwrap(),
        json!({"stopWords": null, "facetSearch": true})
    );
}

#[test]
fn reset_attributes_are_written_as_the_star() {
    let json = serde_json::to_string(&Settings::reset()).unwrap();
    insta::assert_snapshot!(json, @r#"{"displayedAttributes":["*"],"searchableAttributes":["*"],"filterableAttributes":null,"sortableAttributes":null,"foreignKeys":null,"rankingRules":null,"stopWords":null,"nonSeparatorTokens":null,"separatorTokens":null,"dictionary":null,"synonyms":null,"distinctAttribute":null,"proximityPrecision":null,"typoTolerance":null,"faceting":null,"pagination":null,"embedders":null,"searchCutoffMs":null,"localizedAttributes":null,"facetSearch":null,"prefixSearch":null,"chat":null}"#);
}

#[test]
fn sets_are_sorted_and_lists_are_not() {
    let settings = parse(json!({"stopWords": ["b", "a", "b"], "searchableAttributes": ["b", "a"]}));
    assert_eq!(
        serde_json::to_value(settings.unwrap()).unwrap(),
        json!({"searchableAttributes": ["b", "a"], "stopWords": ["a", "b"]})
    );
}

#[test]
fn stored_settings_ignore_unknown_keys_but_not_in_filterable_rules() {
    assert!(serde_json::from_str::<Settings>(r#"{"ofTheFuture":1,"pagination":{"x":1}}"#).is_ok());
    let rule = r#"{"filterableAttributes":[{"attributePatterns":[],"x":1}]}"#;
    assert!(serde_json::from_str::<Settings>(rule).is_err());
}

#[test]
fn every_error_inside_a_setting_has_its_code() {
    for (body, code) in [
        (json!([]), Code::BadRequest),
        (json!({"stopWord": []}), Code::BadRequest),
        (json!({"displayedAttributes": "a"}), Code::InvalidSettingsDisplayedAttributes),
        (json!({"searchableAttributes": [1]}), Code::InvalidSettingsSearchableAttributes),
        (json!({"filterableAttributes": [1]}), Code::InvalidSettingsFilterableAttributes),
        (json!({"filterableAttributes": [{}]}), Code::InvalidSettingsFilterableAttributes),
        (
            json!({"filterableAttributes": [{"attributePatterns": ["a"], "features": {"filter": {"x": 1}}}]}),
            Code::InvalidSettingsFilterableAttributes,
        ),
        (json!({"sortableAttributes": {}}), Code::InvalidSettingsSortableAttributes),
        (json!({"foreignKeys": 1}), Code::InvalidSettingsForeignKeys),
        (json!({"rankingRules": ["word"]}), Code::InvalidSettingsRankingRules),
        (json!({"rankingRules": ["_geo:asc"]}), Code::InvalidSettingsRankingRules),
        (json!({"rankingRules": ["_geoPoint(1, 2):asc"]}), Code::InvalidSettingsRankingRules),
        (json!({"rankingRules": ["attribute", "wordPosition"]}), Code::InvalidSettingsRankingRules),
        (
            json!({"rankingRules": ["attributeRank", "attribute"]}),
            Code::InvalidSettingsRankingRules,
        ),
        (json!({"stopWords": [null]}), Code::InvalidSettingsStopWords),
        (json!({"nonSeparatorTokens": 1}), Code::InvalidSettingsNonSeparatorTokens),
        (json!({"separatorTokens": 1}), Code::InvalidSettingsSeparatorTokens),
        (json!({"dictionary": 1}), Code::InvalidSettingsDictionary),
        (json!({"synonyms": {"a": "b"}}), Code::InvalidSettingsSynonyms),
        (json!({"distinctAttribute": []}), Code::InvalidSettingsDistinctAttribute),
        (json!({"proximityPrecision": "byLetter"}), Code::InvalidSettingsProximityPrecision),
        (json!({"typoTolerance": {"enable": true}}), Code::InvalidSettingsTypoTolerance),
        (
            json!({"typoTolerance": {"minWordSizeForTypos": {"oneTypo": 9, "twoTypos": 8}}}),
            Code::InvalidSettingsTypoTolerance,
        ),
        (
            json!({"typoTolerance": {"minWordSizeForTypos": {"oneTypo": 256}}}),
            Code::InvalidSettingsTypoTolerance,
        ),
        (json!({"faceting": {"sortFacetValuesBy": {"a": "size"}}}), Code::InvalidSettingsFaceting),
        (json!({"faceting": {"maxValuesPerFacet": 1.0}}), Code::InvalidSettingsFaceting),
        (json!({"pagination": {"maxTotalHits": 0}}), Code::InvalidSettingsPagination),
        (json!({"embedders": []}), Code::InvalidSettingsEmbedders),
        (json!({"searchCutoffMs": -1}), Code::InvalidSettingsSearchCutoffMs),
        (
            json!({"localizedAttributes": [{"attributePatterns": [], "locales": ["xx"]}]}),
            Code::InvalidSettingsLocalizedAttributes,
        ),
        (json!({"facetSearch": "true"}), Code::InvalidSettingsFacetSearch),
        (json!({"prefixSearch": "searchTime"}), Code::InvalidSettingsPrefixSearch),
    ] {
        assert_eq!(parse(body.clone()), Err(code), "{body}");
    }
}

#[test]
fn messages_tell_place_and_suggestion() {
    let told = message(json!({"filterableAttributes": ["a", {"attributePattern": []}]}));
    assert!(told.contains(".filterableAttributes[1]"), "{told}");
    assert!(told.contains("did you mean `attributePatterns`?"), "{told}");
    let told = message(json!({"pagination": {"maxTotalHits": "a"}}));
    assert!(told.contains(".pagination.maxTotalHits") && told.contains("\"a\""), "{told}");
}

#[test]
fn routes_take_the_bare_value() {
    for setting in SettingName::ALL {
        let reset = setting.parse(Value::Null).unwrap();
        let json = serde_json::to_value(reset).unwrap();
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), [setting.key()]);
    }
    let error = SettingName::TypoTolerance.parse(json!([])).unwrap_err();
    assert_eq!(error.error_code(), SettingName::TypoTolerance.code());
}

#[test]
fn what_is_not_built_is_told() {
    for (body, told) in [
        (json!({"embedders": {"a": {"source": "openAi"}}}), None),
        (json!({"embedders": null, "chat": null, "foreignKeys": null}), None),
        (json!({"chat": {}}), Some(NotImplemented::ChatSetting)),
        (json!({"foreignKeys": []}), Some(NotImplemented::ForeignKeysSetting)),
        (json!({"sortableAttributes": ["_geo"], "filterableAttributes": ["_geojson"]}), None),
    ] {
        assert_eq!(parse(body).unwrap().not_implemented(), told);
    }
}

fn merged(earlier: Value, later: Value) -> Value {
    let mut settings = parse(earlier).unwrap();
    settings.merge(parse(later).unwrap());
    serde_json::to_value(settings).unwrap()
}

#[test]
fn later_tasks_of_a_batch_go_on_top_member_by_member() {
    assert_eq!(
        merged(
            json!({"typoTolerance": {"enabled": false, "minWordSizeForTypos": {"oneTypo": 1}}, "stopWords": ["a"]}),
            json!({"typoTolerance": {"minWordSizeForTypos": {"twoTypos": 2}}, "stopWords": ["b"]}),
        ),
        json!({"stopWords": ["b"], "typoTolerance": {"enabled": false, "minWordSizeForTypos": {"oneTypo": 1, "twoTypos": 2}}})
    );
    assert_eq!(
        merged(
            json!({"faceting": {"maxValuesPerFacet": 1, "sortFacetValuesBy": {"a": "count"}}}),
            json!({"faceting": {"sortFacetValuesBy": {"b": "count"}}}),
        ),
        json!({"faceting": {"maxValuesPerFacet": 1, "sortFacetValuesBy": {"b": "count"}}})
    );
    assert_eq!(
        merged(json!({"pagination": {"maxTotalHits": 1}}), json!({"pagination": null})),
        json!({"pagination": null})
    );
}

#[test]
fn member_set_after_a_reset_leaves_the_others_reset() {
    assert_eq!(
        merged(json!({"typoTolerance": null}), json!({"typoTolerance": {"enabled": false}})),
        json!({"typoTolerance": {"enabled": false, "minWordSizeForTypos": null, "disableOnWords": null, "disableOnAttributes": null, "disableOnNumbers": null}})
    );
}
