//! Applications: what owners set, and the snippet for their pages.

use onethread_core::Timestamp;
use onethread_errors::{Error, Result};
use onethread_proto::identity::{self as wire};
use prost_types::{FieldMask, Struct, value::Kind};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    claims::application_number,
    session::PreChatField,
    time,
    value::{self, to_wire},
};
use crate::{extract::Body, openapi::Time};

/// Levels of a look: what lies deeper would not reach the widget.
const LEVELS: usize = 8;

/// An installed widget or app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Application {
    /// Its public id.
    #[schema(format = Uuid)]
    app_id: String,
    /// Its number, as the snippet has it.
    application_id: i64,
    /// The secret beside it, which stands in every page.
    application_secret: String,
    name: String,
    /// Whose pages may start it; none stands for all.
    origins: Vec<String>,
    pre_chat: PreChatForm,
    /// How the widget looks. It reads `color` (`#rrggbb`), `side` (`left` or `right`), `theme`
    /// (`light`, `dark` or `auto`, which is as the page around it), the texts `title` and
    /// `greeting`, and `replyTime` (`minutes`, `hours` or `day`); other members are kept.
    #[schema(value_type = Object)]
    look: Map<String, Value>,
    /// HTML to paste into each page, before the end of its body.
    snippet: String,
    /// Logins refused for want of proof, or that a policy which only reports would have refused,
    /// by the hour: those of the last seven days that had any, newest first.
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
    fn from(of: wire::RefusedHour) -> Self {
        Self { hour: time(of.hour), count: of.count }
    }
}

/// The form before the first message, as it is set.
#[derive(Debug, Serialize, ToSchema)]
struct PreChatForm {
    enabled: bool,
    fields: Vec<PreChatField>,
}

impl Application {
    /// From identity; `server` is where its pages find this server's script.
    pub(crate) fn new(application: wire::Application, server: &str) -> Self {
        let form = application.pre_chat.unwrap_or_default();
        let snippet = snippet(
            server,
            &application.organization,
            application.application_id,
            &application.application_secret,
        );
        Self {
            app_id: application.app_id,
            application_id: application.application_id,
            application_secret: application.application_secret,
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

/// A text as JavaScript within HTML has it.
fn quoted(text: &str) -> String {
    let text = Value::from(text).to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Reads what is said of an application, with the mask of what is.
pub(crate) fn application(body: &Body) -> Result<(wire::Application, FieldMask)> {
    let mut application = wire::Application::default();
    // What the services take for "not said" was said here.
    if let Some(number) = application_number(body)? {
        let wrong = || Error::invalid("/applicationId", "is below 1");
        application.application_id = Some(number).filter(|n| *n > 0).ok_or_else(wrong)?;
    }
    if let Some(secret) = body.optional_text("applicationSecret")? {
        let wrong = || Error::invalid("/applicationSecret", "is empty");
        application.application_secret =
            Some(secret).filter(|secret| !secret.is_empty()).ok_or_else(wrong)?;
    }
    let mut paths = Vec::new();
    let mut said = |path: &str| paths.push(path.to_owned());
    if let Some(name) = body.optional_text("name")? {
        let wrong = || Error::invalid("/name", "is empty");
        application.name = Some(name).filter(|name| !name.is_empty()).ok_or_else(wrong)?;
        said("name");
    }
    if let Some(origins) = body.0.get("origins") {
        application.origins = self::origins(origins)?;
        said("origins");
    }
    if let Some(look) = body.0.get("look") {
        application.look = Some(self::look(look)?);
        said("look");
    }
    if let Some(members) = body.object("preChat")? {
        // Where only one of both is said, a new one gets what is usual for the other.
        let mut form = wire::PreChatForm { enabled: true, fields: Vec::new() };
        if let Some(enabled) = members.get("enabled") {
            let truth = enabled.as_bool();
            let wrong = || Error::invalid("/preChat/enabled", "is not true or false");
            form.enabled = truth.ok_or_else(wrong)?;
            said("pre_chat.enabled");
        }
        if let Some(fields) = members.get("fields") {
            form.fields = self::fields(fields)?;
            said("pre_chat.fields");
        }
        application.pre_chat = Some(form);
    }
    Ok((application, FieldMask { paths }))
}

fn origins(said: &Value) -> Result<Vec<String>> {
    let wrong = || Error::invalid("/origins", "is not a list of strings");
    match said {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

fn look(said: &Value) -> Result<Struct> {
    if levels(said) > LEVELS {
        return Err(Error::invalid("/look", "is over eight levels deep"));
    }
    match to_wire(said).kind {
        Some(Kind::StructValue(members)) => Ok(members),
        Some(Kind::NullValue(_)) => Ok(Struct::default()),
        _ => Err(Error::invalid("/look", "is not an object")),
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or_default(),
        _ => 0,
    }
}

fn fields(said: &Value) -> Result<Vec<wire::PreChatField>> {
    let items = said.as_array();
    let items = items.ok_or_else(|| Error::invalid("/preChat/fields", "is not a list"))?;
    let field = |(at, item): (usize, &Value)| {
        let at = |member: &str| format!("/preChat/fields/{at}{member}");
        let members = item.as_object();
        let members = members.ok_or_else(|| Error::invalid(at(""), "is not an object"))?;
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::invalid(at(&format!("/{name}")), "is not a string")),
        };
        let required = match members.get("required") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(required)) => *required,
            Some(_) => return Err(Error::invalid(at("/required"), "is not true or false")),
        };
        Ok(wire::PreChatField {
            name: text("name")?.ok_or_else(|| Error::invalid(at("/name"), "is missing"))?,
            label: text("label")?.unwrap_or_default(),
            r#type: text("type")?.unwrap_or_default(),
            required,
        })
    };
    items.iter().enumerate().map(field).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(said: Value) -> Result<(wire::Application, FieldMask)> {
        let Value::Object(members) = said else { panic!("no object") };
        application(&Body(members))
    }

    #[test]
    fn what_is_not_said_is_not_in_the_mask() {
        let (_, mask) = read(json!({"preChat": {"enabled": false}, "other": 1})).unwrap();
        assert_eq!(mask.paths, ["pre_chat.enabled"]);
        let (application, mask) = read(json!({"look": null, "origins": null})).unwrap();
        assert_eq!(mask.paths, ["origins", "look"]);
        assert!(application.look.unwrap().fields.is_empty());
    }

    #[test]
    fn what_is_at_fault_is_named() {
        let pointer = |said| read(said).unwrap_err().fields[0].pointer.clone();
        assert_eq!(pointer(json!({"origins": "https://a.example"})), "/origins");
        assert_eq!(pointer(json!({"look": []})), "/look");
        let mut deep = json!({});
        (0..8).for_each(|_| deep = json!({ "a": deep }));
        assert_eq!(pointer(json!({ "look": deep })), "/look");
        assert_eq!(pointer(json!({"preChat": {"enabled": "no"}})), "/preChat/enabled");
        assert_eq!(pointer(json!({"preChat": {"fields": [1]}})), "/preChat/fields/0");
        let field = json!({"name": "a", "required": "yes"});
        let pointed = pointer(json!({"preChat": {"fields": [field]}}));
        assert_eq!(pointed, "/preChat/fields/0/required");
    }

    #[test]
    fn a_secret_does_not_break_out_of_the_snippet() {
        let html = snippet("https://chat.example", "shop.example", 7, "</script>'\"\\");
        assert!(html.contains(r#"'init', "shop.example", {"#), "{html}");
        assert!(html.contains(r#"applicationSecret: "\u003c/script\u003e'\"\\","#), "{html}");
        assert!(html.contains(r#"<script async src="https://chat.example/widget.js"></script>"#));
    }
}
