//! The `user` object of an init. An invalid identity or proof is an error, an invalid field of the
//! profile is ignored with a warning.

use onethread_errors::{Error, Result, entry_path};
use serde_json::{Map, Value};

use super::{
    attributes, fields,
    profile::{Change, ProfilePatch, Warning},
};
use crate::session::domain::proof::{PresentedProof, SecurityHash, UserId};

/// The `user` object as received: each member absent, null or a value.
#[derive(Clone, Default)]
pub(crate) struct UserClaims {
    pub(crate) user_id: Option<Value>,
    pub(crate) email: Option<Value>,
    pub(crate) name: Option<Value>,
    pub(crate) phone: Option<Value>,
    pub(crate) company: Option<Value>,
    pub(crate) security_hash: Option<Value>,
    pub(crate) user_hash: Option<Value>,
    pub(crate) user_jwt: Option<Value>,
    pub(crate) custom_data: Option<Value>,
}

/// The proofs that came with a user id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proofs {
    pub(crate) security_hash: Option<SecurityHash>,
    pub(crate) user_hash: Option<PresentedProof>,
    pub(crate) user_jwt: Option<PresentedProof>,
}

/// The `user` object, validated.
#[derive(Debug, Clone)]
pub(crate) struct UserDetails {
    pub(crate) user_id: Option<UserId>,
    pub(crate) proofs: Proofs,
    pub(crate) profile: ProfilePatch,
    pub(crate) warnings: Vec<Warning>,
}

impl UserDetails {
    /// Validates a `user` object.
    ///
    /// # Errors
    ///
    /// When the user id or a proof is invalid.
    pub(crate) fn parse(user: &UserClaims) -> Result<Self> {
        let (profile, mut warnings) = read_profile(user);
        let user_id = match &user.user_id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(value) => {
                Some(read_user_id(value).map_err(|detail| Error::invalid("user.user_id", detail))?)
            }
        };
        let has_user_id = user_id.is_some();
        let proofs = Proofs {
            security_hash: read_proof(
                "security_hash",
                user.security_hash.as_ref(),
                SecurityHash::parse,
                has_user_id,
                &mut warnings,
            )?,
            user_hash: read_proof(
                "user_hash",
                user.user_hash.as_ref(),
                PresentedProof::hash,
                has_user_id,
                &mut warnings,
            )?,
            user_jwt: read_proof(
                "user_jwt",
                user.user_jwt.as_ref(),
                PresentedProof::jwt,
                has_user_id,
                &mut warnings,
            )?,
        };
        Ok(Self { user_id, proofs, profile, warnings })
    }
}

/// Reads a user id: a text, or a whole number of at most 15 digits, which is the same user as its
/// decimal text.
fn read_user_id(value: &Value) -> Result<UserId, &'static str> {
    const LIMIT: f64 = 1e15;
    match value {
        Value::String(text) => UserId::parse(text),
        Value::Number(number) => match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && whole.abs() < LIMIT => {
                UserId::parse(&format!("{whole:.0}"))
            }
            _ => Err("is neither a string nor a whole number of at most 15 digits"),
        },
        _ => Err("is not a string"),
    }
}

/// Reads a proof. An invalid one is an error with a user id, and a warning without.
fn read_proof<T>(
    name: &str,
    value: Option<&Value>,
    parse: fn(&str) -> Result<Option<T>, &'static str>,
    has_user_id: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<T>> {
    let read = match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => parse(text),
        Some(_) => Err("is not a string"),
    };
    match read {
        Ok(None) => Ok(None),
        _ if !has_user_id => {
            warnings.push(warning(name, "means nothing without a user_id"));
            Ok(None)
        }
        Ok(proof) => Ok(proof),
        Err(detail) => Err(Error::invalid(format!("user.{name}"), detail)),
    }
}

/// Reads the profile. Invalid fields become warnings.
pub(crate) fn read_profile(user: &UserClaims) -> (ProfilePatch, Vec<Warning>) {
    let mut warnings = Vec::new();
    let mut read = |name, value: &Option<Value>, check: fields::Check| {
        fields::change(value.as_ref(), check).unwrap_or_else(|detail| {
            warnings.push(warning(name, detail));
            Change::Keep
        })
    };
    let profile = ProfilePatch {
        name: read("name", &user.name, fields::name),
        email: read("email", &user.email, fields::email),
        phone: read("phone", &user.phone, fields::phone),
        company: read("company", &user.company, fields::name),
        ..ProfilePatch::default()
    };
    let (clear_custom, custom) = match &user.custom_data {
        None => (false, Map::new()),
        Some(Value::Null) => (true, Map::new()),
        Some(Value::Object(members)) => {
            let (valid, invalid) = attributes::partition(members);
            warnings.extend(invalid.into_iter().map(|(key, detail)| Warning {
                field: entry_path("user.custom_data", &key),
                detail: detail.to_owned(),
            }));
            (false, valid)
        }
        Some(_) => {
            warnings.push(warning("custom_data", "is not an object"));
            (false, Map::new())
        }
    };
    (ProfilePatch { clear_custom, custom, ..profile }, warnings)
}

fn warning(name: &str, detail: &str) -> Warning {
    Warning { field: format!("user.{name}"), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn claims(user: Value) -> UserClaims {
        let get = |name: &str| user.get(name).cloned();
        UserClaims {
            user_id: get("user_id"),
            email: get("email"),
            name: get("name"),
            phone: get("phone"),
            company: get("company"),
            security_hash: get("security_hash"),
            user_hash: get("user_hash"),
            user_jwt: get("user_jwt"),
            custom_data: get("custom_data"),
        }
    }

    #[test]
    fn a_page_of_a_logged_out_user_has_no_user_id() {
        for user in [json!({}), json!({"user_id": null}), json!({"user_id": ""})] {
            assert!(UserDetails::parse(&claims(user)).unwrap().user_id.is_none());
        }
    }

    #[test]
    fn an_accidental_user_id_is_an_error_at_its_path() {
        let long = "x".repeat(256);
        for bad in [
            json!(1.5),
            json!(1_000_000_000_000_000_u64),
            json!(0),
            json!(true),
            json!(["1"]),
            json!({"id": 1}),
            json!("null"),
            json!("undefined"),
            json!("NaN"),
            json!("[object Object]"),
            json!(" None "),
            json!("FALSE"),
            json!("{{user.id}}"),
            json!("<%= id %>"),
            json!("${id}"),
            json!("a\u{7}b"),
            json!(long),
        ] {
            let error = UserDetails::parse(&claims(json!({"user_id": bad}))).unwrap_err();
            assert_eq!(error.fields[0].path, "user.user_id");
        }
        assert!(
            UserDetails::parse(&claims(json!({"user_id": "x".repeat(255)})))
                .unwrap()
                .user_id
                .is_some()
        );
    }

    #[test]
    fn a_whole_number_is_the_user_of_its_decimal_text() {
        for (number, text) in [
            (json!(42), "42"),
            (json!(42.0), "42"),
            (json!(999_999_999_999_999_u64), "999999999999999"),
        ] {
            let details = UserDetails::parse(&claims(json!({"user_id": number}))).unwrap();
            assert_eq!(details.user_id.unwrap().as_str(), text);
        }
    }

    #[test]
    fn an_invalid_proof_is_an_error_with_a_user_id_and_a_warning_without() {
        for name in ["security_hash", "user_hash", "user_jwt"] {
            let path = format!("user.{name}");
            let long = json!("x".repeat(200_001));
            for bad in [json!(1), json!(["a"]), json!({}), json!(true), long] {
                let error =
                    UserDetails::parse(&claims(json!({"user_id": "1", name: bad}))).unwrap_err();
                assert_eq!(error.fields[0].path, path);
                let without = UserDetails::parse(&claims(json!({name: bad}))).unwrap();
                assert_eq!(without.warnings[0].field, path);
            }
            for none in [json!(null), json!("")] {
                let proofs = UserDetails::parse(&claims(json!({"user_id": "1", name: none})))
                    .unwrap()
                    .proofs;
                assert!(proofs.security_hash.is_none());
                assert!(proofs.user_hash.is_none() && proofs.user_jwt.is_none());
            }
        }
        for name in ["security_hash", "user_hash"] {
            let long = claims(json!({"user_id": "1", name: "x".repeat(1025)}));
            assert_eq!(
                UserDetails::parse(&long).unwrap_err().fields[0].path,
                format!("user.{name}")
            );
        }
    }

    #[test]
    fn invalid_fields_are_warnings_and_valid_ones_are_applied() {
        let details = UserDetails::parse(&claims(json!({
            "user_id": "1", "email": "no-at-sign", "name": "Ann", "phone": 5, "company": null,
            "custom_data": {"plan": "pro", "a/b": 1, "deep": {}},
        })))
        .unwrap();
        let paths: Vec<_> = details.warnings.iter().map(|w| w.field.as_str()).collect();
        assert_eq!(
            paths,
            [
                "user.email",
                "user.phone",
                r#"user.custom_data["a/b"]"#,
                r#"user.custom_data["deep"]"#
            ]
        );
        assert_eq!(details.profile.name, Change::Set("Ann".to_owned()));
        assert_eq!(details.profile.company, Change::Clear);
        assert_eq!(details.profile.custom["plan"], "pro");
    }

    proptest! {
        #[test]
        fn no_text_panics(id in ".*", email in ".*", phone in ".*") {
            let _ = UserDetails::parse(&claims(json!({"user_id": id, "email": email, "phone": phone})));
        }
    }
}
