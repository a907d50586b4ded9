//! Applications.

use onethread_core::{ApplicationId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Json, Result, Sql, Time};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    organization::domain::application::{Application, PreChatForm},
    store::is_storable,
};

macro_rules! select_application {
    ($rest:literal) => {
        concat!(
            "SELECT a.organization_id, a.id, o.name AS organization, a.number, a.name, a.secret,
               a.pre_chat, a.origins, a.look
             FROM organizations o JOIN applications a ON a.organization_id = o.organization_id
             WHERE ",
            $rest
        )
    };
}

const BY_NUMBER: &str = select_application!("o.name = $1 AND a.number = $2");
const BY_APP_ID: &str = select_application!("o.name = $1 AND a.id = $2");
const BY_ID: &str = select_application!("a.organization_id = $1 AND a.id = $2");
const BY_ID_LOCKED: Sql = Sql::dialects(
    BY_ID,
    select_application!("a.organization_id = $1 AND a.id = $2 FOR UPDATE OF a"),
);
const LIST: &str =
    select_application!("a.organization_id = $1 AND a.id > $2 ORDER BY a.id LIMIT $3");
// The first free number after a used one, or 1.
const NEXT_NUMBER: &str = "SELECT COALESCE(MIN(a.number) + 1, 1) FROM applications a
     WHERE a.organization_id = $1 AND NOT EXISTS (SELECT 1 FROM applications b
       WHERE b.organization_id = a.organization_id AND b.number = a.number + 1)";
const INSERT: &str =
    "INSERT INTO applications (organization_id, id, number, secret, name, pre_chat, origins, look,
       created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const UPDATE: &str = "UPDATE applications SET name = $3, pre_chat = $4, origins = $5, look = $6
     WHERE organization_id = $1 AND id = $2";

#[derive(onethread_db::FromRow)]
pub(crate) struct ApplicationRow {
    organization_id: Uuid,
    id: Uuid,
    organization: String,
    number: i64,
    name: String,
    secret: String,
    pre_chat: Json<PreChatForm>,
    origins: Json<Vec<String>>,
    look: Json<Map<String, Value>>,
}

impl From<ApplicationRow> for Application {
    fn from(row: ApplicationRow) -> Self {
        Self {
            organization_id: OrganizationId(row.organization_id),
            id: ApplicationId(row.id),
            organization: row.organization,
            number: row.number,
            secret: row.secret,
            name: row.name,
            form: row.pre_chat.0,
            origins: row.origins.0,
            look: row.look.0,
        }
    }
}

/// An application of the organization.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ApplicationId,
) -> Result<Option<Application>> {
    let query = conn.query(BY_ID).bind(organization.0).bind(id.0);
    Ok(query.optional::<ApplicationRow>().await?.map(Application::from))
}

/// An application of the organization, locked.
pub(crate) async fn locked_by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ApplicationId,
) -> Result<Option<Application>> {
    let query = conn.query(BY_ID_LOCKED).bind(organization.0).bind(id.0);
    Ok(query.optional::<ApplicationRow>().await?.map(Application::from))
}

/// The application of the classic snippet, in the organization of this domain: before the
/// organization is known.
pub(crate) async fn by_number(
    conn: &mut Connection,
    domain: &str,
    number: i64,
) -> Result<Option<Application>> {
    if !is_storable(domain) {
        return Ok(None);
    }
    let query = conn.query(BY_NUMBER).bind(domain).bind(number);
    Ok(query.optional::<ApplicationRow>().await?.map(Application::from))
}

/// The application with this public id, in the organization of this domain.
pub(crate) async fn by_app_id(
    conn: &mut Connection,
    domain: &str,
    id: ApplicationId,
) -> Result<Option<Application>> {
    if !is_storable(domain) {
        return Ok(None);
    }
    let query = conn.query(BY_APP_ID).bind(domain).bind(id.0);
    Ok(query.optional::<ApplicationRow>().await?.map(Application::from))
}

/// A page of applications behind this one, and one more when another page follows.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    after: ApplicationId,
    size: PageSize,
) -> Result<Vec<Application>> {
    let query = conn.query(LIST).bind(organization.0).bind(after.0).bind(size.limit_plus_one());
    let rows = query.all::<ApplicationRow>().await?;
    Ok(rows.into_iter().map(Application::from).collect())
}

/// A number that no application of the organization has.
pub(crate) async fn next_number(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<i64> {
    conn.query(NEXT_NUMBER).bind(organization.0).scalar().await
}

/// Fails with a unique violation when another application has the number.
pub(crate) async fn insert(
    conn: &mut Connection,
    application: &Application,
    now: Timestamp,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(application.organization_id.0).bind(application.id.0);
    let insert = insert.bind(application.number).bind(&application.secret).bind(&application.name);
    let insert = insert.bind(Json(&application.form)).bind(Json(&application.origins));
    insert.bind(Json(&application.look)).bind(Time(now)).execute().await?;
    Ok(())
}

/// Writes name, form, origins and look.
pub(crate) async fn update(conn: &mut Connection, application: &Application) -> Result<()> {
    let update = conn.query(UPDATE).bind(application.organization_id.0).bind(application.id.0);
    let update = update.bind(&application.name).bind(Json(&application.form));
    update.bind(Json(&application.origins)).bind(Json(&application.look)).execute().await?;
    Ok(())
}
