//! Proofs of identity as a company's server makes them, by hand: what is wrong with a token is up
//! to the test.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// `user_hash` of a user id.
pub fn user_hash(key: &str, user_id: &str) -> String {
    mac(key, user_id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `user_jwt` with these claims, as it should be.
pub fn jwt(kid: &str, key: &str, claims: &Value) -> String {
    jwt_of(key, &json!({"alg": "HS256", "typ": "JWT", "kid": kid}).to_string(), &claims.to_string())
}

/// A token of any header and claims, signed with HMAC-SHA256.
pub fn jwt_of(key: &str, header: &str, claims: &str) -> String {
    let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac(key, said.as_bytes()));
    format!("{said}.{signature}")
}

fn mac(key: &str, bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length of key does");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
