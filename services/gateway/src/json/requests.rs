//! Bodies of calls, as the document describes them. They are read by hand (`claims`, and the
//! handlers): every member at fault is named, and what identity judges goes on untouched.

#![expect(dead_code, reason = "the document alone is made from these")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

use crate::openapi::AttributeChange;

/// A widget begins: by the application's public UUID, or by its number with the secret.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Start {
    ByAppId(StartByAppId),
    BySecret(StartBySecret),
}

/// What apps send.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct StartByAppId {
    /// The application's public UUID.
    app_id: String,
    #[serde(flatten)]
    common: StartOfAnybody,
}

/// What the snippet sends.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct StartBySecret {
    application_id: Number,
    application_secret: String,
    #[serde(flatten)]
    common: StartOfAnybody,
}

/// What each start says or may say.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct StartOfAnybody {
    /// The organization's domain.
    organization: String,
    user: Option<User>,
    /// `session.deviceToken` of an earlier answer.
    device_token: Option<String>,
    /// `web`, `ios` or `android`.
    platform: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    page: Option<Page>,
}

/// A number, or its digits.
#[derive(ToSchema)]
#[serde(untagged)]
enum Number {
    Plain(i64),
    Quoted(Digits),
}

#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{1,18}$")]
struct Digits(String);

/// Where the widget stands.
#[derive(ToSchema)]
struct Page {
    url: Option<String>,
    title: Option<String>,
    referrer: Option<String>,
}

/// The user as the snippet spells it. Absent members stay as they are, null clears. A bad one
/// of the profile is left as it was and comes back in `warnings`.
#[derive(ToSchema)]
struct User {
    /// The organization's own id of the person: up to 255 bytes, compared byte for byte.
    #[schema(max_length = 255)]
    user_id: Option<String>,
    #[schema(max_length = 1024)]
    security_hash: Option<String>,
    /// HMAC-SHA256 of `user_id` in lower-case hex.
    user_hash: Option<String>,
    /// HS256 token, its key named by `kid`.
    user_jwt: Option<String>,
    #[serde(flatten)]
    profile: Profile,
}

/// What people say of themselves. Absent members stay as they are, null clears.
#[derive(ToSchema)]
pub(crate) struct Profile {
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    /// Up to 100 attributes; a null removes one. Names: 1 to 64 of `A-Z a-z 0-9 _ . -`.
    custom_data: Option<BTreeMap<String, AttributeChange>>,
}

/// Something that the person did.
#[derive(ToSchema)]
pub(crate) struct NewEvent {
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Up to 4,096 bytes of JSON.
    #[schema(value_type = Option<Object>)]
    data: Option<BTreeMap<String, String>>,
}

/// A person, as agents and servers tell it. Absent members stay as they are, null clears.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ContactFields {
    /// The organization's own id of the person: up to 255 bytes, compared byte for byte.
    #[schema(max_length = 255)]
    user_id: Option<String>,
    #[serde(flatten)]
    patch: ContactPatch,
}

/// Changes of a person. Absent members stay as they are, null clears.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ContactPatch {
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    /// Up to 100 attributes; a null removes one. Names: 1 to 64 of `A-Z a-z 0-9 _ . -`.
    custom_data: Option<BTreeMap<String, AttributeChange>>,
    /// Instead of those before; up to 100.
    tags: Option<Vec<String>>,
    /// Nothing that a blocked person sends is taken.
    blocked: Option<bool>,
}

/// Who is looked for: whom all that is given fits.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ContactSearch {
    /// Beginnings of words of name, e-mail, phone, company and user id.
    #[schema(max_length = 256)]
    q: Option<String>,
    #[schema(max_items = 20)]
    filter: Option<Vec<ContactFilter>>,
    /// Those who are not in Contacts as well.
    include_visitors: Option<bool>,
    #[schema(pattern = "^-?(name|createdAt|lastSeenAt)$")]
    sort: Option<String>,
    #[schema(minimum = 1)]
    limit: Option<i64>,
    cursor: Option<String>,
}

/// One condition.
#[derive(ToSchema)]
struct ContactFilter {
    /// `userId`, `email`, `name`, `phone`, `company`, `source`, `tags`, `lastSeenAt`, `createdAt`
    /// or `custom.<key>`.
    field: String,
    /// `~` is contains, in any case.
    #[schema(pattern = "^(=|!=|~|<|>)$")]
    operator: String,
    /// A text, a number, true or false, an ISO date or time; null asks whether there is a value.
    value: Option<AttributeChange>,
}

/// The form before the first message.
#[derive(ToSchema)]
pub(crate) struct Form {
    /// Values by the names of the form's fields.
    fields: BTreeMap<String, AttributeChange>,
    user: Option<User>,
    page: Option<Page>,
}

/// A message of a person.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewMessage {
    /// Chosen by the sender: sent again with the same text, it is stored once.
    #[schema(format = Uuid)]
    client_message_id: String,
    #[schema(min_length = 1, max_length = 20000)]
    text: String,
    /// Read with a visitor's first message alone.
    user: Option<User>,
    /// Read with a visitor's first message alone.
    page: Option<Page>,
}

/// A message of an agent or a server.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewAgentMessage {
    /// Chosen by the sender: sent again with the same text, it is stored once.
    #[schema(format = Uuid)]
    client_message_id: String,
    #[schema(min_length = 1, max_length = 20000)]
    text: String,
    kind: Option<AgentMessageKind>,
}

/// A text for the person, or a note for agents alone.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "text")]
enum AgentMessageKind {
    Text,
    Note,
}

/// Everything up to here is read.
#[derive(ToSchema)]
pub(crate) struct ReadMark {
    #[schema(minimum = 0, maximum = 9007199254740991i64)]
    seq: i64,
}

/// Whether the caller types. Say it again every few seconds: it ends by itself after 6.
#[derive(ToSchema)]
pub(crate) struct Types {
    typing: bool,
}

/// Where a conversation stands with the agents. Absent members stay as they are.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Update {
    #[schema(nullable = false)]
    status: Option<NewStatus>,
    /// An agent of the organization; null takes it from whoever has it.
    #[schema(format = Uuid)]
    assignee_id: Option<String>,
}

/// Open, or done until the next message.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum NewStatus {
    Open,
    Closed,
}

/// An agent's e-mail and password.
#[derive(ToSchema)]
pub(crate) struct Credentials {
    /// The organization's domain.
    organization: String,
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// An organization to be made, and its first agent, who owns it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewOrganization {
    /// The domain that names it, in lower case.
    #[schema(max_length = 253)]
    organization: String,
    #[schema(max_length = 254)]
    agent_email: String,
    #[schema(format = Password, min_length = 8, max_length = 1024)]
    agent_password: String,
}

/// A teammate to be invited.
#[derive(ToSchema)]
pub(crate) struct NewAgent {
    #[schema(max_length = 254)]
    email: String,
    /// What stands before the @ where it is left out.
    #[schema(max_length = 255)]
    name: Option<String>,
    /// `owner` or `agent`, which it is where it is left out.
    role: Option<String>,
}

/// Settings of a teammate. Absent members stay as they are.
#[derive(ToSchema)]
pub(crate) struct AgentUpdate {
    #[schema(max_length = 255)]
    name: Option<String>,
    /// `owner` or `agent`.
    role: Option<String>,
}

/// What somebody who was invited comes with.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct AcceptedInvitation {
    invite_token: String,
    #[schema(format = Password, min_length = 8, max_length = 1024)]
    password: String,
}

/// A key to be made.
#[derive(ToSchema)]
pub(crate) struct ApiKeyName {
    /// What owners call it.
    #[schema(max_length = 255)]
    name: Option<String>,
}

/// An application to be made: with the number and the secret it had elsewhere, or new ones.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewApplication {
    application_id: Option<Number>,
    #[schema(min_length = 1, max_length = 255)]
    application_secret: Option<String>,
    #[serde(flatten)]
    settings: ApplicationChange,
}

/// Settings of an application. Absent members stay as they are.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ApplicationChange {
    /// The organization's domain where a new one has none.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// `scheme://host[:port]` of the pages that may start it; none or null for all.
    #[schema(max_items = 50)]
    origins: Option<Vec<String>>,
    pre_chat: Option<PreChatChange>,
    /// What the widget's script shall know of its look: an object of up to 16 KiB, eight levels
    /// deep; null empties it.
    #[schema(value_type = Option<Object>)]
    look: Option<()>,
}

/// The form before the first message. Absent members stay as they are.
#[derive(ToSchema)]
struct PreChatChange {
    enabled: Option<bool>,
    #[schema(max_items = 20)]
    fields: Option<Vec<PreChatFieldChange>>,
}

/// A field of the form.
#[derive(ToSchema)]
struct PreChatFieldChange {
    /// `name`, `email`, `phone`, `company`, or `custom.<key>` for a custom attribute.
    name: String,
    /// What people read beside it; usual where it is left out.
    label: Option<String>,
    /// `text`, `email` or `tel`; usual where it is left out.
    r#type: Option<String>,
    /// False where it is left out.
    required: Option<bool>,
}

/// Where columns go, by their names: `email`, `custom.<key>`, … or null to leave one out. Without
/// it the proposed mapping holds.
#[derive(ToSchema)]
pub(crate) struct Mapping {
    mapping: Option<BTreeMap<String, Option<String>>>,
}

/// A form with a file.
#[derive(ToSchema)]
pub(crate) struct FileForm {
    #[schema(format = Binary)]
    file: String,
}

/// Changes to an organization; absent members stay.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OrganizationChange {
    /// The domain that names it. Snippets, logins and `aud` of tokens have to follow.
    #[schema(max_length = 253)]
    name: Option<String>,
    /// `optional`, `security_hash`, `hmac` or `jwt`.
    policy: Option<String>,
    /// The policy only counts what it would refuse; `optional` is enforced.
    report_only: Option<bool>,
}

/// A claim made beforehand.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewClaim {
    #[schema(format = Password, min_length = 1, max_length = 1024)]
    security_hash: String,
}

/// Another contact that one is joined into.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Merge {
    /// Who goes on.
    #[schema(format = Uuid)]
    into_id: String,
    /// The answer is the contact as it would be, and nothing changes.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// A claim's end.
#[derive(ToSchema)]
pub(crate) struct ClaimReset {
    /// Why, for the audit.
    #[schema(min_length = 1, max_length = 1024)]
    reason: String,
}

/// An address to be blocked.
#[derive(ToSchema)]
pub(crate) struct NewBlockedAddress {
    /// An IPv4 or IPv6 address, or a network: of IPv4 at least a /8, of IPv6 at least a /16.
    #[schema(example = "192.0.2.0/24")]
    address: String,
    /// Why, for those who run the organization.
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// A password and the one to come.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PasswordChange {
    #[schema(format = Password)]
    password: String,
    #[schema(format = Password, min_length = 8, max_length = 1024)]
    new_password: String,
}
