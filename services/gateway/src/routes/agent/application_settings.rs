//! Settings of an application as owners send them.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use onethread_proto::identity;
use prost_types::{FieldMask, Struct, value::Kind};
use serde_json::Value as Member;
use utoipa::ToSchema;

use crate::{
    extract::{Faults, Given, NonEmpty, by_rule, flattened},
    json::{ApplicationNumber, field_type_to_wire, value_to_wire},
};

/// Levels of a look: deeper values would not reach the widget.
const MAX_LOOK_LEVELS: usize = 8;

/// An application to create: with the number and secret that it had elsewhere, or new ones.
#[derive(Debug, ToSchema)]
pub(super) struct NewApplication {
    #[serde(flatten)]
    credentials: ApplicationCredentials,
    #[serde(flatten)]
    settings: ApplicationChange,
}

/// The number and secret of an application. Only a new one can take them over.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct ApplicationCredentials {
    #[deserr(default)]
    #[schema(value_type = Option<ApplicationNumber>)]
    application_id: Option<PositiveNumber>,
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    application_secret: Option<NonEmpty>,
}

/// Settings of an application. Absent members stay as they are.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct ApplicationChange {
    /// By default the organization's domain.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    name: Option<NonEmpty>,
    /// `scheme://host[:port]` of the pages that may start it; none or null for all.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    origins: Given<Origins>,
    #[deserr(default)]
    pre_chat: Option<PreChatChange>,
    /// What the widget's script knows of its look: an object of up to 16 KiB, eight levels deep;
    /// null empties it.
    #[deserr(default)]
    #[schema(value_type = Option<Object>)]
    look: Given<Look>,
}

/// The pre-chat form. Absent members stay as they are.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
struct PreChatChange {
    #[deserr(default)]
    #[schema(value_type = Option<bool>)]
    enabled: Given<bool>,
    #[deserr(default)]
    #[schema(value_type = Option<Vec<PreChatFieldChange>>, max_items = 20)]
    fields: Given<Vec<PreChatFieldChange>>,
}

/// A field of the form.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
struct PreChatFieldChange {
    /// `name`, `email`, `phone`, `company`, or `custom.<key>` for a custom attribute.
    name: String,
    /// The text beside it, with a default by name.
    #[deserr(default)]
    label: Option<String>,
    /// `text`, `email` or `tel`, with a default by name.
    #[deserr(default)]
    r#type: Option<String>,
    /// By default false.
    #[deserr(default)]
    required: Option<bool>,
}

/// Origins; null for none.
#[derive(Debug)]
struct Origins(Vec<String>);

impl Deserr<Faults> for Origins {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not a list of strings", |value| match value {
            Member::Null => Some(Self(Vec::new())),
            Member::Array(items) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map(Self)
            }
            _ => None,
        })
    }
}

/// A look; null for an empty one.
#[derive(Debug)]
struct Look(Struct);

impl Deserr<Faults> for Look {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let value = Member::deserialize_from_value(value, location)?;
        if levels(&value) > MAX_LOOK_LEVELS {
            return Err(Faults::one(location, "is over eight levels deep"));
        }
        match value_to_wire(&value).kind {
            Some(Kind::StructValue(members)) => Ok(Self(members)),
            Some(Kind::NullValue(_)) => Ok(Self(Struct::default())),
            _ => Err(Faults::one(location, "is not an object")),
        }
    }
}

fn levels(value: &Member) -> usize {
    match value {
        Member::Array(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Member::Object(members) => 1 + members.values().map(levels).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The number of an application that is taken over.
#[derive(Debug)]
struct PositiveNumber(i64);

impl Deserr<Faults> for PositiveNumber {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let ApplicationNumber(number) = ApplicationNumber::deserialize_from_value(value, location)?;
        if number > 0 { Ok(Self(number)) } else { Err(Faults::one(location, "is below 1")) }
    }
}

flattened!(NewApplication { credentials, settings });

impl NewApplication {
    /// For the wire, with the mask of the given settings.
    pub(super) fn into_wire(self) -> (identity::Application, FieldMask) {
        let ApplicationCredentials { application_id, application_secret } = self.credentials;
        let (settings, mask) = self.settings.into_wire();
        let application = identity::Application {
            number: application_id.map(|number| number.0).unwrap_or_default(),
            secret: application_secret.map(|secret| secret.0).unwrap_or_default(),
            ..settings
        };
        (application, mask)
    }
}

impl ApplicationChange {
    fn into_wire(self) -> (identity::Application, FieldMask) {
        let form = self.pre_chat.as_ref();
        let given = [
            ("name", self.name.is_some()),
            ("origins", self.origins.0.is_some()),
            ("look", self.look.0.is_some()),
            ("pre_chat.enabled", form.is_some_and(|form| form.enabled.0.is_some())),
            ("pre_chat.fields", form.is_some_and(|form| form.fields.0.is_some())),
        ];
        let paths = given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.to_owned());
        let application = identity::Application {
            name: self.name.map(|name| name.0).unwrap_or_default(),
            origins: self.origins.0.map(|origins| origins.0).unwrap_or_default(),
            look: self.look.0.map(|look| look.0),
            pre_chat: self.pre_chat.map(PreChatChange::into),
            ..identity::Application::default()
        };
        (application, FieldMask { paths: paths.collect() })
    }
}

impl From<PreChatChange> for identity::PreChatForm {
    fn from(form: PreChatChange) -> Self {
        let fields = form.fields.0.unwrap_or_default().into_iter();
        let fields = fields.map(|field| identity::PreChatField {
            name: field.name,
            label: field.label.unwrap_or_default(),
            r#type: field_type_to_wire(&field.r#type.unwrap_or_default()),
            required: field.required.unwrap_or_default(),
        });
        // A new application has the usual value of the member that isn't given.
        Self { enabled: form.enabled.0.unwrap_or(true), fields: fields.collect() }
    }
}

#[cfg(test)]
mod tests {
    use onethread_errors::Error;
    use serde_json::json;

    use super::*;

    fn read(sent: Member) -> Result<(identity::Application, FieldMask), Error> {
        let read: Result<NewApplication, Faults> = deserr::deserialize(sent);
        Ok(read?.into_wire())
    }

    #[test]
    fn the_mask_has_only_given_settings() {
        let (_, mask) = read(json!({"preChat": {"enabled": false}, "other": 1})).unwrap();
        assert_eq!(mask.paths, ["pre_chat.enabled"]);
        let (application, mask) = read(json!({"look": null, "origins": null})).unwrap();
        assert_eq!(mask.paths, ["origins", "look"]);
        assert!(application.look.unwrap().fields.is_empty());
    }

    #[test]
    fn every_member_at_fault_is_named() {
        let mut deep = json!({});
        (0..8).for_each(|_| deep = json!({ "a": deep }));
        let field = json!({"name": "a", "required": "yes"});
        for (sent, pointers) in [
            (json!({"origins": "https://a.example"}), &["/origins"][..]),
            (json!({"look": []}), &["/look"]),
            (json!({ "look": deep }), &["/look"]),
            (json!({"preChat": {"enabled": "no"}}), &["/preChat/enabled"]),
            (json!({"preChat": {"enabled": null}}), &["/preChat/enabled"]),
            (json!({"preChat": {"fields": [1]}}), &["/preChat/fields/0"]),
            (json!({"preChat": {"fields": [field]}}), &["/preChat/fields/0/required"]),
            (
                json!({"applicationId": 0, "applicationSecret": "", "name": 1}),
                &["/applicationId", "/applicationSecret", "/name"],
            ),
        ] {
            let faults = read(sent.clone()).unwrap_err().fields;
            let named: Vec<_> = faults.iter().map(|field| field.path.as_str()).collect();
            assert_eq!(named, pointers, "{sent}");
        }
    }
}
