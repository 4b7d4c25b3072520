//! Tenant tokens: JSON web tokens that an owner of a key signs with it, to hand out a part of its
//! right to search (operations.md 15).

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use meilisearch_types::index_uid::matches_pattern;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::error::AuthError;

/// The algorithms that a token may be signed with.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
/// Parts of a token, separated by dots: header, claims, signature.
const PARTS: usize = 3;

/// What a token says. Claims that are not listed are ignored, except `aud`, with which a token is
/// refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claims {
    /// The key that signed it.
    pub(crate) api_key_uid: Uuid,
    /// What it lets its bearer search.
    pub(crate) search_rules: SearchRules,
    /// When it ends, in seconds since 1970.
    exp: Option<i64>,
}

/// The claim `searchRules`, by index pattern: a uid, the beginning of uids and `*`, or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum SearchRules {
    /// Whole indexes.
    Indexes(BTreeSet<String>),
    /// What may be found in each index.
    Rules(BTreeMap<String, Option<Rule>>),
}

/// What may be found in an index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Rule {
    filter: Option<Value>,
}

impl SearchRules {
    fn patterns(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            SearchRules::Indexes(patterns) => Box::new(patterns.iter().map(String::as_str)),
            SearchRules::Rules(rules) => Box::new(rules.keys().map(String::as_str)),
        }
    }

    /// Whether the index may be searched.
    pub(crate) fn authorise(&self, index: &str) -> bool {
        self.patterns().any(|pattern| matches_pattern(pattern, index))
    }

    /// Whether every index may be searched.
    pub(crate) fn authorise_all(&self) -> bool {
        self.patterns().any(|pattern| pattern == "*")
    }

    /// The filter that all documents found in the index must pass. It is that of the pattern that
    /// fits best: the uid itself, else the longest.
    pub(crate) fn filter(&self, index: &str) -> Option<&Value> {
        let SearchRules::Rules(rules) = self else { return None };
        let fitting = rules.iter().filter(|(pattern, _)| matches_pattern(pattern, index));
        let best = fitting.max_by_key(|(pattern, _)| (pattern.as_str() == index, pattern.len()));
        best.and_then(|(_, rule)| rule.as_ref()?.filter.as_ref())
    }

    /// The patterns, sorted.
    pub(crate) fn listed(&self) -> Vec<String> {
        self.patterns().map(str::to_owned).collect()
    }
}

/// Whether a text claims to be a tenant token; others are keys.
pub(crate) fn looks_like_one(token: &str) -> bool {
    token.split('.').count() >= PARTS
}

/// Reads a token and checks its signature and its end. `secret_of` gives the secret of a key, even
/// of one that does not exist.
///
/// # Errors
///
/// `invalid_api_key`.
pub(crate) fn verify(
    token: &str,
    secret_of: impl Fn(Uuid) -> String,
    now: OffsetDateTime,
) -> Result<Claims, AuthError> {
    let mut validation = Validation::default();
    validation.algorithms = ALGORITHMS.to_vec();
    validation.required_spec_claims.clear();
    // No leeway, and integers only: checked below.
    validation.validate_exp = false;
    // Which secret signed it is one of its claims, so that it is read before it is believed.
    let mut unverified = validation.clone();
    unverified.insecure_disable_signature_validation();
    unverified.validate_aud = false;
    let refused = |error: jsonwebtoken::errors::Error| AuthError::InvalidTenantToken {
        reason: error.to_string(),
    };
    let nobodys = DecodingKey::from_secret(&[]);
    let claimed = decode::<Claims>(token, &nobodys, &unverified).map_err(refused)?.claims;

    let secret = secret_of(claimed.api_key_uid);
    let key = DecodingKey::from_secret(secret.as_bytes());
    let claims = decode::<Claims>(token, &key, &validation).map_err(refused)?.claims;
    match claims.exp {
        Some(exp) if now.unix_timestamp() > exp => Err(AuthError::ExpiredTenantToken {
            expired_at: told(OffsetDateTime::from_unix_timestamp(exp).ok(), exp),
            now: told(Some(now), now.unix_timestamp()),
        }),
        _ => Ok(claims),
    }
}

/// A date as people read it, else its seconds since 1970.
fn told(date: Option<OffsetDateTime>, seconds: i64) -> String {
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const UID: &str = "7d21e800-741f-4186-9c12-453842e06f7d";

    fn signed(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn verified(token: &str) -> Result<Claims, AuthError> {
        let now = OffsetDateTime::from_unix_timestamp(1_000).unwrap();
        verify(token, |uid| format!("secret of {uid}"), now)
    }

    fn rules(rules: Value) -> SearchRules {
        serde_json::from_value(rules).unwrap()
    }

    #[test]
    fn signature_and_end_decide() {
        let secret = format!("secret of {UID}");
        let claims = |exp: Value| json!({ "apiKeyUid": UID, "searchRules": ["*"], "exp": exp });
        for algorithm in ALGORITHMS {
            let token = signed(&claims(Value::Null), &secret, algorithm);
            assert_eq!(verified(&token).unwrap().api_key_uid, Uuid::parse_str(UID).unwrap());
            let (body, _) = token.rsplit_once('.').unwrap();
            verified(&format!("{body}.AAAA")).unwrap_err();
            verified(&format!("{body}.")).unwrap_err();
        }
        let token = |claims: Value| signed(&claims, &secret, Algorithm::HS256);
        verified(&signed(&claims(Value::Null), "another", Algorithm::HS256)).unwrap_err();
        verified(&token(claims(json!(1_000)))).unwrap();
        let expired = verified(&token(claims(json!(999)))).unwrap_err().to_string();
        assert!(expired.contains("1970-01-01T00:16:39Z"), "{expired}");
        assert!(expired.contains("1970-01-01T00:16:40Z"), "{expired}");
        for refused in [
            claims(json!("tomorrow")),
            claims(json!(2_000.5)),
            json!({ "apiKeyUid": UID }),
            json!({ "searchRules": ["*"] }),
            json!({ "apiKeyUid": "x", "searchRules": ["*"] }),
            json!({ "apiKeyUid": UID, "searchRules": ["*"], "aud": "us" }),
            json!({ "apiKeyUid": UID, "searchRules": "*" }),
        ] {
            let refusal = verified(&token(refused.clone()));
            assert!(matches!(refusal, Err(AuthError::InvalidTenantToken { .. })), "{refused}");
        }
        // `{"alg":"none"}`, and text that is no token at all.
        verified("eyJhbGciOiJub25lIn0.e30.").unwrap_err();
        assert!(looks_like_one("a.b.c") && !looks_like_one("a.b") && !looks_like_one(""));
        verified("a.b.c").unwrap_err();
    }

    #[test]
    fn the_pattern_that_fits_best_gives_the_filter() {
        let rules = rules(json!({
            "*": { "filter": "a = 1" },
            "films": null,
            "films-*": { "filter": ["b = 2"], "unknown": 3 },
            "films-old*": {},
        }));
        let filter = |index| rules.filter(index).cloned();
        assert_eq!(filter("music"), Some(json!("a = 1")));
        assert_eq!(filter("films"), None);
        assert_eq!(filter("films-new"), Some(json!(["b = 2"])));
        assert_eq!(filter("films-older"), None);
        assert!(rules.authorise("anything") && rules.authorise_all());
    }

    #[test]
    fn patterns_decide_what_may_be_searched() {
        let rules = rules(json!(["films", "public-*"]));
        assert!(rules.authorise("films") && rules.authorise("public-a"));
        assert!(!rules.authorise("film") && !rules.authorise("filmset") && !rules.authorise("x"));
        assert!(!rules.authorise_all());
        assert_eq!(rules.listed(), ["films", "public-*"]);
    }
}
