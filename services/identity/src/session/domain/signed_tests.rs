//! `user_hash` against published vectors of HMAC-SHA256, and `user_jwt` against all that makes a
//! token none.

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

/// The seven cases of RFC 4231 for HMAC-SHA256; of the fifth it tells the first 16 bytes.
#[test]
fn the_published_vectors_hold() {
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
    // Cut short it proves nothing, however much of it is right.
    let secret = "\u{c}".repeat(20);
    for length in [32, 62, 63] {
        let whole = hmac_hex(secret.as_bytes(), b"Test With Truncation");
        assert!(!hash_says(&secret, "Test With Truncation", &whole[..length]));
        assert!(hash_says(&secret, "Test With Truncation", &whole));
    }
}

fn hash_says(secret: &str, user_id: &str, said: &str) -> bool {
    let said = PresentedProof::hash(said).unwrap().unwrap();
    is_right_hash(&[key(1, "another"), key(2, secret)], &user(user_id), &said)
}

#[test]
fn a_user_hash_is_hmac_sha256_in_lower_case_hex_and_nothing_near_it() {
    // RFC 4231, test case 2.
    let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let (secret, id) = ("Jefe", "what do ya want for nothing?");
    assert!(hash_says(secret, id, right));
    assert!(!hash_says(secret, id, &right.to_uppercase()));
    assert!(!hash_says("jefe", id, right));
    assert!(!hash_says(secret, "what do ya want for nothing", right));
    for near in [&right[..63], &right[1..], &format!("{right}0"), &format!(" {right}"), "0"] {
        assert!(!hash_says(secret, id, near), "{near}");
    }
    for at in 0..64 {
        let mut changed = right.as_bytes().to_vec();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert!(!hash_says(secret, id, std::str::from_utf8(&changed).unwrap()), "changed at {at}");
    }
    assert!(!is_right_hash(&[], &user(id), &PresentedProof::hash(right).unwrap().unwrap()));
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
    let said = PresentedProof::jwt(token).unwrap().unwrap();
    read_jwt(&rules(), &user("12345"), &said, NOW)
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
fn a_good_token_proves_and_only_the_profile_is_taken_from_it() {
    let read = read(&sign(&header(), &claims(), "second")).unwrap();
    assert_eq!(read.name, Some(json!("Ann")));
    assert_eq!(read.email, Some(json!("ann@example.com")));
    assert_eq!(read.phone, None);
    assert_eq!(read.user_id, None);
}

#[test]
fn claims_decide() {
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
    for (name, value, good) in table {
        let token = sign(&header(), &with(name, value.clone()), "second");
        assert_eq!(read(&token).is_some(), good, "{name} {value}");
    }
}

#[test]
fn the_key_and_the_algorithm_are_not_the_tokens_to_choose() {
    let of = |header: &Header, secret: &str| read(&sign(header, &claims(), secret)).is_some();
    assert!(of(&header(), "second"));
    let first = Header { kid: Some(Uuid::from_u128(1).to_string()), ..header() };
    assert!(of(&first, "first"));
    assert!(!of(&first, "second"), "the key of another kid");
    assert!(!of(&header(), ""), "an empty key");
    for kid in [None, Some(String::new()), Some(Uuid::from_u128(3).to_string())] {
        assert!(!of(&Header { kid, ..header() }, "second"));
    }
    for alg in [Algorithm::HS384, Algorithm::HS512] {
        assert!(!of(&Header { alg, ..header() }, "second"), "{alg:?}");
    }
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..header() };
    assert!(!of(&critical, "second"));
}

#[test]
fn what_is_not_a_whole_signed_token_is_none() {
    let good = sign(&header(), &claims(), "second");
    let parts: Vec<_> = good.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("three parts") };
    let kid = Uuid::from_u128(2);
    let raw = |text: String| URL_SAFE_NO_PAD.encode(text);
    let none = raw(format!(r#"{{"alg":"none","kid":"{kid}"}}"#));
    let none_spelled = raw(format!(r#"{{"alg":"nOnE","kid":"{kid}"}}"#));
    let no_alg = raw(format!(r#"{{"kid":"{kid}"}}"#));
    let public = raw(format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
    let forged = raw(with("sub", json!("12345")).to_string().replace("Ann", "Eve"));
    for bad in [
        String::from("."),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{head}.{body}"),
        format!("{head}.{body}."),
        format!("{none}.{body}."),
        format!("{none_spelled}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{no_alg}.{body}.{signature}"),
        format!("{public}.{body}.{signature}"),
        format!("{head}.{forged}.{signature}"),
        format!("{head}..{signature}"),
        format!("{head}.{body}.{}", &signature[..signature.len() - 2]),
        format!("{head}.{body}.{signature}AA"),
        format!("{head}.{body}.{signature}=="),
        format!("{head}.{body}.{signature}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
    ] {
        assert!(read(&bad).is_none(), "{bad}");
    }
    for at in head.len() + 1..good.len() - 1 {
        let mut changed = good.clone().into_bytes();
        if changed[at] != b'.' {
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(read(std::str::from_utf8(&changed).unwrap()).is_none(), "changed at {at}");
        }
    }
}
