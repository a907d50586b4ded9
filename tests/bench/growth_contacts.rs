//! An organization of a thousand contacts beside one of a million on the same database: nobody in
//! either may feel the difference.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::StatusCode;
use onethread_tests::{Api, LONG, Options, Stage};
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection, query, query_as,
    sqlite::SqliteConnectOptions,
};
use uuid::Uuid;

use crate::{
    http::Http,
    load::{Caller, Seen, crowd},
    report::{Goal, Row, Yardstick},
    server::{Kind, fresh_database, sqlite_file},
};

const SMALL: i64 = 1_000;
const LARGE: i64 = 1_000_000;
/// People who share what a filter asks for, in either.
const ALIKE: i64 = 40;
/// Rows written at once.
const STEP: i64 = 100_000;
const ROUNDS: u32 = 5;
/// Different questions of a kind, asked by turns.
const QUESTIONS: i64 = 20;
const OPERATOR: &str = "the-operator-of-this-benchmark";

/// On PostgreSQL.
pub(crate) async fn postgres(time: Duration) -> Vec<Row> {
    contacts(Kind::Postgres, time).await
}

/// On SQLite.
pub(crate) async fn sqlite(time: Duration) -> Vec<Row> {
    contacts(Kind::Sqlite, time).await
}

async fn contacts(database: Kind, time: Duration) -> Vec<Row> {
    let mut options = Options::default().env("ONETHREAD_OPERATOR_TOKEN", OPERATOR);
    if matches!(database, Kind::Postgres) {
        options = options.env("ONETHREAD_DATABASE_URL", fresh_database().await);
    }
    let mut stage = Stage::with(options).await;
    let [one, other] = [made(&stage, "small.example").await, made(&stage, "large.example").await];
    assert!(stage.server.terminate(LONG).await.success());
    let mut tables = Tables::open(database, &stage).await;
    let small = tables.fill("small.example", SMALL).await;
    let large = tables.fill("large.example", LARGE).await;
    tables.settle().await;
    stage.server.restart().await;
    let both = [
        Organization { made: one, id: small, count: SMALL },
        Organization { made: other, id: large, count: LARGE },
    ];
    measure(database, &stage, &mut tables, &both, time / ROUNDS / 8).await
}

/// One that the operator made.
async fn made(stage: &Stage, name: &str) -> Value {
    let body = json!({"organization": name, "agentEmail": format!("owner@{name}"),
        "agentPassword": "a password of a benchmark"});
    stage.api.with_token(OPERATOR).post("/v1/organizations", &body).await.expect(201)
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
    stage: &Stage,
    tables: &mut Tables,
    both: &[Organization; 2],
    turn: Duration,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut inits = Vec::new();
    for one in both {
        inits.push(one.inits(stage).await);
    }
    rows.push(beside(database, "init of a known user", 1.2, inits, turn).await);
    for sort in ["name", "-name", "createdAt", "-createdAt", "lastSeenAt", "-lastSeenAt"] {
        let (mut first, mut deep) = (Vec::new(), Vec::new());
        for one in both {
            first.push(one.first_page(stage, sort).await);
            deep.push(one.deep_pages(stage, tables, sort).await);
        }
        rows.push(beside(database, &format!("first page by {sort}"), 1.2, first, turn).await);
        rows.push(beside(database, &format!("deep page by {sort}"), 1.2, deep, turn).await);
    }
    let condition = |field: &str, value: String| json!({"filter": [{"field": field, "operator": "=", "value": value}]});
    let group = |one: &Organization, n: i64| n % (one.count / ALIKE);
    type Question<'q> = &'q dyn Fn(&Organization, i64) -> Value;
    let questions: [(&str, f64, Question<'_>); 7] = [
        ("search of a name", 1.2, &|_, n| json!({"q": surname(n)})),
        ("search of what all have", 1.2, &|_, _| json!({"q": "example com"})),
        ("filter by e-mail", 1.2, &|_, n| condition("email", format!("person-{n}@example.com"))),
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
            let bodies = (0..QUESTIONS).map(|n| question(one, 1 + n * (one.count / QUESTIONS)));
            let calls = bodies.map(|body| ("/v1/contacts/search".to_owned(), Some(body)));
            asked.push(Asker::new(stage, Some(one.key()), calls.collect()).await);
        }
        rows.push(beside(database, what, most, asked, turn).await);
    }
    rows
}

async fn beside(database: Kind, what: &str, most: f64, both: Vec<Asker>, turn: Duration) -> Row {
    let [mut small, mut large] = both
        .into_iter()
        .map(|one| vec![one])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_else(|_| unreachable!("there are two"));
    for callers in [&mut small, &mut large] {
        // Each question once, whatever time that takes.
        callers[0].all().await;
        crowd(callers, turn / 2, &mut Seen::default()).await;
    }
    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    for _ in 0..ROUNDS {
        crowd(&mut small, turn, &mut theirs).await;
        crowd(&mut large, turn, &mut ours).await;
    }
    Row {
        what: format!("{what}, 1,000,000 contacts, {}", database.name()),
        ours: ours.percentile(50),
        unit: "ms",
        yardstick: Some(Yardstick { name: "1,000 contacts", value: theirs.percentile(50) }),
        goal: Goal::AtMost(most),
        notes: ours.words(),
    }
}

/// One who asks several questions by turns.
struct Asker {
    http: Http,
    calls: Vec<(String, Option<String>)>,
    next: usize,
}

impl Asker {
    async fn new(stage: &Stage, token: Option<&str>, calls: Vec<(String, Option<Value>)>) -> Self {
        let http = Http::connect(stage.server.address("http")).await;
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

impl Caller for Asker {
    async fn call(&mut self) {
        let (path, body) = &self.calls[self.next % self.calls.len()];
        self.next += 1;
        let (status, answer) = match body {
            Some(body) => self.http.post(path, body.clone()).await,
            None => self.http.get(path).await,
        };
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert!(answer.len() > 400, "somebody is found: {answer:?}");
    }
}

impl Organization {
    /// Pages that are opened again, on the same devices.
    async fn inits(&self, stage: &Stage) -> Asker {
        let mut calls = Vec::new();
        for n in 0..QUESTIONS {
            let mut body = json!({
                "organization": self.made["organization"],
                "applicationId": self.made["applicationId"],
                "applicationSecret": self.made["applicationSecret"],
                "user": {"user_id": format!("u-{}", 1 + n * (self.count / QUESTIONS))},
            });
            let start = stage.api.post("/widget/v1/init", &body).await.expect(200);
            body["deviceToken"] = start["session"]["deviceToken"].clone();
            calls.push(("/widget/v1/init".to_owned(), Some(body)));
        }
        Asker::new(stage, None, calls).await
    }

    async fn first_page(&self, stage: &Stage, sort: &str) -> Asker {
        let path = format!("/v1/contacts?sort={sort}");
        Asker::new(stage, Some(self.key()), vec![(path, None)]).await
    }

    /// Pages all over the list. Where each begins is read in the table, since walking there page
    /// by page would take minutes.
    async fn deep_pages(&self, stage: &Stage, tables: &mut Tables, sort: &str) -> Asker {
        let api: Api = stage.api.with_token(self.key());
        let first = api.get(&format!("/v1/contacts?sort={sort}&limit=1")).await.expect(200);
        let cursor = first["nextCursor"].as_str().expect("a list that goes on");
        let cursor = URL_SAFE_NO_PAD.decode(cursor).expect("a cursor of ours");
        let mut place: Value = serde_json::from_slice(&cursor).expect("a cursor of ours");
        let mut calls = Vec::new();
        for n in 1..QUESTIONS {
            place["key"] = tables.place(self, sort.trim_start_matches('-'), n).await;
            let cursor = URL_SAFE_NO_PAD.encode(place.to_string());
            calls.push((format!("/v1/contacts?sort={sort}&cursor={cursor}"), None));
        }
        Asker::new(stage, Some(self.key()), calls).await
    }
}

/// Scatters numbers.
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
    async fn open(database: Kind, stage: &Stage) -> Self {
        match database {
            Kind::Sqlite => {
                let file = sqlite_file(&stage.server.data_dir(), "identity");
                let options = SqliteConnectOptions::new().filename(file).busy_timeout(LONG);
                let conn = SqliteConnection::connect_with(&options).await;
                Self::Sqlite(conn.expect("it opens"))
            }
            Kind::Postgres => {
                let url = stage.server.database_url().expect("it has one");
                let mut conn = PgConnection::connect(url).await.expect("the server answers");
                query("SET search_path = identity").execute(&mut conn).await.expect("it does");
                Self::Postgres(conn)
            }
        }
    }

    /// Fills the organization, as an import would have.
    async fn fill(&mut self, name: &str, count: i64) -> Uuid {
        let of = "SELECT organization_id FROM organizations WHERE name = $1";
        let (of,): (Uuid,) = match self {
            Self::Sqlite(conn) => query_as(of).bind(name).fetch_one(conn).await,
            Self::Postgres(conn) => query_as(of).bind(name).fetch_one(conn).await,
        }
        .expect("it is there");
        let (groups, mut from) = (count / ALIKE, 1);
        while from <= count {
            let to = (from + STEP - 1).min(count);
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

    /// What the databases do by themselves some minutes later.
    async fn settle(&mut self) {
        match self {
            Self::Sqlite(conn) => {
                query("PRAGMA wal_checkpoint(TRUNCATE)").execute(conn).await.map(drop)
            }
            Self::Postgres(conn) => query("VACUUM ANALYZE contacts").execute(conn).await.map(drop),
        }
        .expect("it does");
    }

    /// The key behind which a page begins, so many twentieths down the list.
    async fn place(&mut self, of: &Organization, sort: &str, part: i64) -> Value {
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
        let (id, offset) = (of.id, of.count * part / QUESTIONS);
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
