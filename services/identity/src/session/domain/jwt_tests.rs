//! Tokens that prove nothing, as tables: what Wycheproof's vectors of JSON Web Signatures look at,
//! made for our own keys, and what is particular to `user_jwt`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use uuid::Uuid;

use super::{
    tests::{AT, NOW, claims, rules, user},
    *,
};

/// The secret of the key that headers name here.
const SECRET: &str = "second";
/// Letters of base64url by their values.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn kid() -> Uuid {
    Uuid::from_u128(2)
}

fn head() -> String {
    json!({"alg": "HS256", "kid": kid()}).to_string()
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Signs two parts as they are, whatever they are.
fn sealed(head: &str, body: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{head}.{body}").as_bytes());
    format!("{head}.{body}.{}", encoded(mac.finalize().into_bytes()))
}

/// Signs a header and claims.
fn signed(head: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> String {
    sealed(&encoded(head), &encoded(body), SECRET)
}

fn good() -> String {
    signed(head(), claims().to_string())
}

fn proves(token: &str) -> bool {
    let said = PresentedProof::jwt(token).unwrap();
    said.is_some_and(|said| read_jwt(&rules(), &user("12345"), &said, NOW).is_some())
}

/// The usual claims with one member as this JSON text says.
fn with(name: &str, json: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    let rest = claims.to_string();
    format!("{{\"{name}\":{json},{}", &rest[1..])
}

#[track_caller]
fn none_proves(table: &[(&str, String)]) {
    assert!(proves(&good()), "the good one");
    for (what, token) in table {
        assert!(!proves(token), "{what}: {token}");
    }
}

#[test]
fn a_token_is_three_parts_and_its_own_signature() {
    let good = good();
    let parts: Vec<_> = good.split('.').collect();
    let [head, body, mac] = parts[..] else { panic!("three parts") };
    let other_head = encoded(json!({"alg": "HS256", "kid": kid(), "x": 1}).to_string());
    let other_body = encoded(claims().to_string().replace("Ann", "Eve"));
    let other_mac = format!("{}{}", if mac.starts_with('A') { 'B' } else { 'A' }, &mac[1..]);
    let none = encoded(json!({"alg": "none", "kid": kid()}).to_string());
    let flat = json!({"protected": head, "payload": body, "signature": mac});
    let general = json!({"payload": body, "signatures": [{"protected": head, "signature": mac}]});
    let jwe = encoded(json!({"alg": "dir", "enc": "A256GCM", "kid": kid()}).to_string());
    none_proves(&[
        ("modified signature", format!("{head}.{body}.{other_mac}")),
        ("missing signature", format!("{head}.{body}.")),
        ("missing signature and separator", format!("{head}.{body}")),
        ("modified payload", format!("{head}.{other_body}.{mac}")),
        ("missing payload", format!("{head}..{mac}")),
        ("missing payload and separator", format!("{head}.{mac}")),
        ("modified header", format!("{other_head}.{body}.{mac}")),
        ("missing header", format!(".{body}.{mac}")),
        ("missing header and separator", format!("{body}.{mac}")),
        ("missing header and signature", format!(".{body}.")),
        ("the payload alone", body.to_owned()),
        ("nothing", String::new()),
        ("separators alone", "..".to_owned()),
        ("an empty component too many", format!("{good}.")),
        ("a component too many", format!("{good}.{mac}")),
        ("a component too many in front", format!("{head}.{good}")),
        ("none without a signature", format!("{none}.{body}.")),
        ("none with the signature of another", format!("{none}.{body}.{mac}")),
        (
            "none, signed",
            signed(json!({"alg": "none", "kid": kid()}).to_string(), claims().to_string()),
        ),
        ("flattened JSON", flat.to_string()),
        ("general JSON", general.to_string()),
        ("JSON in base64", encoded(flat.to_string())),
        ("the form of a JWE", format!("{jwe}..{}.{body}.{mac}", encoded([0; 12]))),
        ("a JWE's header", sealed(&jwe, body, SECRET)),
        ("a token in a token", signed(head_with("cty", "\"JWT\""), &good)),
        ("the scheme of a header in front", format!("Bearer {good}")),
        ("quotes", format!("\"{good}\"")),
    ]);
}

fn head_with(name: &str, value: &str) -> String {
    format!(r#"{{"alg":"HS256","kid":"{}","{name}":{value}}}"#, kid())
}

#[test]
fn base64_is_read_as_strictly_as_it_is_written() {
    let good = good();
    let parts: Vec<_> = good.split('.').collect();
    let [head, body, mac] = parts[..] else { panic!("three parts") };
    let put = |text: &str, at: usize, odd: &str| format!("{}{odd}{}", &text[..at], &text[at..]);
    // 32 bytes are 43 letters, of which the last one has two bits to spare.
    let last = LETTERS.iter().position(|letter| *letter == mac.as_bytes()[42]).unwrap();
    for spare in 1..4 {
        let odd = char::from(LETTERS[last + spare]);
        assert!(!proves(&format!("{head}.{body}.{}{odd}", &mac[..42])), "spare bits");
    }
    for odd in [" ", "\n", "\t", "\r\n", "=", "?", "+", "/", "*", "\u{0}", "\u{feff}", "é", "%41"]
    {
        for at in [0, 1, 20, 43] {
            let token = format!("{head}.{body}.{}", put(mac, at, odd));
            assert!(!proves(&token), "{odd:?} in the signature: {token}");
        }
        // The same in the other parts, though the signature is theirs.
        for at in [0, 4, 7] {
            let token = sealed(&put(head, at, odd), body, SECRET);
            assert!(!proves(&token), "{odd:?} in the header: {token}");
            let token = sealed(head, &put(body, at, odd), SECRET);
            assert!(!proves(&token), "{odd:?} in the payload: {token}");
        }
    }
    for (what, token) in [
        ("spaces around", format!(" {good} ")),
        ("a line's end", format!("{good}\n")),
        ("padding", format!("{good}=")),
        ("bytes behind the signature", format!("{good}AAAA")),
        ("zeros for a signature", format!("{head}.{body}.{}", encoded([0; 32]))),
        ("a short signature", format!("{head}.{body}.{}", &mac[..40])),
        ("hex instead", format!("{head}.{body}.{}", "ab".repeat(32))),
    ] {
        assert!(!proves(&token), "{what}: {token}");
    }
    // What JSON allows is allowed.
    let spaced = format!("{{ \"kid\" : \"{}\",\n\t\"alg\" : \"HS256\" }}", kid());
    assert!(proves(&signed(spaced, claims().to_string())));
}

#[test]
fn the_header_brings_neither_algorithm_nor_key() {
    let body = encoded(claims().to_string());
    let own = r#"{"kty":"oct","k":"ZXZpbA","kid":"evil"}"#;
    let url = r#""https://evil.example/keys""#;
    for (name, value) in
        [("jwk", own), ("jku", url), ("x5u", url), ("x5c", r#"["MIIB"]"#), ("x5t", "\"evil\"")]
    {
        let token = sealed(&encoded(head_with(name, value)), &body, "evil");
        assert!(!proves(&token), "{name} with its own key");
    }
    for crit in [r#"["exp"]"#, r#"["b64"]"#, r#"["x"]"#, "[]", "\"exp\"", "7"] {
        assert!(!proves(&signed(head_with("crit", crit), claims().to_string())), "crit {crit}");
    }
    // A payload that isn't encoded (RFC 7797).
    let plain = format!("{}.{}", encoded(head_with("b64", "false")), claims());
    assert!(!proves(&plain) && !proves(&format!("{plain}.{}", encoded([0; 32]))));
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
        let head = json!({"alg": alg, "kid": kid()}).to_string();
        assert!(!proves(&signed(head, claims().to_string())), "{alg}");
    }
    let kid = kid();
    for head in [
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
        assert!(!proves(&signed(&head, claims().to_string())), "{head}");
    }
}

#[test]
fn the_key_is_the_one_that_kid_names() {
    let first = Uuid::from_u128(1);
    let body = encoded(claims().to_string());
    let of = |kid: &str, secret: &str| {
        proves(&sealed(&encoded(format!(r#"{{"alg":"HS256","kid":{kid}}}"#)), &body, secret))
    };
    let named = |id: &str| format!("\"{id}\"");
    let (one, two) = (named(&first.to_string()), named(&kid().to_string()));
    assert!(of(&two, SECRET) && of(&one, "first"));
    assert!(!of(&one, SECRET) && !of(&two, "first"), "the key of another kid");
    // One that was never there is as one of another organization, or one that has ended.
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
            assert!(!of(&kid, secret), "{kid}");
        }
    }
    assert!(!proves(&sealed(&encoded(r#"{"alg":"HS256"}"#), &body, SECRET)), "no kid");
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
        let token = signed(head(), &body);
        assert!(!proves(&token), "{}", &body[..body.len().min(80)]);
    }
    let wide: Vec<u8> = claims().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!proves(&signed(head(), wide)), "UTF-16");
    let mut broken = claims().to_string().into_bytes();
    let at = broken.windows(3).position(|three| three == b"Ann").unwrap();
    broken[at] = 0xff;
    assert!(!proves(&signed(head(), broken)), "no UTF-8");
}

#[test]
fn each_claim_has_its_type_and_its_bounds() {
    let at = |seconds: i64| (AT + seconds).to_string();
    let texts = |ok: bool, texts: &[&str]| -> Vec<_> {
        texts.iter().map(|text| ((*text).to_owned(), ok)).collect()
    };
    let never = [
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
    let mut exp = texts(false, &never);
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
    let mut begun = texts(false, &never);
    begun.extend(texts(false, &["1e300", "9223372036854775807", "1800000060.5", "1800000000000"]));
    begun.extend(texts(true, &["0", "-1", "1800000000.5", "1.8e9"]));
    begun.extend([(at(60), true), (at(61), false), (at(-86_400), true)]);
    let mut sub = texts(false, &["null", "12345", "12345.0", "true", "[\"12345\"]", "{}", "\"\""]);
    sub.extend(texts(false, &["\"1234\"", "\"123456\"", "\"12345 \"", "\" 12345\"", "\"012345\""]));
    sub.extend(texts(false, &["\"12345\\u0000\"", "\"１２３４５\"", "\"other\"", "\"*\""]));
    sub.extend(texts(true, &["\"12345\"", "\"\\u0031\\u0032345\""]));
    let mut aud = texts(false, &["null", "7", "true", "{}", "[]", "\"\"", "{\"demo\":\"demo\"}"]);
    aud.extend(texts(false, &["\"Demo\"", "\"demo \"", "\"demo.example\"", "\"https://demo\""]));
    aud.extend(texts(false, &["[\"other\"]", "[[\"demo\"]]", "[null]", "[7]", "\"*\"", "[\"*\"]"]));
    aud.extend(texts(true, &["\"demo\"", "[\"demo\"]", "[\"other\",\"demo\"]", "[7,\"demo\"]"]));
    for (name, table) in
        [("exp", exp), ("nbf", begun.clone()), ("iat", begun), ("sub", sub), ("aud", aud)]
    {
        for (value, good) in table {
            assert_eq!(proves(&signed(head(), with(name, &value))), good, "{name}: {value}");
        }
    }
    for (name, needed) in [("sub", true), ("aud", true), ("exp", true), ("iat", false)] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(proves(&signed(head(), claims.to_string())), !needed, "without {name}");
    }
}

/// RFC 7519, section 4, lets a reader choose: this one refuses.
#[test]
fn a_claim_that_comes_twice_is_refused() {
    for (name, good, bad) in [
        ("sub", "\"12345\"", "\"other\""),
        ("aud", "\"demo\"", "\"other\""),
        ("exp", "1800000600", "1700000000"),
    ] {
        for [first, second] in [[good, bad], [bad, good], [good, good]] {
            let claims = with(name, second);
            let twice = format!("{{\"{name}\":{first},{}", &claims[1..]);
            assert!(!proves(&signed(head(), &twice)), "{twice}");
        }
    }
}
