//! Schemas of values without a Rust type of their own, and of those that no call answers.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, KnownFormat, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, SchemaFormat,
        Type,
    },
};

use crate::json::{MessageOfConversation, Read, Typing};

/// A time.
pub(crate) enum Time {}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
            .description(Some("RFC 3339 in UTC, microseconds at most."))
            .into()
    }
}

impl ToSchema for Time {}

/// A custom attribute's value.
pub(crate) enum Attribute {}

impl PartialSchema for Attribute {
    fn schema() -> RefOr<Schema> {
        let one = |kind| ObjectBuilder::new().schema_type(kind);
        OneOfBuilder::new()
            .item(one(Type::String).max_length(Some(1024)))
            .item(one(Type::Number))
            .item(one(Type::Boolean))
            .description(Some("Text of up to 1,024 bytes, a number, or true or false."))
            .into()
    }
}

impl ToSchema for Attribute {}

/// A custom attribute's new value.
pub(crate) enum AttributeChange {}

impl PartialSchema for AttributeChange {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name(Attribute::name()))
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .description(Some("The value; null removes it."))
            .into()
    }
}

impl ToSchema for AttributeChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Attribute::name().into_owned(), Attribute::schema()));
    }
}

/// The data of events. To OpenAPI a stream is text, so no response refers to them.
pub(super) fn add_events(components: &mut Components) {
    let mut schemas = Vec::new();
    MessageOfConversation::schemas(&mut schemas);
    Read::schemas(&mut schemas);
    Typing::schemas(&mut schemas);
    schemas.push((MessageOfConversation::name().into_owned(), MessageOfConversation::schema()));
    schemas.push((Read::name().into_owned(), Read::schema()));
    schemas.push((Typing::name().into_owned(), Typing::schema()));
    components.schemas.extend(schemas);
}
