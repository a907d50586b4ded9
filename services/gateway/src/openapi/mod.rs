//! The document at `/openapi.json` (OpenAPI 3.1). Each call is described at its handler; here is what
//! all calls share.

mod problems;
mod schemas;
mod webhooks;

use utoipa::openapi::{
    Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Required, Schema,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
    security::{
        ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
    },
};

pub(crate) use problems::{Problems, Rejects, reasons};
pub(crate) use schemas::{Attribute, AttributeChange, Time};

use crate::authentication::COOKIE;

/// The description of the document.
const DESCRIPTION: &str = "\
Times are RFC 3339 in UTC, unknown members of a body are ignored. A failure of any call is \
`application/problem+json` (RFC 9457): an unknown address is 404, a method that an address doesn't \
have 405, and a failure of the server 500.";

/// The document without calls.
pub(crate) fn document() -> OpenApi {
    let mut document = OpenApiBuilder::new().info(info()).build();
    let components = document.components.get_or_insert_default();
    let bearer = |description: &str| {
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
        SecurityScheme::Http(bearer.build())
    };
    let cookie = ApiKeyValue::with_description(
        COOKIE,
        "The cookie of a login; without `__Host-` on loopback. A call that changes something also needs this server's `Origin`.",
    );
    components.add_security_scheme("session", bearer("`session.token` of a widget."));
    components.add_security_scheme("login", bearer("`token` of an agent's login."));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("operator", bearer("Token of the server's operator."));
    components.add_security_scheme("apiKey", bearer("API key of a company's server."));
    problems::add_schemas(components);
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
        .description(Some(DESCRIPTION))
        .license(Some(license.build()))
        .build()
}

/// Lets each call without credentials of its own be called with any one of these.
pub(crate) fn secure(document: &mut OpenApi, schemes: &[&str]) {
    let accepted =
        schemes.iter().map(|scheme| SecurityRequirement::new::<_, _, String>(*scheme, []));
    let accepted: Vec<_> = accepted.collect();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.security.get_or_insert_with(|| accepted.clone());
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    [get, put, post, patch, delete].into_iter().flatten()
}

/// A parameter; required if it is in the path.
pub(crate) fn parameter(
    name: &str,
    place: ParameterIn,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
