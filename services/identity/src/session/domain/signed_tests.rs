//! `user_hash` with published vectors of HMAC-SHA256, and `user_jwt` with valid and invalid tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use onethread_core::IdentityKeyId;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::organization::domain::settings::Settings;

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
pub(super) const AT: i64 = 1_800_000_000;

pub(super) fn key(id: u128, secret: &str) -> IdentityKey {
    IdentityKey { id: IdentityKeyId(Uuid::from_u128(id)), secret: secret.into() }
}

pub(super) fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub(super) fn rules() -> Rules {
    let settings = Settings { name: "demo".to_owned(), ..Settings::default() };
    Rules { settings, keys: vec![key(1, "first"), key(2, "second")] }
}

/// The seven cases of RFC 4231 for HMAC-SHA256. The fifth has only the first 16 bytes of the result.
#[test]
fn user_hashes_match_the_published_vectors() {
    let counted: Vec<u8> = (1..=25).collect();
    let long = b"This is a test using a larger than block-size key and a larger than block-size \
        data. The key needs to be hashed before being used by the HMAC algorithm.";
    let table: [(&[u8], &[u8], &str); 7] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (&[0xaa; 131], long, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (key, text, hex) in table {
        assert!(hmac_hex(key, text).starts_with(hex), "{hex}");
    }
    // A truncated hash is not accepted.
    let secret = "\u{c}".repeat(20);
    for length in [32, 62, 63] {
        let whole = hmac_hex(secret.as_bytes(), b"Test With Truncation");
        assert!(!is_accepted(&secret, "Test With Truncation", &whole[..length]));
        assert!(is_accepted(&secret, "Test With Truncation", &whole));
    }
}

fn is_accepted(secret: &str, user_id: &str, proof: &str) -> bool {
    let proof = PresentedProof::hash(proof).unwrap().unwrap();
    let key = key_of_hash(&[key(1, "another"), key(2, secret)], &user(user_id), &proof);
    key == Some(IdentityKeyId(Uuid::from_u128(2)))
}

#[test]
fn a_user_hash_is_hmac_sha256_in_lower_case_hex_only() {
    // RFC 4231, test case 2.
    let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let (secret, id) = ("Jefe", "what do ya want for nothing?");
    assert!(is_accepted(secret, id, right));
    assert!(!is_accepted(secret, id, &right.to_uppercase()));
    assert!(!is_accepted("jefe", id, right));
    assert!(!is_accepted(secret, "what do ya want for nothing", right));
    for similar in [&right[..63], &right[1..], &format!("{right}0"), &format!(" {right}"), "0"] {
        assert!(!is_accepted(secret, id, similar), "{similar}");
    }
    for at in 0..64 {
        let mut changed = right.as_bytes().to_vec();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert!(
            !is_accepted(secret, id, std::str::from_utf8(&changed).unwrap()),
            "changed at {at}"
        );
    }
    let proof = PresentedProof::hash(right).unwrap().unwrap();
    assert_eq!(key_of_hash(&[], &user(id), &proof), None);
}

pub(super) fn claims() -> Value {
    json!({"sub": "12345", "aud": "demo", "exp": AT + 600, "iat": AT, "name": "Ann",
        "email": "ann@example.com", "role": "admin", "user_id": "other"})
}

fn header() -> Header {
    Header { kid: Some(Uuid::from_u128(2).to_string()), ..Header::new(Algorithm::HS256) }
}

fn sign(header: &Header, claims: &Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn read(token: &str) -> Option<UserClaims> {
    let proof = PresentedProof::jwt(token).unwrap().unwrap();
    let (key, claims) = read_jwt(&rules(), &user("12345"), &proof, NOW)?;
    assert!(rules().keys.iter().any(|one| one.id == key));
    Some(claims)
}

/// The usual claims with one changed, or without it.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[test]
fn a_valid_token_is_accepted_and_only_its_profile_is_used() {
    let read = read(&sign(&header(), &claims(), "second")).unwrap();
    assert_eq!(read.name, Some(json!("Ann")));
    assert_eq!(read.email, Some(json!("ann@example.com")));
    assert_eq!(read.phone, None);
    assert_eq!(read.user_id, None);
}

#[test]
fn each_invalid_claim_is_rejected() {
    let table = [
        ("sub", json!("1234"), false),
        ("sub", json!(12345), false),
        ("sub", Value::Null, false),
        ("aud", json!("other"), false),
        ("aud", json!(["other", "demo"]), true),
        ("aud", json!([]), false),
        ("aud", json!({"demo": true}), false),
        ("aud", Value::Null, false),
        ("exp", Value::Null, false),
        ("exp", json!((AT + 600).to_string()), false),
        ("exp", json!(true), false),
        ("exp", json!(AT - 59), true),
        ("exp", json!(AT - 60), false),
        ("exp", json!(AT - 3600), false),
        ("exp", json!(AT + 900), true),
        ("exp", json!(AT + 930), true),
        ("exp", json!(AT + 960), false),
        ("exp", json!(1e300), false),
        ("exp", json!(f64::from(i32::MAX) * 1e9), false),
        ("nbf", json!(AT + 60), true),
        ("nbf", json!(AT + 61), false),
        ("nbf", json!(AT.to_string()), false),
        ("nbf", json!([AT]), false),
        ("iat", json!(AT - 86_400), true),
        ("iat", json!(AT + 61), false),
        ("iat", json!(AT.to_string()), false),
        ("iat", Value::Null, true),
    ];
    for (name, value, valid) in table {
        let token = sign(&header(), &with(name, value.clone()), "second");
        assert_eq!(read(&token).is_some(), valid, "{name} {value}");
    }
}

#[test]
fn the_token_chooses_neither_key_nor_algorithm() {
    let accepts = |header: &Header, secret: &str| read(&sign(header, &claims(), secret)).is_some();
    assert!(accepts(&header(), "second"));
    let first = Header { kid: Some(Uuid::from_u128(1).to_string()), ..header() };
    assert!(accepts(&first, "first"));
    assert!(!accepts(&first, "second"), "the key of another kid");
    assert!(!accepts(&header(), ""), "an empty key");
    for kid in [None, Some(String::new()), Some(Uuid::from_u128(3).to_string())] {
        assert!(!accepts(&Header { kid, ..header() }, "second"));
    }
    for alg in [Algorithm::HS384, Algorithm::HS512] {
        assert!(!accepts(&Header { alg, ..header() }, "second"), "{alg:?}");
    }
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..header() };
    assert!(!accepts(&critical, "second"));
}

#[test]
fn malformed_and_forged_tokens_are_rejected() {
    let valid = sign(&header(), &claims(), "second");
    let parts: Vec<_> = valid.split('.').collect();
    let [header_part, body, signature] = parts[..] else { panic!("three parts") };
    let kid = Uuid::from_u128(2);
    let raw = |text: String| URL_SAFE_NO_PAD.encode(text);
    let none = raw(format!(r#"{{"alg":"none","kid":"{kid}"}}"#));
    let none_spelled = raw(format!(r#"{{"alg":"nOnE","kid":"{kid}"}}"#));
    let no_alg = raw(format!(r#"{{"kid":"{kid}"}}"#));
    let public = raw(format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
    let forged = raw(with("sub", json!("12345")).to_string().replace("Ann", "Eve"));
    for invalid in [
        String::from("."),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{header_part}.{body}"),
        format!("{header_part}.{body}."),
        format!("{none}.{body}."),
        format!("{none_spelled}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{no_alg}.{body}.{signature}"),
        format!("{public}.{body}.{signature}"),
        format!("{header_part}.{forged}.{signature}"),
        format!("{header_part}..{signature}"),
        format!("{header_part}.{body}.{}", &signature[..signature.len() - 2]),
        format!("{header_part}.{body}.{signature}AA"),
        format!("{header_part}.{body}.{signature}=="),
        format!("{header_part}.{body}.{signature}.{signature}"),
        format!(" {valid}"),
        format!("{valid}\n"),
    ] {
        assert!(read(&invalid).is_none(), "{invalid}");
    }
    for at in header_part.len() + 1..valid.len() - 1 {
        let mut changed = valid.clone().into_bytes();
        if changed[at] != b'.' {
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(read(std::str::from_utf8(&changed).unwrap()).is_none(), "changed at {at}");
        }
    }
}
