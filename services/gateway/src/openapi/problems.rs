//! The problems that a call may be answered with. Each extractor has its reasons, each handler names
//! its extractors and its own reasons, and the document lists them by status.

use std::{collections::BTreeMap, marker::PhantomData};

use onethread_errors::Reason;
use utoipa::{
    IntoResponses, PartialSchema, ToSchema,
    openapi::{
        AllOfBuilder, Components, Content, ContentBuilder, Header, HeaderBuilder, Object,
        ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
    },
};

use crate::json::Session;

/// A part of a handler that may reject calls.
pub(crate) trait Rejects {
    /// The reasons for which it does.
    fn reasons() -> Vec<Reason>;
}

/// The reasons of all members of the tuple, as responses.
pub(crate) struct Problems<T>(PhantomData<T>);

macro_rules! rejects_in_tuples {
    ($($one:ident)+) => {
        impl<$($one: Rejects),+> Rejects for ($($one,)+) {
            fn reasons() -> Vec<Reason> {
                [$($one::reasons()),+].concat()
            }
        }
    };
}

rejects_in_tuples!(A);
rejects_in_tuples!(A B);
rejects_in_tuples!(A B C);
rejects_in_tuples!(A B C D);
rejects_in_tuples!(A B C D E);
rejects_in_tuples!(A B C D E F);

/// Single reasons, for a handler's own.
pub(crate) mod reasons {
    use super::{Reason, Rejects};

    macro_rules! single_reasons {
        ($($name:ident)+) => {
            $(
                pub(crate) enum $name {}

                impl Rejects for $name {
                    fn reasons() -> Vec<Reason> {
                        vec![Reason::$name]
                    }
                }
            )+
        };
    }

    single_reasons! {
        AgentExists ApplicationExists Blocked ClaimExists DeadlineExceeded IdempotencyKeyReused
        IdentityRefused ImportState InvalidArgument InvitationRefused LastOwner LoginRefused
        MessageIdReused NoUserId NotAVisitor OrganizationExists OriginRefused PreChatRequired
        RateLimited TooLarge TooManyAddresses TooManyKeys TooManyWebhooks TwoUserIds Unavailable
        UnknownApplication
        UnsupportedMediaType
    }
}

impl<T: Rejects> IntoResponses for Problems<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, Vec<Reason>> = BTreeMap::new();
        for reason in T::reasons() {
            let same = by_status.entry(reason.http()).or_default();
            // A service that may be unavailable may also have a full disk.
            let all =
                [Some(reason), Some(Reason::StorageFull).filter(|_| reason == Reason::Unavailable)];
            for reason in all.into_iter().flatten() {
                if !same.contains(&reason) {
                    same.push(reason);
                }
            }
        }
        let responses = by_status.into_iter();
        let response = |(status, reasons): (u16, Vec<Reason>)| {
            (status.to_string(), response(status, &reasons).into())
        };
        responses.map(response).collect()
    }
}

fn response(status: u16, reasons: &[Reason]) -> Response {
    let titles: Vec<_> = reasons.iter().map(|reason| format!("{}.", reason.title())).collect();
    let mut response = ResponseBuilder::new()
        .description(titles.join(" "))
        .content("application/problem+json", content(status, reasons));
    if matches!(status, 429 | 503) {
        response = response.header("Retry-After", retry_after());
    }
    response.build()
}

fn content(status: u16, reasons: &[Reason]) -> Content {
    let types = reasons.iter().map(|reason| format!("/problems/{}", reason.slug()));
    let mut own = ObjectBuilder::new()
        .property("type", text().enum_values(Some(types)))
        .property("status", whole_number().enum_values(Some([status])));
    if reasons.contains(&Reason::IdentityRefused) {
        own = own.property("cleanSession", Ref::from_schema_name(Session::name()));
        // Other reasons have no clean session.
        if reasons.len() == 1 {
            own = own.required("cleanSession");
        }
    }
    let problem = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(own);
    ContentBuilder::new().schema(Some(Schema::from(problem))).build()
}

fn retry_after() -> Header {
    HeaderBuilder::new()
        .schema(Some(whole_number().minimum(Some(1))))
        .description(Some("Seconds to wait before the next attempt."))
        .build()
}

/// The schema of problems.
pub(super) fn add_schemas(components: &mut Components) {
    let types = Reason::ALL.iter().map(|reason| format!("/problems/{}", reason.slug()));
    let field = ObjectBuilder::new()
        .property("pointer", text().description(Some("JSON pointer into the request.")))
        .required("pointer")
        .property("detail", text())
        .required("detail");
    let errors = utoipa::openapi::ArrayBuilder::new()
        .items(field)
        .description(Some("The fields at fault; empty if no field is."));
    let members: [(&str, Schema); 6] = [
        ("type", text().enum_values(Some(types)).into()),
        ("title", text().into()),
        ("status", whole_number().minimum(Some(400)).maximum(Some(599)).into()),
        ("detail", text().into()),
        ("errors", errors.into()),
        ("traceId", text().description(Some("Names the call in logs and traces.")).into()),
    ];
    let mut problem = ObjectBuilder::new().description(Some("A failure (RFC 9457)."));
    for (name, schema) in members {
        problem = problem.property(name, schema).required(name);
    }
    components.schemas.insert("Problem".to_owned(), Schema::from(problem).into());
    let mut sessions = vec![(Session::name().into_owned(), Session::schema())];
    Session::schemas(&mut sessions);
    components.schemas.extend(sessions);
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn whole_number() -> ObjectBuilder {
    Object::builder().schema_type(Type::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_one_status_are_listed_together_and_once() {
        use reasons::{Blocked, PreChatRequired, RateLimited};
        type All = Problems<(Blocked, (PreChatRequired, Blocked), RateLimited)>;
        let answers = All::responses();
        assert_eq!(answers.keys().collect::<Vec<_>>(), ["403", "429"]);
        let response = serde_json::to_value(&answers["403"]).unwrap();
        let types = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
        let types = &types["properties"]["type"]["enum"];
        assert_eq!(*types, serde_json::json!(["/problems/blocked", "/problems/pre-chat-required"]));
    }
}
