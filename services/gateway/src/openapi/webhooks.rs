//! Webhooks in the document.

use utoipa::{
    ToSchema,
    openapi::{
        Components, ContentBuilder, HttpMethod, PathItem, Paths, PathsBuilder, Ref,
        ResponseBuilder, ResponsesBuilder,
        path::{OperationBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
    },
};

use super::parameter;
use crate::json::{ContactNotice, ConversationNotice, MessageNotice};

const SIGNATURE: &str = "\
`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>`, keyed by the UTF-8 bytes of the webhook's \
secret. Compare in constant time, over the body as it was received, and reject an old `t`.";
const ABOUT: &str = "\
Answer with 2xx within 10 s; anything else is retried with growing intervals for a day. A delivery \
may arrive twice and out of order: its id stays the same.";

pub(super) fn paths() -> Paths {
    let contact = ContactNotice::name();
    let events = [
        ("contact.created", contact.clone(), "A contact entered Contacts."),
        (
            "contact.updated",
            contact.clone(),
            "A contact's profile, attributes or tags changed, or the contact was blocked.",
        ),
        (
            "contact.joined",
            contact,
            "A visitor was merged into this contact, or two contacts were merged by hand.",
        ),
        ("message.created", MessageNotice::name(), "A contact, agent or server sent a text."),
        ("conversation.closed", ConversationNotice::name(), "A conversation was closed."),
    ];
    let paths = events.into_iter().fold(PathsBuilder::new(), |paths, (event, notice, summary)| {
        let text = utoipa::openapi::Object::builder().schema_type(utoipa::openapi::Type::String);
        let header = parameter("Onethread-Signature", ParameterIn::Header, SIGNATURE, text);
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(notice))).build();
        let answer = ResponseBuilder::new().description("The delivery is accepted.").build();
        let operation = OperationBuilder::new()
            .summary(Some(summary))
            .description(Some(ABOUT))
            .parameter(header)
            .request_body(Some(RequestBodyBuilder::new().content("application/json", body).build()))
            .responses(ResponsesBuilder::new().response("2XX", answer).build())
            .build();
        paths.path(event, PathItem::new(HttpMethod::Post, operation))
    });
    paths.build()
}

pub(super) fn add_schemas(components: &mut Components) {
    add::<ContactNotice>(components);
    add::<MessageNotice>(components);
    add::<ConversationNotice>(components);
}

fn add<T: ToSchema>(components: &mut Components) {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    components.schemas.extend(schemas);
}
