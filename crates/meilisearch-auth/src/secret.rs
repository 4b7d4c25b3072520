//! Secrets of keys: the HMAC-SHA256 of the uid under the master key, never stored
//! (operations.md 12).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

type Secret = [u8; 32];

fn derive_bytes(master_key: &str, uid: Uuid) -> Secret {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(master_key.as_bytes()).expect("any length");
    mac.update(uid.hyphenated().to_string().as_bytes());
    mac.finalize().into_bytes().into()
}

/// The secret as users see it: 64 lower-case hexadecimal digits.
pub(crate) fn derive(master_key: &str, uid: Uuid) -> String {
    hex::encode(derive_bytes(master_key, uid))
}

/// Reads a presented secret; none if it cannot be one.
pub(crate) fn parse(presented: &str) -> Option<Secret> {
    let mut secret = Secret::default();
    hex::decode_to_slice(presented, &mut secret).ok()?;
    Some(secret)
}

/// Whether the secret is that of the key, in a time that does not depend on where they differ.
pub(crate) fn belongs_to(secret: &Secret, master_key: &str, uid: Uuid) -> bool {
    secret.ct_eq(&derive_bytes(master_key, uid)).into()
}

/// Whether the texts are equal, in a time that depends only on their lengths.
pub(crate) fn equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_and_recognised() {
        let uid = "7d21e800-741f-4186-9c12-453842e06f7d".parse().unwrap();
        let secret = derive("MASTER_KEY", uid);
        // printf %s "$uid" | openssl dgst -sha256 -hmac MASTER_KEY
        assert_eq!(secret, "5c1deda2df6fa9e0ce6267f81f4d393df21a585e4c6e05bf8d615e75d6ef6690");
        for presented in [secret.clone(), secret.to_uppercase()] {
            assert!(belongs_to(&parse(&presented).unwrap(), "MASTER_KEY", uid));
        }
        assert!(!belongs_to(&parse(&secret).unwrap(), "another", uid));
        assert_eq!(parse(&secret[..62]), None);
        assert_eq!(parse("not hexadecimal"), None);
        assert!(equal("a", "a") && !equal("a", "b") && !equal("a", "ab"));
    }
}
