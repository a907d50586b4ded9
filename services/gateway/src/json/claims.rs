//! What a page says in `init`, with a form, with a message, or of its user's profile.

use std::collections::HashMap;

use http::{HeaderMap, header};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{
    ApplicationSecret, IdentifyRequest, Page, PageContext, UserClaims,
    identify_request::Application,
};
use prost_types::Value as Wire;
use serde_json::{Map, Value};

use super::value::to_wire;
use crate::extract::Body;

/// The body of `POST /widget/v1/init`.
pub(crate) fn init(body: &Body, headers: &HeaderMap) -> Result<IdentifyRequest> {
    Ok(IdentifyRequest {
        organization: body.text("organization")?,
        application: Some(application(body)?),
        user: body.object("user")?.map(claims),
        device_token: body.optional_text("deviceToken")?.unwrap_or_default(),
        context: Some(page_context(body, headers)),
        ..IdentifyRequest::default()
    })
}

fn application(body: &Body) -> Result<Application> {
    if let Some(app_id) = body.optional_text("appId")? {
        return Ok(Application::AppId(app_id));
    }
    let missing = || Error::invalid("/applicationId", "is missing");
    Ok(Application::Secret(ApplicationSecret {
        application_id: application_number(body)?.ok_or_else(missing)?,
        application_secret: body.text("applicationSecret")?,
    }))
}

/// An application's number, or its digits.
pub(super) fn application_number(body: &Body) -> Result<Option<i64>> {
    let number = match body.0.get("applicationId") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(_) => None,
    };
    number.map(Some).ok_or_else(|| Error::invalid("/applicationId", "is not a whole number"))
}

/// A user as the snippet spells it. The values go on untouched: identity judges them.
pub(crate) fn claims(user: &Map<String, Value>) -> UserClaims {
    let member = |name: &str| user.get(name).map(to_wire);
    UserClaims {
        user_id: member("user_id"),
        email: member("email"),
        name: member("name"),
        phone: member("phone"),
        company: member("company"),
        security_hash: member("security_hash"),
        user_hash: member("user_hash"),
        user_jwt: member("user_jwt"),
        custom_data: member("custom_data"),
    }
}

/// The fields of a form, untouched.
pub(crate) fn fields(fields: &Map<String, Value>) -> HashMap<String, Wire> {
    fields.iter().map(|(name, value)| (name.clone(), to_wire(value))).collect()
}

/// Where the call comes from. It is only shown to agents, so what is odd in it is left out rather
/// than keeping a chat from opening.
pub(crate) fn page_context(body: &Body, headers: &HeaderMap) -> PageContext {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let page = body.0.get("page").and_then(Value::as_object);
    PageContext {
        page: page.map(|page| Page {
            url: text(page, "url"),
            title: text(page, "title"),
            referrer: text(page, "referrer"),
        }),
        platform: text(&body.0, "platform"),
        locale: text(&body.0, "locale"),
        time_zone: text(&body.0, "timeZone"),
        user_agent: user_agent.unwrap_or_default().to_owned(),
    }
}

fn text(members: &Map<String, Value>, name: &str) -> String {
    members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use prost_types::value::Kind;
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> Body {
        let Value::Object(members) = value else { panic!("an object") };
        Body(members)
    }

    fn pointer(value: Value) -> String {
        init(&body(value), &HeaderMap::new()).unwrap_err().fields[0].pointer.clone()
    }

    #[test]
    fn absent_null_and_given_stay_apart() {
        let sent = json!({"organization": "demo", "applicationId": 1, "applicationSecret": "s",
            "user": {"user_id": 5, "email": null}});
        let user = init(&body(sent), &HeaderMap::new()).unwrap().user.unwrap();
        assert_eq!(user.user_id.unwrap().kind, Some(Kind::NumberValue(5.0)));
        assert_eq!(user.email.unwrap().kind, Some(Kind::NullValue(0)));
        assert!(user.name.is_none());
    }

    #[test]
    fn a_number_may_stand_in_quotes() {
        let sent = json!({"organization": "demo", "applicationId": "12", "applicationSecret": "s"});
        let Some(Application::Secret(secret)) =
            init(&body(sent), &HeaderMap::new()).unwrap().application
        else {
            panic!("by secret");
        };
        assert_eq!(secret.application_id, 12);
    }

    #[test]
    fn what_has_another_type_is_named() {
        assert_eq!(pointer(json!({"organization": 1})), "/organization");
        assert_eq!(pointer(json!({"organization": "d"})), "/applicationId");
        assert_eq!(pointer(json!({"organization": "d", "applicationId": 1.5})), "/applicationId");
        assert_eq!(pointer(json!({"organization": "d", "applicationId": 1})), "/applicationSecret");
        assert_eq!(pointer(json!({"organization": "d", "appId": 1})), "/appId");
        assert_eq!(pointer(json!({"organization": "d", "appId": "x", "user": "me"})), "/user");
    }
}
