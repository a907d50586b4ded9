//! Durable messages: many callers over gRPC, compared with the same work one row at a time.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use onethread_proto::conversation::{
    Author, AuthorKind, SendMessageRequest, conversation_service_client::ConversationServiceClient,
    send_message_request::Body,
};
use onethread_tests::channel;
use sqlx::{
    Connection, PgConnection, SqliteConnection, query, query_scalar,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::process::Command;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{
    cpu,
    load::{Caller, Measurements, median, run_closed_loop},
    report::{Baseline, Goal, Row},
    server::Conversation,
};

/// How often each side of a comparison is measured.
const ROUNDS: u32 = 3;
/// Connections that the callers share, like gateways.
const CONNECTIONS: usize = 4;
/// Text of all messages.
pub(crate) const TEXT: &str =
    "A message of about the length that people write to each other in a chat.";
const ORGANIZATION: Uuid = Uuid::from_u128(1);

/// A caller that writes to its own conversation.
struct Sender {
    client: ConversationServiceClient<Channel>,
    id: String,
    /// The next client message id. Senders to one conversation generate different ids.
    next: u128,
}

impl Caller for Sender {
    async fn call(&mut self) {
        let request = SendMessageRequest {
            organization_id: ORGANIZATION.to_string(),
            conversation_id: self.id.clone(),
            author: Some(Author { kind: AuthorKind::Contact.into(), id: self.id.clone() }),
            client_message_id: Uuid::from_u128(self.next).to_string(),
            body: Some(Body::Text(TEXT.to_owned())),
            ..SendMessageRequest::default()
        };
        self.next += 1;
        let sent = self.client.send_message(request).await.expect("a send is answered");
        assert!(!sent.get_ref().already_stored, "each is stored");
    }
}

async fn senders(address: &str, count: usize) -> Vec<Sender> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(channel(address).await);
    }
    let sender = |at: usize| Sender {
        client: ConversationServiceClient::new(channels[at % CONNECTIONS].clone()),
        id: Uuid::from_u128(at as u128).to_string(),
        next: (count as u128) << 64,
    };
    (1..=count).map(sender).collect()
}

/// The processor time of PostgreSQL for a kind of sending.
#[derive(Default)]
struct Costs {
    /// The main process of PostgreSQL.
    server: u32,
    rates: Vec<f64>,
    /// Seconds of processor time for each message.
    each: Vec<f64>,
}

impl Costs {
    fn add(&mut self, per_second: f64, sends: f64, before: f64) {
        self.rates.push(per_second);
        self.each.push((cpu::of_tree(self.server) - before) / sends);
    }

    fn micros(&self) -> f64 {
        median(&self.each) * 1e6
    }
}

/// Measures PostgreSQL, compared with pgbench on the same server and tables.
pub(crate) async fn postgres(time: Duration) -> Vec<Row> {
    const BASELINE: &str = "pgbench, 64 clients, a row at a time";
    let url = std::env::var("ONETHREAD_TEST_POSTGRES_URL").expect("a PostgreSQL is named");
    let server = Conversation::start(Some(&url)).await;
    let turn = time / ROUNDS;
    let [mut few, mut many] =
        [senders(&server.address, 64).await, senders(&server.address, 256).await];
    // Creates the conversations.
    run_closed_loop(&mut many, Duration::from_secs(1), &mut Measurements::default()).await;
    let (mut by_few, mut by_many) = (Measurements::default(), Measurements::default());
    let server_id = postmaster(&url).await;
    let costs = || Costs { server: server_id, ..Costs::default() };
    let (mut theirs, mut ours) = (costs(), costs());
    for _ in 0..ROUNDS {
        pgbench(&url, turn, &mut theirs).await;
        let (before, sent) = (cpu::of_tree(server_id), by_few.calls());
        run_closed_loop(&mut few, turn, &mut by_few).await;
        ours.add(by_few.per_second(), by_few.calls() - sent, before);
        run_closed_loop(&mut many, turn, &mut by_many).await;
    }
    let baseline = |value| Some(Baseline { name: BASELINE, value });
    let row = |senders: usize, seen: &Measurements, least: f64| Row {
        what: format!("sends on PostgreSQL, {senders} senders"),
        ours: seen.per_second(),
        unit: "/s",
        baseline: baseline(median(&theirs.rates)),
        goal: Goal::AtLeast(least),
        notes: seen.summary(),
    };
    vec![
        row(64, &by_few, 1.8),
        row(256, &by_many, 2.5),
        Row {
            what: "PostgreSQL's processor time a send, 64 senders".to_owned(),
            ours: ours.micros(),
            unit: "µs",
            baseline: baseline(theirs.micros()),
            goal: Goal::AtMost(0.2),
            notes: String::new(),
        },
    ]
}

/// Returns the server's main process.
async fn postmaster(url: &str) -> u32 {
    let mut conn = PgConnection::connect(url).await.expect("the server answers");
    let pid: i32 =
        query_scalar("SELECT pg_backend_pid()").fetch_one(&mut conn).await.expect("it does");
    cpu::parent(u32::try_from(pid).expect("a process")).expect("it runs on this machine")
}

/// Returns the transactions per second, and records PostgreSQL's processor time for each.
async fn pgbench(url: &str, time: Duration, seen: &mut Costs) {
    let before = cpu::of_tree(seen.server);
    let mut script = tempfile::NamedTempFile::new().expect("a temporary file is made");
    let text = format!(
        "\\set n :client_id + 1
BEGIN;
UPDATE conversations SET last_seq = last_seq + 1, last_public_seq = last_seq + 1,
    agent_unread = agent_unread + 1, status = 1, updated_at = now()
    WHERE organization_id = '{ORGANIZATION}' AND id = lpad(to_hex((:n)::bigint), 32, '0')::uuid
    RETURNING last_seq \\gset
INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id, author_kind,
    author_id, kind, body, prev_public_seq, created_at)
    VALUES ('{ORGANIZATION}', lpad(to_hex((:n)::bigint), 32, '0')::uuid, :last_seq, gen_random_uuid(), gen_random_uuid(), 1, lpad(to_hex((:n)::bigint), 32, '0')::uuid, 1,
    '{TEXT}', :last_seq - 1, now());
END;
"
    );
    script.write_all(text.as_bytes()).expect("a temporary file is written");
    let output = Command::new("pgbench")
        .args(["-n", "-M", "prepared", "-c", "64", "-j", "2", "-T"])
        .arg(time.as_secs().to_string())
        .arg("-f")
        .arg(script.path())
        .arg(url)
        .env("PGOPTIONS", "-c search_path=conversation")
        .output()
        .await
        .expect("pgbench is there");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let tps = stdout.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.and_then(|rest| rest.split(' ').next()?.parse().ok());
    let tps: f64 =
        tps.unwrap_or_else(|| panic!("{stdout}{}", String::from_utf8_lossy(&output.stderr)));
    seen.add(tps, tps * time.as_secs_f64(), before);
}

/// Measures SQLite, compared with a loop of single inserts into the same file with the same
/// synchronous mode.
pub(crate) async fn sqlite(time: Duration) -> Vec<Row> {
    let server = Conversation::start(None).await;
    let turn = time / ROUNDS;
    let [mut few, mut many] =
        [senders(&server.address, 64).await, senders(&server.address, 256).await];
    run_closed_loop(&mut many, Duration::from_secs(1), &mut Measurements::default()).await;
    let (mut by_few, mut by_many, mut theirs) =
        (Measurements::default(), Measurements::default(), Vec::new());
    for round in 0..ROUNDS as usize {
        theirs.push(one_by_one(&server, turn, round).await);
        run_closed_loop(&mut few, turn, &mut by_few).await;
        run_closed_loop(&mut many, turn, &mut by_many).await;
    }
    let row = |senders: usize, seen: &Measurements, least: f64| Row {
        what: format!("sends on SQLite, {senders} senders"),
        ours: seen.per_second(),
        unit: "/s",
        baseline: Some(Baseline {
            name: "loop of single sends through sqlx",
            value: median(&theirs),
        }),
        goal: Goal::AtLeast(least),
        notes: seen.summary(),
    };
    vec![row(64, &by_few, 4.0), row(256, &by_many, 5.0)]
}

/// Returns the single inserts per second on a separate connection.
async fn one_by_one(server: &Conversation, time: Duration, round: usize) -> f64 {
    let options = SqliteConnectOptions::new()
        .filename(server.sqlite())
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let mut conn = SqliteConnection::connect_with(&options).await.expect("the database opens");
    let id = Uuid::from_u128(1);
    let (begun, mut sent) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.expect("a transaction begins");
        let seq: i64 = query_scalar(
            "UPDATE conversations SET last_seq = last_seq + 1, last_public_seq = last_seq + 1,
                agent_unread = agent_unread + 1, status = 1, updated_at = $3
            WHERE organization_id = $1 AND id = $2 RETURNING last_seq",
        )
        .bind(ORGANIZATION)
        .bind(id)
        .bind(i64::from(sent))
        .fetch_one(&mut *tx)
        .await
        .expect("the conversation is there");
        query(
            "INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
                author_kind, author_id, kind, body, prev_public_seq, created_at)
            VALUES ($1, $2, $3, $4, $4, 1, $2, 1, $5, $3 - 1, $6)",
        )
        .bind(ORGANIZATION)
        .bind(id)
        .bind(seq)
        .bind(Uuid::from_u128(((round as u128 + 1) << 100) + u128::from(sent)))
        .bind(TEXT)
        .bind(i64::from(sent))
        .execute(&mut *tx)
        .await
        .expect("a message is stored");
        tx.commit().await.expect("a transaction commits");
        sent += 1;
    }
    f64::from(sent) / begun.elapsed().as_secs_f64()
}
