//! A visitor's first row: from the pre-chat form, or with a message where there is no form.

use onethread_errors::{Error, Field, Reason, Result, entry_path};
use serde_json::{Map, Value};

use super::authenticate::session_ended;
use crate::{
    app::App,
    contact::domain::{
        attributes,
        contact::{Contact, Context, Source},
        fields,
        profile::{Change, ProfilePatch},
        user_details::{UserClaims, read_profile},
    },
    domain::tokens::{SessionToken, VisitorToken},
    organization::domain::application::PreChatForm,
    session::domain::session::Session,
};

impl App {
    /// Stores the pre-chat form.
    ///
    /// # Errors
    ///
    /// `SessionEnded`, `NotAVisitor`, and each invalid field.
    pub(crate) async fn submit_form(
        &self,
        token: &str,
        answers: Map<String, Value>,
        user: UserClaims,
        context: Context,
    ) -> Result<Session> {
        let token = self.visitor_token(token)?;
        self.active_visitor(&token).await?;
        let organization = token.device.organization_id;
        let application = self.session_application(organization, token.application_id).await?;
        let form = read_form(&application.form, &answers).map_err(Error::invalid_fields)?;
        let (profile, mut warnings) = read_profile(&user);
        let now = self.clock.now();
        let id = token.device.visitor_id;
        let mut new = Contact::new(organization, id, Source::Visitor, now);
        warnings.extend(new.apply(&profile));
        let visitor = self
            .change_visitor(&token, |visitor| {
                visitor.apply(&profile);
                visitor.apply(&form);
                visitor.form_at.get_or_insert(now);
                visitor.list_if_complete();
                visitor.act(&context, now);
            })
            .await?;
        let mut session = self.visitor_session(&application, token.device, visitor, true, now);
        session.warnings = warnings;
        Ok(session)
    }

    /// Stores the row of a visitor that is about to write.
    ///
    /// # Errors
    ///
    /// `SessionEnded` and `NotAVisitor`.
    pub(crate) async fn admit(
        &self,
        token: &str,
        user: UserClaims,
        context: Context,
    ) -> Result<Contact> {
        let token = self.visitor_token(token)?;
        self.active_visitor(&token).await?;
        let (profile, _) = read_profile(&user);
        let now = self.clock.now();
        self.change_visitor(&token, |visitor| {
            visitor.apply(&profile);
            visitor.act(&context, now);
        })
        .await
    }

    fn visitor_token(&self, token: &str) -> Result<VisitorToken> {
        match self.keys.read_session(token, self.clock.now()) {
            Some(SessionToken::Visitor(token)) => Ok(token),
            Some(SessionToken::Contact(_)) => Err(Error::new(Reason::NotAVisitor)),
            None => Err(session_ended()),
        }
    }
}

/// Reads the answers of a form. Unlike in an init, each invalid value is an error.
fn read_form(
    form: &PreChatForm,
    answers: &Map<String, Value>,
) -> std::result::Result<ProfilePatch, Vec<Field>> {
    let mut errors = Vec::new();
    let mut patch = ProfilePatch::default();
    let path = |name: &str| entry_path("fields", name);
    let mut read = |name: &str, check: fields::Check| {
        fields::change(answers.get(name), check).unwrap_or_else(|detail| {
            errors.push(Field::new(path(name), detail));
            Change::Keep
        })
    };
    patch.name = read("name", fields::name);
    patch.email = read("email", fields::email);
    patch.phone = read("phone", fields::phone);
    patch.company = read("company", fields::name);
    for field in &form.fields {
        let answer = answers.get(&field.name).filter(|answer| !is_blank(answer));
        match answer {
            None if field.required => {
                errors.push(Field::new(path(&field.name), "is required"));
            }
            Some(answer) => {
                let attribute = field.attribute();
                let one = attribute.map(|key| (key.to_owned(), answer.clone()));
                let (valid, invalid) = attributes::partition(&one.into_iter().collect());
                patch.custom.extend(valid);
                let invalid = invalid.into_iter();
                errors.extend(invalid.map(|(_, detail)| Field::new(path(&field.name), detail)));
            }
            None => {}
        }
    }
    if errors.is_empty() { Ok(patch) } else { Err(errors) }
}

fn is_blank(answer: &Value) -> bool {
    answer.is_null() || answer.as_str().is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_invalid_field_is_an_error() {
        let answers = json!({"name": "  ", "email": "nowhere", "phone": 7});
        let errors = read_form(&PreChatForm::default(), answers.as_object().unwrap()).unwrap_err();
        let paths: Vec<_> = errors.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, [r#"fields["email"]"#, r#"fields["phone"]"#, r#"fields["name"]"#]);
    }

    #[test]
    fn a_valid_form_is_read_without_fields_that_it_does_not_have() {
        let answers = json!({"name": "Ann", "email": "ann@example.com", "shoe": 42});
        let patch = read_form(&PreChatForm::default(), answers.as_object().unwrap()).unwrap();
        assert_eq!(patch.name, Change::Set("Ann".into()));
        assert!(patch.custom.is_empty());
    }
}
