//! Proofs of identity as an organization's server generates them. They are built by hand, so that
//! a test can also generate invalid ones.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Returns the `user_hash` of a user id.
pub fn user_hash(key: &str, user_id: &str) -> String {
    mac(key, user_id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a valid `user_jwt` with these claims.
pub fn jwt(kid: &str, key: &str, claims: &Value) -> String {
    signed_jwt(
        key,
        &json!({"alg": "HS256", "typ": "JWT", "kid": kid}).to_string(),
        &claims.to_string(),
    )
}

/// Returns a token with any header and claims, signed with HMAC-SHA256.
pub fn signed_jwt(key: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac(key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn mac(key: &str, bytes: &[u8]) -> Vec<u8> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key may have any length");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
