//! Applications: their settings, and the snippet for their pages.

use deserr::{Deserr, IntoValue, ValuePointerRef};
use onethread_core::Timestamp;
use onethread_proto::identity::{self as wire};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type},
};

use super::{session::PreChatField, time, value};
use crate::{
    extract::{Faults, by_rule},
    openapi::Time,
};

/// An installed widget or app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Application {
    /// Its public id.
    #[schema(format = Uuid)]
    app_id: String,
    /// Its number, as the snippet has it.
    application_id: i64,
    /// The secret beside it, which is public in every page.
    application_secret: String,
    name: String,
    /// Origins of the pages that may start it; none for all.
    origins: Vec<String>,
    pre_chat: PreChatForm,
    /// How the widget looks. It reads `color` (`#rrggbb`), `side` (`left` or `right`), `theme`
    /// (`light`, `dark` or `auto`, which is as the page around it), the texts `title` and
    /// `greeting`, and `replyTime` (`minutes`, `hours` or `day`); other members are kept.
    #[schema(value_type = Object)]
    look: Map<String, Value>,
    /// HTML to paste into each page, before the end of its body.
    snippet: String,
    /// Logins that were refused because of a missing or wrong proof, or that a report-only policy
    /// would have refused: the hours of the last seven days that had any, newest first.
    refused: Vec<RefusedHour>,
}

/// Refused logins of one hour.
#[derive(Debug, Serialize, ToSchema)]
struct RefusedHour {
    /// Its beginning.
    #[schema(required, value_type = Time)]
    hour: Option<Timestamp>,
    #[schema(minimum = 1)]
    count: i64,
}

impl From<wire::RefusedHour> for RefusedHour {
    fn from(refused: wire::RefusedHour) -> Self {
        Self { hour: time(refused.hour), count: refused.count }
    }
}

/// Settings of the pre-chat form.
#[derive(Debug, Serialize, ToSchema)]
struct PreChatForm {
    enabled: bool,
    fields: Vec<PreChatField>,
}

impl Application {
    /// From identity. `server` is the address from which pages load the script.
    pub(crate) fn new(application: wire::Application, server: &str) -> Self {
        let form = application.pre_chat.unwrap_or_default();
        let snippet = snippet(
            server,
            &application.organization_name,
            application.number,
            &application.secret,
        );
        Self {
            app_id: application.id,
            application_id: application.number,
            application_secret: application.secret,
            name: application.name,
            origins: application.origins,
            pre_chat: PreChatForm {
                enabled: form.enabled,
                fields: form.fields.into_iter().map(PreChatField::from).collect(),
            },
            look: value::object(application.look),
            snippet,
            refused: application.refused.into_iter().map(RefusedHour::from).collect(),
        }
    }
}

fn snippet(server: &str, organization: &str, number: i64, secret: &str) -> String {
    let (organization, secret) = (quoted(organization), quoted(secret));
    format!(
        "<script>
  window.HelpCrunch = function(){{ HelpCrunch.q.push(arguments) }}; HelpCrunch.q = [];
  HelpCrunch('init', {organization}, {{
    applicationId: {number},
    applicationSecret: {secret},
    user: {{
      // For people who are logged in: user_id, name, email, and what proves the user_id.
    }}
  }});
  HelpCrunch('showChatWidget');
</script>
<script async src=\"{server}/widget.js\"></script>
"
    )
}

/// A text as a JavaScript literal inside HTML.
fn quoted(text: &str) -> String {
    let text = Value::from(text).to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// An application's number, as JSON number or as digits.
#[derive(Debug)]
pub(crate) struct ApplicationNumber(pub(crate) i64);

impl Deserr<Faults> for ApplicationNumber {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        if matches!(value, deserr::Value::Null) {
            return Err(Faults::one(location, "is missing"));
        }
        by_rule(value, location, "is not a whole number", |value| {
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            number.map(Self)
        })
    }
}

impl PartialSchema for ApplicationNumber {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        let digits = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{1,18}$"));
        let about = "A number, or its digits.";
        OneOfBuilder::new().item(number).item(digits).description(Some(about)).into()
    }
}

impl ToSchema for ApplicationNumber {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_break_out_of_the_snippet() {
        let html = snippet("https://chat.example", "shop.example", 7, "</script>'\"\\");
        assert!(html.contains(r#"'init', "shop.example", {"#), "{html}");
        assert!(html.contains(r#"applicationSecret: "\u003c/script\u003e'\"\\","#), "{html}");
        assert!(html.contains(r#"<script async src="https://chat.example/widget.js"></script>"#));
    }
}
