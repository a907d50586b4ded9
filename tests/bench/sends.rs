//! Durable sends: many callers over gRPC, beside the same work a row at a time.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use onethread_proto::conversation::{
    Author, AuthorKind, MessageKind, SendMessageRequest,
    conversation_service_client::ConversationServiceClient,
};
use onethread_tests::channel;
use sqlx::{
    Connection, SqliteConnection, query, query_scalar,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::process::Command;
use uuid::Uuid;

use crate::{report::Row, server::Conversation};

const CALLERS: [usize; 2] = [64, 256];
/// Connections that callers share, as gateways do.
const CONNECTIONS: usize = 4;
const TEXT: &str = "A message of about the length that people write to each other in a chat.";
const ORGANIZATION: Uuid = Uuid::from_u128(1);

/// What one way of sending reached.
struct Speed {
    per_second: f64,
    p50: f64,
    p99: f64,
}

/// Each caller writes into a conversation of its own, one message after the other.
async fn speed(address: &str, callers: usize, time: Duration, run: usize) -> Speed {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(channel(address).await);
    }
    let end = Instant::now() + time;
    let tasks: Vec<_> = (1..=callers)
        .map(|caller| {
            let mut client = ConversationServiceClient::new(channels[caller % CONNECTIONS].clone());
            tokio::spawn(async move {
                let id = Uuid::from_u128(caller as u128).to_string();
                let mut took = Vec::new();
                while Instant::now() < end {
                    let client_id = Uuid::from_u128((run as u128) << 64 | took.len() as u128);
                    let begun = Instant::now();
                    let request = SendMessageRequest {
                        organization_id: ORGANIZATION.to_string(),
                        conversation_id: id.clone(),
                        author: Some(Author { kind: AuthorKind::Contact.into(), id: id.clone() }),
                        client_message_id: client_id.to_string(),
                        text: TEXT.to_owned(),
                        kind: MessageKind::Text.into(),
                        ..SendMessageRequest::default()
                    };
                    let sent = client.send_message(request).await.expect("a send is answered");
                    assert!(!sent.get_ref().repeated, "each is stored");
                    took.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("no caller fails"));
    }
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    let per_second = took.len() as f64 / time.as_secs_f64();
    Speed { per_second, p50: at(50), p99: at(99) }
}

async fn rows(
    database: &str,
    beside: &'static str,
    server: &Conversation,
    time: Duration,
    yardstick: f64,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (run, callers) in CALLERS.into_iter().enumerate() {
        let Speed { per_second, p50, p99 } =
            speed(&server.address, callers, time, run + 1).await;
        let name = format!("{database}, {callers} senders");
        rows.push(Row { name, ours: per_second, p50, p99, yardstick, beside });
    }
    rows
}

/// PostgreSQL, beside pgbench on the same cluster and tables.
pub(crate) async fn postgres(time: Duration) -> Vec<Row> {
    let url = std::env::var("ONETHREAD_TEST_POSTGRES_URL").expect("a PostgreSQL is named");
    let server = Conversation::start(Some(&url)).await;
    // The conversations that both write into begin here.
    speed(&server.address, CALLERS[1], Duration::from_secs(1), 0).await;
    let yardstick = pgbench(&url, time).await;
    rows("PostgreSQL", "pgbench, 64 clients", &server, time, yardstick).await
}

async fn pgbench(url: &str, time: Duration) -> f64 {
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
    VALUES ('{ORGANIZATION}', lpad(to_hex((:n)::bigint), 32, '0')::uuid, :last_seq, gen_random_uuid(), gen_random_uuid(), 1, lpad(to_hex(:n), 32, '0')::uuid, 1,
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
    let said = String::from_utf8_lossy(&output.stdout);
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.and_then(|rest| rest.split(' ').next()?.parse().ok());
    tps.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// SQLite, beside a loop of single sends on the same file, synchronous as ours.
pub(crate) async fn sqlite(time: Duration) -> Vec<Row> {
    let server = Conversation::start(None).await;
    speed(&server.address, 1, Duration::from_secs(1), 0).await;
    let yardstick = one_by_one(&server, time).await;
    rows("SQLite", "loop of single sends", &server, time, yardstick).await
}

async fn one_by_one(server: &Conversation, time: Duration) -> f64 {
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
        .bind(Uuid::from_u128((1 << 100) + u128::from(sent)))
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
