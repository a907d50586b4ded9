//! Proofs made with identity keys: `user_hash` and `user_jwt`.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use onethread_core::{IdentityKeyId, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::proof::{PresentedProof, UserId};
use crate::{
    contact::domain::user_details::UserClaims,
    organization::domain::{identity_key::IdentityKey, policy::Rules},
};

/// Largest difference between the clock of an organization's server and ours, in seconds.
const CLOCK_LEEWAY_SECONDS: f64 = 60.0;
/// Longest remaining lifetime of a token, in seconds: 15 minutes, and half the leeway, so that a
/// token for 16 minutes is rejected.
const MAX_LIFETIME_SECONDS: f64 = 15.0 * 60.0 + CLOCK_LEEWAY_SECONDS / 2.0;

/// The key under which the `user_hash` is right for the user id.
pub(crate) fn key_of_hash(
    keys: &[IdentityKey],
    user_id: &UserId,
    proof: &PresentedProof,
) -> Option<IdentityKeyId> {
    // All keys are tried, so that the time doesn't reveal which one was right.
    keys.iter().fold(None, |found, key| {
        let expected = user_hash(key, user_id);
        let is_right = bool::from(expected.as_bytes().ct_eq(proof.as_str().as_bytes()));
        if is_right { Some(key.id) } else { found }
    })
}

fn user_hash(key: &IdentityKey, user_id: &UserId) -> String {
    hmac_hex(key.secret.expose_secret().as_bytes(), user_id.as_str().as_bytes())
}

fn hmac_hex(key: &[u8], bytes: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of a `user_jwt` and the profile in it; `None` when it doesn't prove the user id now.
pub(crate) fn read_jwt(
    rules: &Rules,
    user_id: &UserId,
    proof: &PresentedProof,
    now: Timestamp,
) -> Option<(IdentityKeyId, UserClaims)> {
    let header = decode_header(proof.as_str()).ok()?;
    // An unsupported critical parameter makes the token invalid (RFC 7515, 4.1.11).
    if header.crit.is_some() {
        return None;
    }
    let kid = header.kid?;
    let key = rules.keys.iter().find(|key| key.id.to_string() == kid)?;
    // The algorithm is the key's, not the header's. Times are compared with our own clock.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let secret = DecodingKey::from_secret(key.secret.expose_secret().as_bytes());
    let claims = decode::<Map<String, Value>>(proof.as_str(), &secret, &validation).ok()?.claims;
    let is_valid = claims.get("sub").and_then(Value::as_str) == Some(user_id.as_str())
        && has_audience(claims.get("aud"), &rules.settings.name)
        && is_current(&claims, now);
    is_valid.then(|| (key.id, profile(&claims)))
}

fn has_audience(aud: Option<&Value>, organization: &str) -> bool {
    match aud {
        Some(Value::String(one)) => one == organization,
        Some(Value::Array(several)) => several.iter().any(|one| one == organization),
        _ => false,
    }
}

fn is_current(claims: &Map<String, Value>, now: Timestamp) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let now = now.micros() as f64 / 1_000_000.0;
    let Some(expires_at) = claims.get("exp").and_then(Value::as_f64) else { return false };
    // A time may be absent, but must be a number.
    let has_begun = |name: &str| match claims.get(name) {
        None => true,
        Some(value) => value.as_f64().is_some_and(|at| at <= now + CLOCK_LEEWAY_SECONDS),
    };
    expires_at > now - CLOCK_LEEWAY_SECONDS
        && expires_at <= now + MAX_LIFETIME_SECONDS
        && has_begun("nbf")
        && has_begun("iat")
}

fn profile(claims: &Map<String, Value>) -> UserClaims {
    let claim = |name: &str| claims.get(name).cloned();
    UserClaims {
        email: claim("email"),
        name: claim("name"),
        phone: claim("phone"),
        company: claim("company"),
        custom_data: claim("custom_data"),
        ..UserClaims::default()
    }
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod jwt_tests;
