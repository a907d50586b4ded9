//! A thread of a hundred messages compared with one of a million: no call may be slower.

use std::time::Duration;

use onethread_tests::{LONG_TIMEOUT, TestServer, Widget};
use sqlx::{Connection, PgConnection, SqliteConnection, query, sqlite::SqliteConnectOptions};

use crate::{
    load::{Caller, Measurements, run_closed_loop},
    report::{Baseline, Goal, Row},
    server::{Kind, start_server},
    widget::{Opener, Reader, Writer, log_in},
};

const SHORT_THREAD: i64 = 100;
const LONG_THREAD: i64 = 1_000_000;
const ROUNDS: u32 = 5;

/// Measures both databases.
pub(crate) async fn thread(time: Duration) -> Vec<Row> {
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let mut server = start_server(database).await;
        let widgets = [log_in(&server, 0).await, log_in(&server, 1).await];
        for widget in &widgets {
            let mut writer = Writer::new(&server, widget).await;
            for _ in 0..SHORT_THREAD {
                writer.write().await;
            }
        }
        // The server is stopped while rows are added directly.
        assert!(server.process.terminate(LONG_TIMEOUT).await.success());
        grow(database, &server, widgets[1].contact_id()).await;
        server.process.restart().await;
        rows.extend(measure(database, &server, &widgets, time / ROUNDS / 4).await);
    }
    rows
}

async fn measure(
    database: Kind,
    server: &TestServer,
    [short, long]: &[Widget; 2],
    turn: Duration,
) -> Vec<Row> {
    let what = |what| format!("{what}, 1,000,000 messages, {}", database.name());
    let openers = [Opener::known(server, 0, short).await, Opener::known(server, 1, long).await];
    let newest = [Reader::new(server, short, "").await, Reader::new(server, long, "").await];
    let deep = [
        Reader::new(server, short, "&beforeSeq=60").await,
        Reader::new(server, long, "&beforeSeq=500000").await,
    ];
    let writers = [Writer::new(server, short).await, Writer::new(server, long).await];
    vec![
        compare(what("init"), openers, turn).await,
        compare(what("first page"), newest, turn).await,
        compare(what("deep page"), deep, turn).await,
        compare(what("send"), writers, turn).await,
    ]
}

async fn compare<C: Caller>(what: String, [short, long]: [C; 2], turn: Duration) -> Row {
    let (mut short, mut long) = (vec![short], vec![long]);
    for callers in [&mut short, &mut long] {
        run_closed_loop(callers, turn / 2, &mut Measurements::default()).await;
    }
    let (mut ours, mut theirs) = (Measurements::default(), Measurements::default());
    for _ in 0..ROUNDS {
        run_closed_loop(&mut short, turn, &mut theirs).await;
        run_closed_loop(&mut long, turn, &mut ours).await;
    }
    Row {
        what,
        ours: ours.percentile(50),
        unit: "ms",
        baseline: Some(Baseline { name: "100 messages", value: theirs.percentile(50) }),
        goal: Goal::AtMost(1.2),
        notes: ours.summary(),
    }
}

/// Adds messages up to a million, with the same result as if they had been sent.
async fn grow(database: Kind, server: &TestServer, conversation: &str) {
    let conversation: uuid::Uuid = conversation.parse().expect("an id");
    match database {
        Kind::Sqlite => {
            let file = crate::server::sqlite_file(&server.process.data_dir(), "conversation");
            let options = SqliteConnectOptions::new().filename(file);
            let mut conn = SqliteConnection::connect_with(&options).await.expect("it opens");
            for text in [
                "WITH RECURSIVE n (seq) AS (SELECT $2 + 1 UNION ALL
                    SELECT seq + 1 FROM n WHERE seq < $3)
                INSERT INTO messages (organization_id, conversation_id, seq, id,
                    client_message_id, author_kind, author_id, kind, body, prev_public_seq,
                    created_at)
                SELECT m.organization_id, m.conversation_id, n.seq, randomblob(16),
                    randomblob(16), m.author_kind, m.author_id, m.kind, m.body, n.seq - 1,
                    m.created_at
                FROM messages m CROSS JOIN n WHERE m.conversation_id = $1 AND m.seq = $2",
                UPDATE_CONVERSATION,
            ] {
                let done = query(text)
                    .bind(conversation)
                    .bind(SHORT_THREAD)
                    .bind(LONG_THREAD)
                    .execute(&mut conn);
                done.await.expect("it grows");
            }
            conn.close().await.expect("it closes");
        }
        Kind::Postgres => {
            let url = server.process.database_url().expect("it has one");
            let mut conn = PgConnection::connect(url).await.expect("the server answers");
            query("SET search_path = conversation").execute(&mut conn).await.expect("it does");
            for text in [
                "INSERT INTO messages (organization_id, conversation_id, seq, id,
                    client_message_id, author_kind, author_id, kind, body, prev_public_seq,
                    created_at)
                SELECT m.organization_id, m.conversation_id, n.seq, gen_random_uuid(),
                    gen_random_uuid(), m.author_kind, m.author_id, m.kind, m.body, n.seq - 1,
                    m.created_at
                FROM messages m CROSS JOIN generate_series($2 + 1, $3) AS n (seq)
                WHERE m.conversation_id = $1 AND m.seq = $2",
                UPDATE_CONVERSATION,
            ] {
                let done = query(text)
                    .bind(conversation)
                    .bind(SHORT_THREAD)
                    .bind(LONG_THREAD)
                    .execute(&mut conn);
                done.await.expect("it grows");
            }
            query("VACUUM ANALYZE messages").execute(&mut conn).await.expect("it does");
        }
    }
}

const UPDATE_CONVERSATION: &str = "UPDATE conversations SET last_seq = $3, last_public_seq = $3,
    agent_unread = agent_unread + $3 - $2 WHERE id = $1";
