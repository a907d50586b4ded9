//! What a page says of its user, read once: what must be right is refused when it isn't, what may
//! be wrong is left out with a warning.

use onethread_errors::{Error, Result};
use serde_json::{Map, Value};

use crate::domain::{
    attributes, fields,
    profile::{Change, ProfilePatch, Warning},
    proof::{SaidProof, SecurityHash, UserId},
};

/// The `user` object as it came: absent, null or some value, member by member.
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

/// Whatever proofs came with a user id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proofs {
    pub(crate) security_hash: Option<SecurityHash>,
    pub(crate) user_hash: Option<SaidProof>,
    pub(crate) user_jwt: Option<SaidProof>,
}

/// What a page said of its user, understood.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) user_id: Option<UserId>,
    pub(crate) proofs: Proofs,
    pub(crate) profile: ProfilePatch,
    pub(crate) warnings: Vec<Warning>,
}

impl Said {
    /// Reads a `user` object. Fails where the identity itself is at fault.
    pub(crate) fn read(user: &UserClaims) -> Result<Self> {
        let (profile, mut warnings) = read_profile(user);
        let user_id = match &user.user_id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(
                UserId::parse(text).map_err(|detail| Error::invalid("/user/user_id", detail))?,
            ),
            Some(_) => return Err(Error::invalid("/user/user_id", "is not a string")),
        };
        let named = user_id.is_some();
        let proofs = Proofs {
            security_hash: read_proof(
                "security_hash",
                user.security_hash.as_ref(),
                SecurityHash::parse,
                named,
                &mut warnings,
            )?,
            user_hash: read_proof(
                "user_hash",
                user.user_hash.as_ref(),
                SaidProof::hash,
                named,
                &mut warnings,
            )?,
            user_jwt: read_proof(
                "user_jwt",
                user.user_jwt.as_ref(),
                SaidProof::jwt,
                named,
                &mut warnings,
            )?,
        };
        Ok(Self { user_id, proofs, profile, warnings })
    }
}

/// A proof: one that is none of its kind is refused where somebody is named, else only told.
fn read_proof<T>(
    name: &str,
    value: Option<&Value>,
    parse: fn(&str) -> Result<Option<T>, &'static str>,
    named: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<T>> {
    let read = match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => parse(text),
        Some(_) => Err("is not a string"),
    };
    match read {
        Ok(None) => Ok(None),
        _ if !named => {
            warnings.push(warning(name, "means nothing without a user_id"));
            Ok(None)
        }
        Ok(proof) => Ok(proof),
        Err(detail) => Err(Error::invalid(format!("/user/{name}"), detail)),
    }
}

/// Reads the profile alone. Nothing of it can fail the call.
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
            let (good, bad) = attributes::sort_out(members);
            warnings.extend(bad.into_iter().map(|(key, detail)| Warning {
                pointer: format!("/user/custom_data/{}", attributes::escape(&key)),
                detail: detail.to_owned(),
            }));
            (false, good)
        }
        Some(_) => {
            warnings.push(warning("custom_data", "is not an object"));
            (false, Map::new())
        }
    };
    (ProfilePatch { clear_custom, custom, ..profile }, warnings)
}

fn warning(name: &str, detail: &str) -> Warning {
    Warning { pointer: format!("/user/{name}"), detail: detail.to_owned() }
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
    fn a_page_of_a_logged_out_person_names_nobody() {
        for nobody in [json!({}), json!({"user_id": null}), json!({"user_id": ""})] {
            assert!(Said::read(&claims(nobody)).unwrap().user_id.is_none());
        }
    }

    #[test]
    fn an_accident_in_the_user_id_is_refused_by_name() {
        let long = "x".repeat(256);
        for bad in [
            json!(12345),
            json!(true),
            json!(["1"]),
            json!({"id": 1}),
            json!("null"),
            json!("undefined"),
            json!("NaN"),
            json!("[object Object]"),
            json!("a\u{7}b"),
            json!(long),
        ] {
            let error = Said::read(&claims(json!({"user_id": bad}))).unwrap_err();
            assert_eq!(error.fields[0].pointer, "/user/user_id");
        }
        assert!(
            Said::read(&claims(json!({"user_id": "x".repeat(255)}))).unwrap().user_id.is_some()
        );
    }

    #[test]
    fn a_proof_of_a_wrong_kind_is_refused_with_a_user_and_only_told_without() {
        for name in ["security_hash", "user_hash", "user_jwt"] {
            let pointer = format!("/user/{name}");
            let long = json!("x".repeat(200_001));
            for bad in [json!(1), json!(["a"]), json!({}), json!(true), long] {
                let error = Said::read(&claims(json!({"user_id": "1", name: bad}))).unwrap_err();
                assert_eq!(error.fields[0].pointer, pointer);
                let without = Said::read(&claims(json!({name: bad}))).unwrap();
                assert_eq!(without.warnings[0].pointer, pointer);
            }
            for none in [json!(null), json!("")] {
                let proofs =
                    Said::read(&claims(json!({"user_id": "1", name: none}))).unwrap().proofs;
                assert!(proofs.security_hash.is_none());
                assert!(proofs.user_hash.is_none() && proofs.user_jwt.is_none());
            }
        }
        for name in ["security_hash", "user_hash"] {
            let long = claims(json!({"user_id": "1", name: "x".repeat(1025)}));
            assert_eq!(Said::read(&long).unwrap_err().fields[0].pointer, format!("/user/{name}"));
        }
    }

    #[test]
    fn bad_fields_are_told_and_good_ones_taken() {
        let said = Said::read(&claims(json!({
            "user_id": "1", "email": "no-at-sign", "name": "Ann", "phone": 5, "company": null,
            "custom_data": {"plan": "pro", "a b": 1, "deep": {}},
        })))
        .unwrap();
        let told: Vec<_> = said.warnings.iter().map(|w| w.pointer.as_str()).collect();
        assert_eq!(
            told,
            ["/user/email", "/user/phone", "/user/custom_data/a b", "/user/custom_data/deep"]
        );
        assert_eq!(said.profile.name, Change::Set("Ann".to_owned()));
        assert_eq!(said.profile.company, Change::Clear);
        assert_eq!(said.profile.custom["plan"], "pro");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(id in ".*", email in ".*", phone in ".*") {
            let _ = Said::read(&claims(json!({"user_id": id, "email": email, "phone": phone})));
        }
    }
}
