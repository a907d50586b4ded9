//! The document at `/openapi.json` (OpenAPI 3.1). What it says of a call stands at the call's
//! handler; here is what holds for all of them.

mod refusals;
mod schemas;
mod webhooks;

use utoipa::openapi::{
    Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Required, Schema,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
    security::{
        ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
    },
};

pub(crate) use refusals::{Refusals, Refuses, reasons};
pub(crate) use schemas::{Attribute, AttributeChange, Time};

use crate::authentication::COOKIE;

/// What stands at the document's head.
const ABOUT: &str = "\
Times are RFC 3339 in UTC, unknown members of a body are ignored. A failure is \
`application/problem+json` (RFC 9457), whatever the call: an address that is none is 404, a method \
that an address doesn't take 405, and what breaks on the server 500.";

/// What stands in the document whatever the calls are.
pub(crate) fn beginning() -> OpenApi {
    let mut document = OpenApiBuilder::new().info(info()).build();
    let components = document.components.get_or_insert_default();
    let bearer = |said: &str| {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(said));
        SecurityScheme::Http(bearer.build())
    };
    let cookie = ApiKeyValue::with_description(
        COOKIE,
        "The cookie of a login. A call that changes something needs our own `Origin` as well.",
    );
    components.add_security_scheme("session", bearer("`session.token` of a widget."));
    components.add_security_scheme("login", bearer("`token` of an agent's login."));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("operator", bearer("Token of whoever runs the server."));
    components.add_security_scheme("apiKey", bearer("API key of a company's server."));
    refusals::add_schemas(components);
    schemas::add_events(components);
    webhooks::add_schemas(components);
    document.webhooks = Some(webhooks::paths());
    document
}

fn info() -> Info {
    let license =
        LicenseBuilder::new().name("Apache-2.0").identifier(Some(env!("CARGO_PKG_LICENSE")));
    InfoBuilder::new()
        .title("Onethread")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license.build()))
        .build()
}

/// Any one of these credentials does for every call that doesn't say otherwise itself.
pub(crate) fn secure(document: &mut OpenApi, schemes: &[&str]) {
    let needed = schemes.iter().map(|scheme| SecurityRequirement::new::<_, _, String>(*scheme, []));
    let needed: Vec<_> = needed.collect();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.security.get_or_insert_with(|| needed.clone());
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    [get, put, post, patch, delete].into_iter().flatten()
}

/// A parameter; those in the path have to be there.
pub(crate) fn parameter(
    name: &str,
    place: ParameterIn,
    said: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(said))
        .schema(Some(schema))
        .build()
}
