//! Secrets of embedders, shown only by their first bytes (tasks.md 4).

use std::collections::BTreeMap;

use serde_json::Value;

use super::Setting;

/// The embedders of an index by name, as given.
pub type Embedders = BTreeMap<String, Setting<Value>>;

/// The beginning of a secret, the less of it the shorter it is, then a mask.
pub fn mask(secret: &str) -> String {
    let (shown, mask) = match secret.len() {
        0..10 => (0, "XXX..."),
        10..20 => (2, "XXXX..."),
        20..30 => (3, "XXXXX..."),
        _ => (5, "XXXXXX..."),
    };
    let whole_chars = |end: &usize| secret.is_char_boundary(*end);
    let shown = (0..=shown).rev().find(whole_chars).unwrap_or(0);
    format!("{}{mask}", &secret[..shown])
}

/// Masks every `apiKey` of the embedders, also those of nested ones.
pub(super) fn mask_embedders(embedders: &mut Setting<Embedders>) {
    let Setting::Set(embedders) = embedders else { return };
    for embedder in embedders.values_mut() {
        if let Setting::Set(embedder) = embedder {
            mask_embedder(embedder);
            for nested in ["searchEmbedder", "indexingEmbedder"] {
                if let Some(nested) = embedder.get_mut(nested) {
                    mask_embedder(nested);
                }
            }
        }
    }
}

fn mask_embedder(embedder: &mut Value) {
    if let Some(Value::String(secret)) = embedder.get_mut("apiKey") {
        *secret = mask(secret);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_by_length() {
        for (secret, masked) in [
            ("", "XXX..."),
            ("123456789", "XXX..."),
            ("1234567890", "12XXXX..."),
            ("12345678901234567890", "123XXXXX..."),
            ("123456789012345678901234567890", "12345XXXXXX..."),
            ("é23456789", "éXXXX..."),
            ("1é3456789", "1XXXX..."),
        ] {
            assert_eq!(mask(secret), masked);
        }
    }

    #[test]
    fn masks_nested_embedders() {
        let embedder = json!({"apiKey": "s3cret", "searchEmbedder": {"apiKey": "s3cret"}});
        let mut embedders =
            Setting::Set(BTreeMap::from([("a".to_owned(), Setting::Set(embedder))]));
        mask_embedders(&mut embedders);
        assert_eq!(
            serde_json::to_value(embedders).unwrap(),
            json!({"a": {"apiKey": "XXX...", "searchEmbedder": {"apiKey": "XXX..."}}})
        );
    }
}
