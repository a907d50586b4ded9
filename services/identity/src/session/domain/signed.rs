//! Proofs made with identity keys: `user_hash` and `user_jwt`.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use onethread_core::Timestamp;
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
/// A token may run for so many seconds from now: 15 minutes, and half the leeway, so that one that
/// was made for 16 minutes is refused.
const MAX_LIFETIME_SECONDS: f64 = 15.0 * 60.0 + CLOCK_LEEWAY_SECONDS / 2.0;

/// True when the `user_hash` is the user id's under a live key.
pub(crate) fn is_right_hash(
    keys: &[IdentityKey],
    user_id: &UserId,
    proof: &PresentedProof,
) -> bool {
    // All keys are tried, so that the time it takes doesn't tell which one it was.
    keys.iter().fold(false, |right, key| {
        let expected = user_hash(key, user_id);
        right | bool::from(expected.as_bytes().ct_eq(proof.as_str().as_bytes()))
    })
}

fn user_hash(key: &IdentityKey, user_id: &UserId) -> String {
    hmac_hex(key.secret.expose_secret().as_bytes(), user_id.as_str().as_bytes())
}

fn hmac_hex(key: &[u8], bytes: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length of key does");
    mac.update(bytes);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The profile in a `user_jwt`; `None` when it doesn't prove the user id now.
pub(crate) fn read_jwt(
    rules: &Rules,
    user_id: &UserId,
    proof: &PresentedProof,
    now: Timestamp,
) -> Option<UserClaims> {
    let header = decode_header(proof.as_str()).ok()?;
    // What must be understood and isn't makes it invalid (RFC 7515, 4.1.11).
    if header.crit.is_some() {
        return None;
    }
    let kid = header.kid?;
    let key = rules.keys.iter().find(|key| key.id.to_string() == kid)?;
    // The algorithm is the key's, whatever the header says; time is judged by our own clock.
    let mut own = Validation::new(Algorithm::HS256);
    own.required_spec_claims.clear();
    own.validate_exp = false;
    own.validate_aud = false;
    let secret = DecodingKey::from_secret(key.secret.expose_secret().as_bytes());
    let claims = decode::<Map<String, Value>>(proof.as_str(), &secret, &own).ok()?.claims;
    let right = claims.get("sub").and_then(Value::as_str) == Some(user_id.as_str())
        && is_for(claims.get("aud"), &rules.settings.name)
        && is_in_time(&claims, now);
    right.then(|| profile(&claims))
}

fn is_for(aud: Option<&Value>, organization: &str) -> bool {
    match aud {
        Some(Value::String(one)) => one == organization,
        Some(Value::Array(several)) => several.iter().any(|one| one == organization),
        _ => false,
    }
}

fn is_in_time(claims: &Map<String, Value>, now: Timestamp) -> bool {
    // Seconds since 1970 are exact in a double for longer than anybody will ask.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let now = now.micros() as f64 / 1_000_000.0;
    let Some(until) = claims.get("exp").and_then(Value::as_f64) else { return false };
    // A time that is there has to be a number.
    let begun = |name: &str| match claims.get(name) {
        None => true,
        Some(value) => value.as_f64().is_some_and(|at| at <= now + CLOCK_LEEWAY_SECONDS),
    };
    until > now - CLOCK_LEEWAY_SECONDS
        && until <= now + MAX_LIFETIME_SECONDS
        && begun("nbf")
        && begun("iat")
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
