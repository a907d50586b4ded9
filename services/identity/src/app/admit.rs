//! A visitor's first row: with the pre-chat form, or with a message where there is no form.

use onethread_core::{ContactId, OrganizationId};
use onethread_errors::{Error, Field, Reason, Result};
use serde_json::{Map, Value};

use super::App;
use crate::domain::{
    application::PreChatForm,
    attributes,
    contact::{Contact, Context, Source},
    fields,
    profile::{Change, ProfilePatch},
    said::{UserClaims, read_profile},
    session::Session,
    tokens::{SessionToken, VisitorToken},
};

impl App {
    /// Stores the pre-chat form.
    pub(crate) async fn submit_form(
        &self,
        token: &str,
        answers: Map<String, Value>,
        user: UserClaims,
        context: Context,
    ) -> Result<Session> {
        let token = self.visitor_token(token)?;
        self.live_visitor(&token).await?;
        let of = token.device.organization_id;
        let application = self.store.application(of, token.application_id).await?;
        let application = application.ok_or_else(|| Error::new(Reason::SessionEnded))?;
        let form = read_form(&application.form, &answers).map_err(Error::invalid_fields)?;
        let (said, mut warnings) = read_profile(&user);
        let now = self.clock.now();
        let mut blank = self.blank(&token);
        warnings.extend(blank.apply(&said));
        let contact = self
            .change_visitor(&token, move |visitor| {
                visitor.apply(&said);
                visitor.apply(&form);
                visitor.form_at.get_or_insert(now);
                visitor.enter_if_complete();
                visitor.touch(&context, now);
            })
            .await?;
        let mut session = self.visitor_session(&application, token.device, contact, true, now);
        session.warnings = warnings;
        Ok(session)
    }

    /// Makes the row of a visitor who is about to write.
    pub(crate) async fn admit(
        &self,
        token: &str,
        user: UserClaims,
        context: Context,
    ) -> Result<Contact> {
        let token = self.visitor_token(token)?;
        self.live_visitor(&token).await?;
        let (said, _) = read_profile(&user);
        let now = self.clock.now();
        self.change_visitor(&token, move |visitor| {
            visitor.apply(&said);
            visitor.touch(&context, now);
        })
        .await
    }

    /// Notes that a message of the person's own is stored: of whoever they have become meanwhile.
    /// Somebody erased meanwhile stays so.
    pub(crate) async fn record_first_message(
        &self,
        of: OrganizationId,
        id: ContactId,
    ) -> Result<()> {
        let now = self.clock.now();
        let change = move |held: Option<Contact>| {
            let mut held = held?;
            held.wrote_at.get_or_insert(now);
            held.enter_if_complete();
            Some(held)
        };
        let noted = self.store.change_contact(of, id, now, change).await?;
        if noted.is_none()
            && let Some(into) = self.store.joined_into(of, id).await?
        {
            self.store.change_contact(of, into, now, change).await?;
        }
        Ok(())
    }

    fn visitor_token(&self, token: &str) -> Result<VisitorToken> {
        match self.keys.read_session(token, self.clock.now()) {
            Some(SessionToken::Visitor(token)) => Ok(token),
            Some(SessionToken::Contact(_)) => Err(Error::new(Reason::NotAVisitor)),
            None => Err(Error::new(Reason::SessionEnded)),
        }
    }

    fn blank(&self, token: &VisitorToken) -> Contact {
        let device = &token.device;
        Contact::new(device.organization_id, device.visitor_id, Source::Visitor, self.clock.now())
    }

    /// Changes a visitor's row, making it where it is missing.
    async fn change_visitor(
        &self,
        token: &VisitorToken,
        change: impl Fn(&mut Contact) + Clone + Send + Sync + 'static,
    ) -> Result<Contact> {
        let blank = self.blank(token);
        let change = move |held: Option<Contact>| {
            let mut visitor = held.unwrap_or_else(|| blank.clone());
            // Somebody who logged in this moment is nobody's visitor any more.
            if !visitor.is_visitor() {
                return None;
            }
            change(&mut visitor);
            Some(visitor)
        };
        let (of, now) = (token.device.organization_id, self.clock.now());
        let changed = self.store.change_visitor(of, token.device.visitor_id, now, change).await?;
        changed.ok_or_else(|| Error::new(Reason::SessionEnded))
    }
}

/// Reads a form's answers. Here, other than in an init, each bad value is the sender's to mend.
fn read_form(
    form: &PreChatForm,
    answers: &Map<String, Value>,
) -> std::result::Result<ProfilePatch, Vec<Field>> {
    let mut wrong = Vec::new();
    let mut patch = ProfilePatch::default();
    let pointer = |name: &str| format!("/fields/{}", attributes::escape(name));
    let mut read = |name: &str, check: fields::Check| {
        fields::change(answers.get(name), check).unwrap_or_else(|detail| {
            wrong.push(Field::new(pointer(name), detail));
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
                wrong.push(Field::new(pointer(&field.name), "is required"));
            }
            Some(answer) => {
                let attribute = field.attribute();
                let one = attribute.map(|key| (key.to_owned(), answer.clone()));
                let (good, bad) = attributes::sort_out(&one.into_iter().collect());
                patch.custom.extend(good);
                let bad = bad.into_iter();
                wrong.extend(bad.map(|(_, detail)| Field::new(pointer(&field.name), detail)));
            }
            None => {}
        }
    }
    if wrong.is_empty() { Ok(patch) } else { Err(wrong) }
}

fn is_blank(answer: &Value) -> bool {
    answer.is_null() || answer.as_str().is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_at_fault_is_named() {
        let answers = json!({"name": "  ", "email": "nowhere", "phone": 7});
        let wrong = read_form(&PreChatForm::default(), answers.as_object().unwrap()).unwrap_err();
        let named: Vec<_> = wrong.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(named, ["/fields/email", "/fields/phone", "/fields/name"]);
    }

    #[test]
    fn a_good_form_is_taken_and_what_it_does_not_ask_for_is_left_out() {
        let answers = json!({"name": "Ann", "email": "ann@example.com", "shoe": 42});
        let patch = read_form(&PreChatForm::default(), answers.as_object().unwrap()).unwrap();
        assert_eq!(patch.name, Change::Set("Ann".into()));
        assert!(patch.custom.is_empty());
    }
}
