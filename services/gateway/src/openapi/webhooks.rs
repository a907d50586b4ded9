//! What webhooks are sent, as the document has it.

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
secret. Compare in constant time, over the body as it came, and refuse a `t` too long ago.";
const ABOUT: &str = "\
Answer with 2xx within 10 s; anything else is tried again with growing pauses for a day. A delivery \
may come twice and out of order: its id stays the same.";

pub(super) fn paths() -> Paths {
    let contact = ContactNotice::name();
    let events = [
        ("contact.created", contact.clone(), "Somebody entered Contacts."),
        (
            "contact.updated",
            contact.clone(),
            "A contact's profile, attributes or tags changed, or they were blocked.",
        ),
        ("contact.joined", contact, "A visitor became this contact, or two were joined by hand."),
        ("message.created", MessageNotice::name(), "A contact, agent or server wrote a text."),
        ("conversation.closed", ConversationNotice::name(), "A conversation was closed."),
    ];
    let paths = events.into_iter().fold(PathsBuilder::new(), |paths, (event, notice, said)| {
        let text = utoipa::openapi::Object::builder().schema_type(utoipa::openapi::Type::String);
        let header = parameter("Onethread-Signature", ParameterIn::Header, SIGNATURE, text);
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(notice))).build();
        let answer = ResponseBuilder::new().description("Taken.").build();
        let operation = OperationBuilder::new()
            .summary(Some(said))
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
