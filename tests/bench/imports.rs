//! Imports of a million contacts through the gateway, compared with `psql` loading the same file
//! into the same table.

use std::{
    fs::File,
    io::{BufWriter, Seek, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use onethread_tests::{Api, ApiResponse, TestServer, resident_mib, wait_until, write_large_csv};
use reqwest::Method;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    apart::{Apart, create_identity_tables},
    report::{Baseline, Goal, Row},
    server::fresh_database,
};

const ROWS: u64 = 1_000_000;
/// Seed of the generated file.
const SEED: u64 = 1;
/// How long an import may take.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(1800);
/// Interval at which the memory is measured.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

/// Loads `$1` into an unlogged staging table and upserts from there. Ids ascend with time, like ours.
const BASELINE_SQL: &str = r"
DROP TABLE IF EXISTS stage;
CREATE UNLOGGED TABLE stage (user_id text, email text, name text, phone text, company text,
    tags text, plan text, city text);
\copy stage FROM '$1' CSV HEADER
INSERT INTO contacts AS c (organization_id, id, user_id, listed, source, name, sort_name, email,
    email_key, email_vouched, phone, company, custom, tags, words, claim_version, blocked,
    last_seen_at, sessions, locale, time_zone, created_at)
SELECT '00000000-0000-4000-8000-000000000001',
    (lpad(to_hex((extract(epoch FROM now()) * 1e6)::bigint), 16, '0')
        || lpad(to_hex(row_number() OVER ()), 16, '0'))::uuid,
    user_id, true, 'import', name, lower(name), email, lower(email), true, phone, company,
    jsonb_build_object('plan', plan, 'city', city),
    coalesce(to_jsonb(string_to_array(tags, ';')), '[]'),
    trim(regexp_replace(lower(concat_ws(' ', name, email, phone, company, user_id,
        regexp_replace(phone, '[^0-9]', '', 'g'))), '[^[:alnum:]]+', ' ', 'g')),
    0, false, 'epoch', 0, '', '', now()
FROM stage
ON CONFLICT (organization_id, user_id) WHERE user_id IS NOT NULL DO UPDATE
SET name = excluded.name, sort_name = excluded.sort_name, email = excluded.email,
    email_key = excluded.email_key, phone = excluded.phone, company = excluded.company,
    custom = excluded.custom, tags = excluded.tags, words = excluded.words
WHERE (c.name, c.email, c.phone, c.company, c.custom, c.tags) IS DISTINCT FROM
    (excluded.name, excluded.email, excluded.phone, excluded.company, excluded.custom,
        excluded.tags);
DROP TABLE stage;
";

/// Result of concurrent imports.
struct ImportResult {
    /// Rows per second, from the first byte sent to the end.
    per_second: f64,
    /// Peak memory of all processes above their idle memory, in MiB.
    above_idle: f64,
}

/// Measures PostgreSQL: one file, the same file again, and two halves concurrently.
pub(crate) async fn postgres(time: Duration) -> Vec<Row> {
    let (rows, folder) = (rows(time), folder());
    let whole = write_file(folder.path(), 0, rows);
    let halves = [0, rows / 2].map(|first| write_file(folder.path(), first, rows / 2));

    let equal = fresh_database().await;
    create_identity_tables(&equal).await;
    let insert = "INSERT INTO identity.organizations (organization_id, name, created_at)
        VALUES ('00000000-0000-4000-8000-000000000001', 'bench', now())";
    execute(&equal, insert).await;
    let fresh = psql(&equal, &whole, rows).await;
    let again = psql(&equal, &whole, rows).await;
    remove(&equal).await;

    let database = fresh_database().await;
    let services = Apart::start(&database).await;
    let (api, pids) = (&services.api, services.pids());
    let one = load(api, &pids, &[&whole], rows, "created").await;
    let same = load(api, &pids, &[&whole], rows, "unchanged").await;
    drop(services);
    remove(&database).await;

    let database = fresh_database().await;
    let services = Apart::start(&database).await;
    let files = [&*halves[0], &*halves[1]];
    let two = load(&services.api, &services.pids(), &files, rows / 2 * 2, "created").await;
    drop(services);
    remove(&database).await;

    vec![
        row("import, PostgreSQL, new people", &one, Some(fresh), 1.0, rows),
        row("import, PostgreSQL, two files at once", &two, Some(fresh), 1.5, rows),
        row("import, PostgreSQL, the same file again", &same, Some(again), 1.0, rows),
        memory("PostgreSQL", &one, 24.0),
    ]
}

/// Measures SQLite: one file, and the same file again.
pub(crate) async fn sqlite(time: Duration) -> Vec<Row> {
    let (rows, folder) = (rows(time), folder());
    let whole = write_file(folder.path(), 0, rows);
    let server = TestServer::new().await;
    let api = server.api.with_token(server.bootstrap["apiKey"].as_str().expect("a server key"));
    let pids = [server.process.pid()];
    let one = load(&api, &pids, &[&whole], rows, "created").await;
    let same = load(&api, &pids, &[&whole], rows, "unchanged").await;
    let mut memory = memory("SQLite", &one, 64.0);
    let speed = |of: &ImportResult| format!("{:.0} rows/s", of.per_second);
    memory.notes = format!("{rows} rows: new {}, again {}", speed(&one), speed(&same));
    vec![memory]
}

/// Returns the number of rows: shorter runs import smaller files.
fn rows(time: Duration) -> u64 {
    (ROWS / 9 * time.as_secs()).clamp(2, ROWS)
}

fn row(what: &str, of: &ImportResult, baseline: Option<f64>, least: f64, rows: u64) -> Row {
    Row {
        what: what.to_owned(),
        ours: of.per_second,
        unit: "/s",
        baseline: baseline.map(|value| Baseline { name: "psql \\copy + upsert", value }),
        goal: Goal::AtLeast(least),
        notes: format!("{rows} rows"),
    }
}

fn memory(database: &str, of: &ImportResult, most: f64) -> Row {
    Row {
        what: format!("import, {database}, memory above idle"),
        ours: of.above_idle,
        unit: "MiB",
        baseline: None,
        goal: Goal::Below(most),
        notes: "all processes".to_owned(),
    }
}

fn folder() -> TempDir {
    TempDir::with_prefix("onethread-bench-").expect("a temporary folder is made")
}

fn write_file(folder: &Path, first: u64, count: u64) -> PathBuf {
    let path = folder.join(format!("{first}-{count}.csv"));
    let file = File::create(&path).expect("a file is made");
    write_large_csv(BufWriter::new(file), SEED, first, count).expect("a file is written");
    path
}

/// Imports files concurrently, and checks that every row has this outcome.
async fn load(api: &Api, pids: &[u32], files: &[&Path], rows: u64, outcome: &str) -> ImportResult {
    let resident = || pids.iter().map(|pid| resident_mib(*pid)).sum::<f64>();
    let (idle, begun) = (resident(), Instant::now());
    let mut most = idle;
    let imports = futures::future::join_all(files.iter().map(|file| import_file(api, file)));
    let mut imports = std::pin::pin!(imports);
    let imports = loop {
        tokio::select! {
            imports = &mut imports => break imports,
            () = tokio::time::sleep(MEMORY_INTERVAL) => most = most.max(resident()),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    let counts = imports.iter().map(|import| import[outcome].as_u64().expect("a count"));
    assert_eq!(counts.sum::<u64>(), rows, "{imports:?}");
    ImportResult { per_second: per_second(rows, seconds), above_idle: most - idle }
}

async fn import_file(api: &Api, file: &Path) -> Value {
    let file = tokio::fs::File::open(file).await.expect("the file is there");
    let upload = api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
    let begun = ApiResponse::send(upload.body(file)).await.expect(202);
    let path = format!("/v1/imports/{}", begun["id"].as_str().expect("an import has an id"));
    wait_until("the end of an import", IMPORT_TIMEOUT, async || {
        let import = api.get(&path).await.expect(200);
        assert_ne!(import["state"], "failed", "{import}");
        (import["state"] == "done").then_some(import)
    })
    .await
}

/// Returns the rows per second of `psql`.
async fn psql(database: &str, file: &Path, rows: u64) -> f64 {
    let mut script = tempfile::tempfile().expect("a temporary file is made");
    let text = BASELINE_SQL.replace("$1", &file.to_string_lossy());
    script.write_all(text.as_bytes()).expect("a temporary file is written");
    script.rewind().expect("a temporary file is rewound");
    execute(database, "CHECKPOINT").await;
    let begun = Instant::now();
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", database])
        .env("PGOPTIONS", "-c search_path=identity")
        .stdin(script)
        .output()
        .await
        .expect("psql is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    per_second(rows, begun.elapsed().as_secs_f64())
}

fn per_second(rows: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rows = rows as f64;
    rows / seconds
}

async fn execute(database: &str, sql: &str) {
    let mut operator = PgConnection::connect(database).await.expect("the server answers");
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query(sql).execute(&mut operator).await.expect("the operator may");
}

/// Removes the database, which is large.
async fn remove(database: &str) {
    let (server, name) = database.rsplit_once('/').expect("a URL with a database");
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    execute(&format!("{server}/postgres"), &drop).await;
}
