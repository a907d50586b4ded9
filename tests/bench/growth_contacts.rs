//! An organization of a thousand contacts compared with one of a million on the same database: no
//! call may be slower.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::StatusCode;
use onethread_tests::{Api, LONG_TIMEOUT, Options, TestServer};
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection, query, query_as,
    sqlite::SqliteConnectOptions,
};
use uuid::Uuid;

use crate::{
    http::Http,
    load::{Caller, Measurements, run_closed_loop},
    report::{Baseline, Goal, Row},
    server::{Kind, fresh_database, sqlite_file},
};

const SMALL: i64 = 1_000;
const LARGE: i64 = 1_000_000;
/// Number of contacts that match a filter, in both.
const MATCHES: i64 = 40;
/// Rows that are written by one statement.
const BATCH_ROWS: i64 = 100_000;
const ROUNDS: u32 = 5;
/// Number of different calls of a kind, made in turn.
const CALL_VARIANTS: i64 = 20;
const OPERATOR: &str = "the-operator-of-this-benchmark";

/// Measures PostgreSQL.
pub(crate) async fn postgres(time: Duration) -> Vec<Row> {
    contacts(Kind::Postgres, time).await
}

/// Measures SQLite.
pub(crate) async fn sqlite(time: Duration) -> Vec<Row> {
    contacts(Kind::Sqlite, time).await
}

async fn contacts(database: Kind, time: Duration) -> Vec<Row> {
    let mut options = Options::default().env("ONETHREAD_OPERATOR_TOKEN", OPERATOR);
    if matches!(database, Kind::Postgres) {
        options = options.env("ONETHREAD_DATABASE_URL", fresh_database().await);
    }
    let mut server = TestServer::with(options).await;
    let [one, other] = [
        create_organization(&server, "small.example").await,
        create_organization(&server, "large.example").await,
    ];
    assert!(server.process.terminate(LONG_TIMEOUT).await.success());
    let mut tables = Tables::open(database, &server).await;
    let small = tables.fill("small.example", SMALL).await;
    let large = tables.fill("large.example", LARGE).await;
    tables.maintain().await;
    server.process.restart().await;
    let both = [
        Organization { made: one, id: small, count: SMALL },
        Organization { made: other, id: large, count: LARGE },
    ];
    measure(database, &server, &mut tables, &both, time / ROUNDS / 8).await
}

/// Creates an organization.
async fn create_organization(server: &TestServer, name: &str) -> Value {
    let body = json!({"organization": name, "agentEmail": format!("owner@{name}"),
        "agentPassword": "a password of a benchmark"});
    server.api.with_token(OPERATOR).post("/v1/organizations", &body).await.expect(201)
}

struct Organization {
    made: Value,
    id: Uuid,
    count: i64,
}

impl Organization {
    fn key(&self) -> &str {
        self.made["apiKey"].as_str().expect("a key")
    }
}

async fn measure(
    database: Kind,
    server: &TestServer,
    tables: &mut Tables,
    both: &[Organization; 2],
    turn: Duration,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut inits = Vec::new();
    for one in both {
        inits.push(one.inits(server).await);
    }
    rows.push(compare(database, "init of a known user", 1.2, inits, turn).await);
    for sort in ["name", "-name", "createdAt", "-createdAt", "lastSeenAt", "-lastSeenAt"] {
        let (mut first, mut deep) = (Vec::new(), Vec::new());
        for one in both {
            first.push(one.first_page(server, sort).await);
            deep.push(one.deep_pages(server, tables, sort).await);
        }
        rows.push(compare(database, &format!("first page by {sort}"), 1.2, first, turn).await);
        rows.push(compare(database, &format!("deep page by {sort}"), 1.2, deep, turn).await);
    }
    let condition = |field: &str, value: String| json!({"filter": [{"field": field, "operator": "=", "value": value}]});
    let group = |one: &Organization, n: i64| n % (one.count / MATCHES);
    type Question<'q> = &'q dyn Fn(&Organization, i64) -> Value;
    let questions: [(&str, f64, Question<'_>); 7] = [
        ("search of a name", 1.2, &|_, n| json!({"q": surname(n)})),
        ("search of what all have", 1.2, &|_, _| json!({"q": "example com"})),
        ("filter by email", 1.2, &|_, n| condition("email", format!("person-{n}@example.com"))),
        ("filter by a tag of 40", 1.2, &|one, n| {
            condition("tags", format!("tag-{}", group(one, n)))
        }),
        ("filter by an attribute of 40", 3.0, &|one, n| {
            condition("custom.group", format!("g-{}", group(one, n)))
        }),
        ("filter by an attribute of a third", 3.0, &|_, _| condition("custom.plan", "pro".into())),
        ("filter by a company of 40 words", 1.2, &|one, n| {
            condition("company", format!("Company {}", group(one, n)))
        }),
    ];
    for (what, most, question) in questions {
        let mut asked = Vec::new();
        for one in both {
            let bodies =
                (0..CALL_VARIANTS).map(|n| question(one, 1 + n * (one.count / CALL_VARIANTS)));
            let calls = bodies.map(|body| ("/v1/contacts/search".to_owned(), Some(body)));
            asked.push(VariedCaller::new(server, Some(one.key()), calls.collect()).await);
        }
        rows.push(compare(database, what, most, asked, turn).await);
    }
    rows
}

async fn compare(
    database: Kind,
    what: &str,
    most: f64,
    both: Vec<VariedCaller>,
    turn: Duration,
) -> Row {
    let [mut small, mut large] = both
        .into_iter()
        .map(|one| vec![one])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_else(|_| unreachable!("there are two"));
    for callers in [&mut small, &mut large] {
        // Each call once, to warm the caches.
        callers[0].all().await;
        run_closed_loop(callers, turn / 2, &mut Measurements::default()).await;
    }
    let (mut ours, mut theirs) = (Measurements::default(), Measurements::default());
    for _ in 0..ROUNDS {
        run_closed_loop(&mut small, turn, &mut theirs).await;
        run_closed_loop(&mut large, turn, &mut ours).await;
    }
    Row {
        what: format!("{what}, 1,000,000 contacts, {}", database.name()),
        ours: ours.percentile(50),
        unit: "ms",
        baseline: Some(Baseline { name: "1,000 contacts", value: theirs.percentile(50) }),
        goal: Goal::AtMost(most),
        notes: ours.summary(),
    }
}

/// A caller that makes different calls in turn.
struct VariedCaller {
    http: Http,
    calls: Vec<(String, Option<String>)>,
    next: usize,
}

impl VariedCaller {
    async fn new(
        server: &TestServer,
        token: Option<&str>,
        calls: Vec<(String, Option<Value>)>,
    ) -> Self {
        let http = Http::connect(server.process.address("http")).await;
        let http = match token {
            Some(token) => http.with_token(token),
            None => http,
        };
        let calls = calls.into_iter().map(|(path, body)| (path, body.map(|body| body.to_string())));
        Self { http, calls: calls.collect(), next: 0 }
    }

    async fn all(&mut self) {
        for _ in 0..self.calls.len() {
            self.call().await;
        }
    }
}

impl Caller for VariedCaller {
    async fn call(&mut self) {
        let (path, body) = &self.calls[self.next % self.calls.len()];
        self.next += 1;
        let (status, answer) = match body {
            Some(body) => self.http.post(path, body.clone()).await,
            None => self.http.get(path).await,
        };
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert!(answer.len() > 400, "a contact is found: {answer:?}");
    }
}

impl Organization {
    /// Repeated starts of the widget on the same devices.
    async fn inits(&self, server: &TestServer) -> VariedCaller {
        let mut calls = Vec::new();
        for n in 0..CALL_VARIANTS {
            let mut body = json!({
                "organization": self.made["organization"],
                "applicationId": self.made["applicationId"],
                "applicationSecret": self.made["applicationSecret"],
                "user": {"user_id": format!("u-{}", 1 + n * (self.count / CALL_VARIANTS))},
            });
            let start = server.api.post("/widget/v1/init", &body).await.expect(200);
            body["deviceToken"] = start["session"]["deviceToken"].clone();
            calls.push(("/widget/v1/init".to_owned(), Some(body)));
        }
        VariedCaller::new(server, None, calls).await
    }

    async fn first_page(&self, server: &TestServer, sort: &str) -> VariedCaller {
        let path = format!("/v1/contacts?sort={sort}");
        VariedCaller::new(server, Some(self.key()), vec![(path, None)]).await
    }

    /// Pages from the whole list. Their tokens are built from the table, because reading all pages
    /// before them would take minutes.
    async fn deep_pages(
        &self,
        server: &TestServer,
        tables: &mut Tables,
        sort: &str,
    ) -> VariedCaller {
        let api: Api = server.api.with_token(self.key());
        let first = api.get(&format!("/v1/contacts?sort={sort}&limit=1")).await.expect(200);
        let cursor = first["nextCursor"].as_str().expect("a list with a next page");
        let cursor = URL_SAFE_NO_PAD.decode(cursor).expect("a cursor of ours");
        let mut place: Value = serde_json::from_slice(&cursor).expect("a cursor of ours");
        let mut calls = Vec::new();
        for n in 1..CALL_VARIANTS {
            place["key"] = tables.page_key(self, sort.trim_start_matches('-'), n).await;
            let cursor = URL_SAFE_NO_PAD.encode(place.to_string());
            calls.push((format!("/v1/contacts?sort={sort}&cursor={cursor}"), None));
        }
        VariedCaller::new(server, Some(self.key()), calls).await
    }
}

/// Returns a number without an apparent order.
fn scattered(n: i64) -> i64 {
    (n * 2_654_435_761) % 1_000_000_007
}

fn surname(n: i64) -> String {
    format!("x{:x}", scattered(n))
}

/// Identity's tables.
enum Tables {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Tables {
    async fn open(database: Kind, server: &TestServer) -> Self {
        match database {
            Kind::Sqlite => {
                let file = sqlite_file(&server.process.data_dir(), "identity");
                let options = SqliteConnectOptions::new().filename(file).busy_timeout(LONG_TIMEOUT);
                let conn = SqliteConnection::connect_with(&options).await;
                Self::Sqlite(conn.expect("it opens"))
            }
            Kind::Postgres => {
                let url = server.process.database_url().expect("it has one");
                let mut conn = PgConnection::connect(url).await.expect("the server answers");
                query("SET search_path = identity").execute(&mut conn).await.expect("it does");
                Self::Postgres(conn)
            }
        }
    }

    /// Adds contacts, as an import would.
    async fn fill(&mut self, name: &str, count: i64) -> Uuid {
        let of = "SELECT organization_id FROM organizations WHERE name = $1";
        let (of,): (Uuid,) = match self {
            Self::Sqlite(conn) => query_as(of).bind(name).fetch_one(conn).await,
            Self::Postgres(conn) => query_as(of).bind(name).fetch_one(conn).await,
        }
        .expect("it is there");
        let (groups, mut from) = (count / MATCHES, 1);
        while from <= count {
            let to = (from + BATCH_ROWS - 1).min(count);
            match self {
                Self::Sqlite(conn) => query(SQLITE)
                    .bind(of)
                    .bind(from)
                    .bind(to)
                    .bind(groups)
                    .execute(conn)
                    .await
                    .map(drop),
                Self::Postgres(conn) => query(POSTGRES)
                    .bind(of)
                    .bind(from)
                    .bind(to)
                    .bind(groups)
                    .execute(conn)
                    .await
                    .map(drop),
            }
            .expect("contacts are written");
            eprintln!("{name}: {to} of {count} contacts");
            from = to + 1;
        }
        of
    }

    /// Runs the maintenance that the databases would otherwise do some minutes later.
    async fn maintain(&mut self) {
        match self {
            Self::Sqlite(conn) => {
                query("PRAGMA wal_checkpoint(TRUNCATE)").execute(conn).await.map(drop)
            }
            Self::Postgres(conn) => query("VACUUM ANALYZE contacts").execute(conn).await.map(drop),
        }
        .expect("it does");
    }

    /// Returns the key before a page that starts `part` twentieths down the list.
    async fn page_key(&mut self, of: &Organization, sort: &str, part: i64) -> Value {
        let column = match sort {
            "name" => "sort_name",
            "createdAt" => "created_at",
            _ => "last_seen_at",
        };
        let time = match self {
            Self::Postgres(_) => {
                format!("(extract(epoch FROM {column}) * 1000000)::bigint")
            }
            Self::Sqlite(_) => column.to_owned(),
        };
        let (id, offset) = (of.id, of.count * part / CALL_VARIANTS);
        let text = |wanted: &str| {
            AssertSqlSafe(format!(
                "SELECT {wanted}, id FROM contacts WHERE organization_id = $1 AND listed
                 ORDER BY {column}, id LIMIT 1 OFFSET $2"
            ))
        };
        if sort == "name" {
            let (name, id): (String, Uuid) = match self {
                Self::Sqlite(conn) => {
                    query_as(text(column)).bind(id).bind(offset).fetch_one(conn).await
                }
                Self::Postgres(conn) => {
                    query_as(text(column)).bind(id).bind(offset).fetch_one(conn).await
                }
            }
            .expect("there are so many");
            return json!({"Name": [name, id]});
        }
        let (at, id): (i64, Uuid) = match self {
            Self::Sqlite(conn) => query_as(text(&time)).bind(id).bind(offset).fetch_one(conn).await,
            Self::Postgres(conn) => {
                query_as(text(&time)).bind(id).bind(offset).fetch_one(conn).await
            }
        }
        .expect("there are so many");
        json!({"Time": [at, id]})
    }
}

const POSTGRES: &str = "INSERT INTO contacts (organization_id, id, user_id, listed, source, name,
    sort_name, email, email_key, email_vouched, phone, company, custom, tags, claim_version,
    blocked, last_seen_at, sessions, locale, time_zone, created_at, words)
  SELECT $1, (lpad(to_hex(1700000000000 + n), 12, '0') || '70008000'
      || lpad(to_hex((n * 2654435761) & 281474976710655), 12, '0'))::uuid,
    'u-' || n, true, 'import', 'Person ' || s, 'person ' || s, 'person-' || n || '@example.com',
    'person-' || n || '@example.com', true, '+49 30 ' || n, 'Company ' || (n % $4),
    jsonb_build_object('plan', CASE n % 3 WHEN 0 THEN 'pro' ELSE 'free' END, 'seats', n % 500,
      'group', 'g-' || (n % $4)),
    jsonb_build_array('tag-' || (n % $4), 'week-' || (n % 7)), 0, false,
    to_timestamp(1700000000 + (n * 2654435761) % 20000000), 1, 'en', 'UTC',
    to_timestamp(1700000000 + n),
    '30 49 ' || (n % $4) || ' com company example ' || n || ' person ' || s || ' u'
  FROM (SELECT n, 'x' || to_hex((n * 2654435761) % 1000000007) AS s
    FROM generate_series($2, $3) n) numbered";

const SQLITE: &str = "INSERT INTO contacts (organization_id, id, user_id, listed, source, name,
    sort_name, email, email_key, email_vouched, phone, company, custom, tags, claim_version,
    blocked, last_seen_at, sessions, locale, time_zone, created_at, words)
  SELECT $1, unhex(printf('%012x70008000%012x', 1700000000000 + n,
      (n * 2654435761) & 281474976710655)),
    'u-' || n, true, 'import', 'Person ' || s, 'person ' || s, 'person-' || n || '@example.com',
    'person-' || n || '@example.com', true, '+49 30 ' || n, 'Company ' || (n % $4),
    json_object('plan', CASE n % 3 WHEN 0 THEN 'pro' ELSE 'free' END, 'seats', n % 500,
      'group', 'g-' || (n % $4)),
    json_array('tag-' || (n % $4), 'week-' || (n % 7)), 0, false,
    (1700000000 + (n * 2654435761) % 20000000) * 1000000, 1, 'en', 'UTC',
    (1700000000 + n) * 1000000,
    '30 49 ' || (n % $4) || ' com company example ' || n || ' person ' || s || ' u'
  FROM (WITH RECURSIVE numbers (n) AS (SELECT $2 UNION ALL
      SELECT n + 1 FROM numbers WHERE n < $3)
    SELECT n, printf('x%x', (n * 2654435761) % 1000000007) AS s FROM numbers)";
