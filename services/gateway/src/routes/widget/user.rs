//! What a page or an app says about its user and about where the widget runs: in `init`, with the
//! pre-chat form, with a first message and in changes of the profile.

use deserr::{Deserr, IntoValue, ValuePointerRef};
use http::{HeaderMap, header};
use onethread_errors::Result;
use onethread_proto::identity::{self, PageContext, UserClaims};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

use crate::{
    extract::{Faults, Lenient, Member, flattened},
    json::{Warning, attributes_to_wire, platform_to_wire, to_wire},
    openapi::AttributeChange,
};

/// The user as the snippet spells it. Absent members stay as they are, null clears. A bad member
/// of the profile is left as it was and comes back in `warnings`.
#[derive(Debug, ToSchema)]
pub(super) struct User {
    #[serde(flatten)]
    identification: Identification,
    #[serde(flatten)]
    profile: Profile,
}

/// Who the user is, and the proof of it.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
struct Identification {
    /// The organization's own id of the person: up to 255 bytes, compared byte for byte.
    #[deserr(default)]
    #[schema(value_type = Option<UserIdValue>)]
    user_id: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 1024)]
    security_hash: Member,
    /// HMAC-SHA256 of `user_id` in lower-case hex.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    user_hash: Member,
    /// HelpCrunch's name of `user_hash`, used where that one is absent.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    signature: Member,
    /// HS256 token, its key named by `kid`.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    user_jwt: Member,
}

/// Describes a user id: a text, or a whole number of at most 15 digits, which is the same user as
/// its decimal text.
struct UserIdValue;

impl PartialSchema for UserIdValue {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(255));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(999_999_999_999_999_i64));
        OneOfBuilder::new().item(text).item(number).into()
    }
}

impl ToSchema for UserIdValue {}

/// What visitors and contacts say about themselves. Absent members stay as they are, null clears.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct Profile {
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    email: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    name: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    phone: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    company: Member,
    /// Up to 100 attributes; a null removes one. Names: 1 to 64 letters, digits, blanks, `_`,
    /// `.` and `-`.
    #[deserr(default)]
    #[schema(value_type = Option<BTreeMap<String, AttributeChange>>)]
    custom_data: Member,
}

flattened!(User { identification, profile });

impl User {
    /// Reads a `user` that is needed only sometimes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if it isn't an object.
    pub(super) fn from_member(member: Member) -> Result<Option<Self>> {
        let user = ValuePointerRef::Origin;
        let read = Option::<Self>::deserialize_from_value(
            member.0.unwrap_or_default().into_value(),
            user.push_key("user"),
        );
        read.map_err(Faults::into)
    }
}

impl User {
    /// For identity, with warnings about what is stored differently.
    pub(super) fn into_claims(self) -> (UserClaims, Vec<Warning>) {
        let Identification { user_id, security_hash, user_hash, signature, user_jwt } =
            self.identification;
        let user_hash = Member(user_hash.0.or(signature.0));
        let (profile, warnings) = self.profile.into_claims("/user/custom_data");
        let claims = UserClaims {
            user_id: to_wire(user_id),
            security_hash: to_wire(security_hash),
            user_hash: to_wire(user_hash),
            user_jwt: to_wire(user_jwt),
            ..profile
        };
        (claims, warnings)
    }
}

impl Profile {
    /// For identity, with warnings about what is stored differently: pointers begin with the one of
    /// the attributes.
    pub(super) fn into_claims(self, attributes: &str) -> (UserClaims, Vec<Warning>) {
        let Self { email, name, phone, company, custom_data } = self;
        let (custom_data, warnings) = attributes_to_wire(custom_data, attributes);
        let claims = UserClaims {
            email: to_wire(email),
            name: to_wire(name),
            phone: to_wire(phone),
            company: to_wire(company),
            custom_data,
            ..UserClaims::default()
        };
        (claims, warnings)
    }
}

/// The page that shows the widget.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(as = VisitedPage)]
pub(super) struct Page {
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    url: Lenient<String>,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    title: Lenient<String>,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    referrer: Lenient<String>,
}

impl From<Page> for identity::WebPage {
    fn from(page: Page) -> Self {
        Self {
            url: page.url.0.unwrap_or_default(),
            title: page.title.0.unwrap_or_default(),
            referrer: page.referrer.0.unwrap_or_default(),
        }
    }
}

/// Where the widget runs. Agents see it and nothing depends on it, so a value that can't be used
/// is left out instead of keeping the chat from opening.
pub(super) struct Environment {
    pub(super) platform: Lenient<String>,
    pub(super) locale: Lenient<String>,
    pub(super) time_zone: Lenient<String>,
    pub(super) page: Lenient<Page>,
}

impl Environment {
    /// For identity, with the browser as the headers name it.
    pub(super) fn into_context(self, headers: &HeaderMap) -> PageContext {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        PageContext {
            page: self.page.0.map(Page::into),
            platform: platform_to_wire(&self.platform.0.unwrap_or_default()),
            locale: self.locale.0.unwrap_or_default(),
            time_zone: self.time_zone.0.unwrap_or_default(),
            user_agent: user_agent.unwrap_or_default().to_owned(),
        }
    }
}
