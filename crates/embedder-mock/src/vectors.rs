//! Texts → vectors, and the answers that carry them.

use serde_json::{Value, json};

use crate::http::{Reply, Request};

/// The vector of a text: of length 1, the same on every machine, and near that of a text with the same
/// words. Texts without letters or digits get the first axis.
pub fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let mut hash = hash(&word.to_lowercase());
        for component in &mut vector {
            hash = mix(hash);
            // 24 bits are exact in an f32.
            *component += (hash >> 40) as f32 / (1 << 23) as f32 - 1.0;
        }
    }
    let norm = vector.iter().map(|component| component * component).sum::<f32>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|component| *component /= norm);
    } else if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
    vector
}

/// The answer to a request, by its form:
///
/// | Request | Answer |
/// |---|---|
/// | `{"prompt": x}` | `{"embedding": v}` |
/// | `{"input": [x…]}` to `…/api/embed` | `{"embeddings": [v…]}` |
/// | `{"input": [x…]}` or `{"input": x}` to `…/embeddings` | `{"data": [{"index": i, "embedding": v}…]}` |
/// | `{"input": [x…]}`, `{"input": x}` elsewhere | `{"output": [v…]}`, `{"output": v}` |
/// | `[x…]`, `"x"` | `[v…]`, `v` |
/// | anything else | status 400 |
///
/// Vectors have the length of the member `dimensions`, or else the given one. An x that is no text counts as
/// the text of its JSON.
pub fn answer(request: &Request, dimensions: usize) -> Reply {
    let body = request.json();
    let asked = body.get("dimensions").and_then(Value::as_u64);
    let dimensions = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(dimensions);
    let one = |input: &Value| match input {
        Value::String(text) => json!(vector(text, dimensions)),
        other => json!(vector(&other.to_string(), dimensions)),
    };
    let all = |inputs: &[Value]| inputs.iter().map(one).collect::<Value>();
    if let Some(prompt) = body.get("prompt") {
        return Reply::json(&json!({ "embedding": one(prompt) }));
    }
    let answer = match (body.get("input").unwrap_or(&body), body.is_object()) {
        (Value::Object(_) | Value::Null, _) => {
            return Reply::status(400, r#"{"error": "there is nothing to embed"}"#);
        }
        (input, true) if request.path.ends_with("/embeddings") => {
            // A list of numbers is one text, cut into tokens.
            let list = input.as_array().filter(|list| !list.iter().all(Value::is_number));
            let inputs = list.map_or(std::slice::from_ref(input), Vec::as_slice);
            let data = inputs.iter().enumerate().map(
                |(index, input)| json!({ "object": "embedding", "index": index, "embedding": one(input) }),
            );
            json!({ "object": "list", "data": data.collect::<Value>() })
        }
        (Value::Array(inputs), true) if request.path.ends_with("/api/embed") => {
            json!({ "embeddings": all(inputs) })
        }
        (Value::Array(inputs), true) => json!({ "output": all(inputs) }),
        (input, true) => json!({ "output": one(input) }),
        (Value::Array(inputs), false) => all(inputs),
        (input, false) => one(input),
    };
    Reply::json(&answer)
}

/// FNV-1a.
fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A step of SplitMix64.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_near_when_words_are_shared() {
        let dot = |a: &str, b: &str| -> f32 {
            vector(a, 64).iter().zip(vector(b, 64)).map(|(a, b)| a * b).sum()
        };
        assert!((dot("a red fox", "A red, fox!") - 1.0).abs() < 1e-5);
        assert!(dot("a red fox", "a red cat") > 0.4);
        assert!(dot("a red fox", "some other words") < 0.4);
        assert_eq!(vector("…", 3), [1.0, 0.0, 0.0]);
    }
}
