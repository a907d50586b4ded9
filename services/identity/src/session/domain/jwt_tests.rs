//! Tables of invalid `user_jwt`s: the cases of Wycheproof's vectors for JSON Web Signatures, with our
//! own keys, and cases of our own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use uuid::Uuid;

use super::{
    tests::{AT, NOW, claims, rules, user},
    *,
};

/// The secret of the key that the headers name.
const SECRET: &str = "second";
/// The alphabet of base64url.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn kid() -> Uuid {
    Uuid::from_u128(2)
}

fn header() -> String {
    json!({"alg": "HS256", "kid": kid()}).to_string()
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Signs two parts without encoding them.
fn sign_parts(header: &str, body: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{header}.{body}").as_bytes());
    format!("{header}.{body}.{}", encoded(mac.finalize().into_bytes()))
}

/// Signs a header and claims.
fn sign(header: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> String {
    sign_parts(&encoded(header), &encoded(body), SECRET)
}

fn valid() -> String {
    sign(header(), claims().to_string())
}

fn is_accepted(token: &str) -> bool {
    let proof = PresentedProof::jwt(token).unwrap();
    proof.is_some_and(|proof| read_jwt(&rules(), &user("12345"), &proof, NOW).is_some())
}

/// The valid claims with one member replaced by this JSON text.
fn with(name: &str, json: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    let rest = claims.to_string();
    format!("{{\"{name}\":{json},{}", &rest[1..])
}

#[track_caller]
fn assert_all_rejected(table: &[(&str, String)]) {
    assert!(is_accepted(&valid()), "the valid token");
    for (what, token) in table {
        assert!(!is_accepted(token), "{what}: {token}");
    }
}

#[test]
fn a_token_has_three_parts_and_a_signature_of_them() {
    let valid = valid();
    let parts: Vec<_> = valid.split('.').collect();
    let [header, body, mac] = parts[..] else { panic!("three parts") };
    let other_head = encoded(json!({"alg": "HS256", "kid": kid(), "x": 1}).to_string());
    let other_body = encoded(claims().to_string().replace("Ann", "Eve"));
    let other_mac = format!("{}{}", if mac.starts_with('A') { 'B' } else { 'A' }, &mac[1..]);
    let none = encoded(json!({"alg": "none", "kid": kid()}).to_string());
    let flat = json!({"protected": header, "payload": body, "signature": mac});
    let general = json!({"payload": body, "signatures": [{"protected": header, "signature": mac}]});
    let jwe = encoded(json!({"alg": "dir", "enc": "A256GCM", "kid": kid()}).to_string());
    assert_all_rejected(&[
        ("modified signature", format!("{header}.{body}.{other_mac}")),
        ("missing signature", format!("{header}.{body}.")),
        ("missing signature and separator", format!("{header}.{body}")),
        ("modified payload", format!("{header}.{other_body}.{mac}")),
        ("missing payload", format!("{header}..{mac}")),
        ("missing payload and separator", format!("{header}.{mac}")),
        ("modified header", format!("{other_head}.{body}.{mac}")),
        ("missing header", format!(".{body}.{mac}")),
        ("missing header and separator", format!("{body}.{mac}")),
        ("missing header and signature", format!(".{body}.")),
        ("the payload alone", body.to_owned()),
        ("nothing", String::new()),
        ("separators alone", "..".to_owned()),
        ("an empty component too many", format!("{valid}.")),
        ("a component too many", format!("{valid}.{mac}")),
        ("a component too many in front", format!("{header}.{valid}")),
        ("none without a signature", format!("{none}.{body}.")),
        ("none with the signature of another", format!("{none}.{body}.{mac}")),
        (
            "none, signed",
            sign(json!({"alg": "none", "kid": kid()}).to_string(), claims().to_string()),
        ),
        ("flattened JSON", flat.to_string()),
        ("general JSON", general.to_string()),
        ("JSON in base64", encoded(flat.to_string())),
        ("a JWE", format!("{jwe}..{}.{body}.{mac}", encoded([0; 12]))),
        ("a JWE's header", sign_parts(&jwe, body, SECRET)),
        ("a token in a token", sign(header_with("cty", "\"JWT\""), &valid)),
        ("a Bearer prefix", format!("Bearer {valid}")),
        ("quotes", format!("\"{valid}\"")),
    ]);
}

fn header_with(name: &str, value: &str) -> String {
    format!(r#"{{"alg":"HS256","kid":"{}","{name}":{value}}}"#, kid())
}

#[test]
fn base64_is_decoded_strictly() {
    let valid = valid();
    let parts: Vec<_> = valid.split('.').collect();
    let [header, body, mac] = parts[..] else { panic!("three parts") };
    let insert =
        |text: &str, at: usize, extra: &str| format!("{}{extra}{}", &text[..at], &text[at..]);
    // 32 bytes are 43 letters, of which the last one has two bits to spare.
    let last = LETTERS.iter().position(|letter| *letter == mac.as_bytes()[42]).unwrap();
    for spare in 1..4 {
        let extra = char::from(LETTERS[last + spare]);
        assert!(!is_accepted(&format!("{header}.{body}.{}{extra}", &mac[..42])), "spare bits");
    }
    for extra in [" ", "\n", "\t", "\r\n", "=", "?", "+", "/", "*", "\u{0}", "\u{feff}", "é", "%41"]
    {
        for at in [0, 1, 20, 43] {
            let token = format!("{header}.{body}.{}", insert(mac, at, extra));
            assert!(!is_accepted(&token), "{extra:?} in the signature: {token}");
        }
        // In the other parts, with a signature of the changed part.
        for at in [0, 4, 7] {
            let token = sign_parts(&insert(header, at, extra), body, SECRET);
            assert!(!is_accepted(&token), "{extra:?} in the header: {token}");
            let token = sign_parts(header, &insert(body, at, extra), SECRET);
            assert!(!is_accepted(&token), "{extra:?} in the payload: {token}");
        }
    }
    for (what, token) in [
        ("surrounding spaces", format!(" {valid} ")),
        ("a line break", format!("{valid}\n")),
        ("padding", format!("{valid}=")),
        ("bytes behind the signature", format!("{valid}AAAA")),
        ("zeros for a signature", format!("{header}.{body}.{}", encoded([0; 32]))),
        ("a short signature", format!("{header}.{body}.{}", &mac[..40])),
        ("hex instead", format!("{header}.{body}.{}", "ab".repeat(32))),
    ] {
        assert!(!is_accepted(&token), "{what}: {token}");
    }
    // White space in the JSON is allowed.
    let spaced = format!("{{ \"kid\" : \"{}\",\n\t\"alg\" : \"HS256\" }}", kid());
    assert!(is_accepted(&sign(spaced, claims().to_string())));
}

#[test]
fn the_header_chooses_neither_algorithm_nor_key() {
    let body = encoded(claims().to_string());
    let own = r#"{"kty":"oct","k":"ZXZpbA","kid":"evil"}"#;
    let url = r#""https://evil.example/keys""#;
    for (name, value) in
        [("jwk", own), ("jku", url), ("x5u", url), ("x5c", r#"["MIIB"]"#), ("x5t", "\"evil\"")]
    {
        let token = sign_parts(&encoded(header_with(name, value)), &body, "evil");
        assert!(!is_accepted(&token), "{name} with its own key");
    }
    for crit in [r#"["exp"]"#, r#"["b64"]"#, r#"["x"]"#, "[]", "\"exp\"", "7"] {
        assert!(
            !is_accepted(&sign(header_with("crit", crit), claims().to_string())),
            "crit {crit}"
        );
    }
    // A payload that isn't encoded (RFC 7797).
    let plain = format!("{}.{}", encoded(header_with("b64", "false")), claims());
    assert!(!is_accepted(&plain) && !is_accepted(&format!("{plain}.{}", encoded([0; 32]))));
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "hs256",
        "HS256 ",
        " HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "ES256",
        "ES384",
        "PS256",
        "PS384",
        "PS512",
        "EdDSA",
        "dir",
        "A256KW",
        "HS1",
        "SHA256",
        "HS256,none",
    ] {
        let header = json!({"alg": alg, "kid": kid()}).to_string();
        assert!(!is_accepted(&sign(header, claims().to_string())), "{alg}");
    }
    let kid = kid();
    for header in [
        format!(r#"{{"kid":"{kid}"}}"#),
        format!(r#"{{"alg":null,"kid":"{kid}"}}"#),
        format!(r#"{{"alg":256,"kid":"{kid}"}}"#),
        format!(r#"{{"alg":["HS256"],"kid":"{kid}"}}"#),
        format!(r#"{{"ALG":"HS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"HS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"HS256","alg":"none","kid":"{kid}"}}"#),
        format!(r#"[{{"alg":"HS256","kid":"{kid}"}}]"#),
        format!("\u{feff}{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}"),
        format!(r#"{{"alg":"HS256","kid":"{kid}"}}{{}}"#),
        format!(r#"{{"alg":"HS256","kid":"{kid}"}}x"#),
        format!(r#"{{"alg":"HS256","kid":"{kid}""#),
        String::new(),
        "null".to_owned(),
        "\"HS256\"".to_owned(),
    ] {
        assert!(!is_accepted(&sign(&header, claims().to_string())), "{header}");
    }
}

#[test]
fn the_key_has_the_id_in_the_header() {
    let first = Uuid::from_u128(1);
    let body = encoded(claims().to_string());
    let accepts = |kid: &str, secret: &str| {
        is_accepted(&sign_parts(
            &encoded(format!(r#"{{"alg":"HS256","kid":{kid}}}"#)),
            &body,
            secret,
        ))
    };
    let named = |id: &str| format!("\"{id}\"");
    let (one, two) = (named(&first.to_string()), named(&kid().to_string()));
    assert!(accepts(&two, SECRET) && accepts(&one, "first"));
    assert!(!accepts(&one, SECRET) && !accepts(&two, "first"), "the key of another kid");
    // An unknown key id stands for one of another organization, or a revoked one.
    for kid in [
        named(&Uuid::from_u128(3).to_string()),
        named(&Uuid::nil().to_string()),
        named(&kid().simple().to_string()),
        named(&format!("{} ", kid())),
        named(&format!("{{{}}}", kid())),
        named("../../dev/null"),
        named("' OR 1=1 --"),
        named(""),
        named("\\u0000"),
        "null".to_owned(),
        "2".to_owned(),
        format!("[{two}]"),
        format!("{two},\"kid\":{one}"),
    ] {
        for secret in [SECRET, "first", ""] {
            assert!(!accepts(&kid, secret), "{kid}");
        }
    }
    assert!(!is_accepted(&sign_parts(&encoded(r#"{"alg":"HS256"}"#), &body, SECRET)), "no kid");
}

#[test]
fn the_payload_is_one_object_of_json() {
    for body in [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"12345\"".to_owned(),
        format!("[{}]", claims()),
        format!("\u{feff}{}", claims()),
        format!("{}\u{0}", claims()),
        format!("{}{{}}", claims()),
        format!("{},", claims()),
        claims().to_string().replace('"', "'"),
        "[".repeat(100_000),
        format!("{{\"a\":{}", "[".repeat(100_000)),
    ] {
        let token = sign(header(), &body);
        assert!(!is_accepted(&token), "{}", &body[..body.len().min(80)]);
    }
    let wide: Vec<u8> = claims().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!is_accepted(&sign(header(), wide)), "UTF-16");
    let mut broken = claims().to_string().into_bytes();
    let at = broken.windows(3).position(|three| three == b"Ann").unwrap();
    broken[at] = 0xff;
    assert!(!is_accepted(&sign(header(), broken)), "no UTF-8");
}

#[test]
fn each_claim_is_checked_for_type_and_range() {
    let at = |seconds: i64| (AT + seconds).to_string();
    let texts = |ok: bool, texts: &[&str]| -> Vec<_> {
        texts.iter().map(|text| ((*text).to_owned(), ok)).collect()
    };
    let wrong_types = [
        "null",
        "true",
        "\"\"",
        "\"soon\"",
        "[]",
        "{}",
        "[1800000000]",
        "{\"at\":1800000000}",
        "\"1800000000\"",
        "\"1800000600\"",
    ];
    let mut exp = texts(false, &wrong_types);
    exp.extend(texts(false, &["0", "-0", "-1", "-1800000600", "1e300", "-1e300", "1e-300"]));
    exp.extend(texts(
        false,
        &["9223372036854775807", "18446744073709551615", "-9223372036854775808"],
    ));
    exp.extend(texts(false, &["99999999999999999999999999", "1800000600000", "1800000960.0"]));
    exp.extend(texts(true, &["1800000600.5", "1.8000006e9", "1800000900", "1799999940.5"]));
    exp.extend([
        (at(-60), false),
        (at(-59), true),
        (at(900), true),
        (at(930), true),
        (at(931), false),
        (at(960), false),
        (at(3600), false),
    ]);
    let mut begins = texts(false, &wrong_types);
    begins.extend(texts(false, &["1e300", "9223372036854775807", "1800000060.5", "1800000000000"]));
    begins.extend(texts(true, &["0", "-1", "1800000000.5", "1.8e9"]));
    begins.extend([(at(60), true), (at(61), false), (at(-86_400), true)]);
    let mut sub = texts(false, &["null", "12345", "12345.0", "true", "[\"12345\"]", "{}", "\"\""]);
    sub.extend(texts(false, &["\"1234\"", "\"123456\"", "\"12345 \"", "\" 12345\"", "\"012345\""]));
    sub.extend(texts(false, &["\"12345\\u0000\"", "\"１２３４５\"", "\"other\"", "\"*\""]));
    sub.extend(texts(true, &["\"12345\"", "\"\\u0031\\u0032345\""]));
    let mut aud = texts(false, &["null", "7", "true", "{}", "[]", "\"\"", "{\"demo\":\"demo\"}"]);
    aud.extend(texts(false, &["\"Demo\"", "\"demo \"", "\"demo.example\"", "\"https://demo\""]));
    aud.extend(texts(false, &["[\"other\"]", "[[\"demo\"]]", "[null]", "[7]", "\"*\"", "[\"*\"]"]));
    aud.extend(texts(true, &["\"demo\"", "[\"demo\"]", "[\"other\",\"demo\"]", "[7,\"demo\"]"]));
    for (name, table) in
        [("exp", exp), ("nbf", begins.clone()), ("iat", begins), ("sub", sub), ("aud", aud)]
    {
        for (value, valid) in table {
            assert_eq!(is_accepted(&sign(header(), with(name, &value))), valid, "{name}: {value}");
        }
    }
    for (name, needed) in [("sub", true), ("aud", true), ("exp", true), ("iat", false)] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(is_accepted(&sign(header(), claims.to_string())), !needed, "without {name}");
    }
}

/// RFC 7519, section 4, lets an implementation choose. This one rejects them.
#[test]
fn a_duplicate_claim_is_rejected() {
    for (name, valid, invalid) in [
        ("sub", "\"12345\"", "\"other\""),
        ("aud", "\"demo\"", "\"other\""),
        ("exp", "1800000600", "1700000000"),
    ] {
        for [first, second] in [[valid, invalid], [invalid, valid], [valid, valid]] {
            let claims = with(name, second);
            let twice = format!("{{\"{name}\":{first},{}", &claims[1..]);
            assert!(!is_accepted(&sign(header(), &twice)), "{twice}");
        }
    }
}
