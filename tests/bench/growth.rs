//! A thread of a hundred messages beside one of a million: nothing may feel the difference.

use std::time::Duration;

use onethread_tests::{LONG, Stage, Widget};
use sqlx::{Connection, PgConnection, SqliteConnection, query, sqlite::SqliteConnectOptions};

use crate::{
    load::{Caller, Seen, crowd},
    report::{Goal, Row, Yardstick},
    server::{Kind, stage},
    widget::{Opener, Reader, Writer, known},
};

const SHORT: i64 = 100;
const LONG_ONE: i64 = 1_000_000;
const ROUNDS: u32 = 5;

/// On both databases.
pub(crate) async fn thread(time: Duration) -> Vec<Row> {
    let mut rows = Vec::new();
    for database in Kind::BOTH {
        let mut stage = stage(database).await;
        let widgets = [known(&stage, 0).await, known(&stage, 1).await];
        for widget in &widgets {
            let mut writer = Writer::new(&stage, widget).await;
            for _ in 0..SHORT {
                writer.write().await;
            }
        }
        // Nobody has it open while it grows behind everybody's back.
        assert!(stage.server.terminate(LONG).await.success());
        grow(database, &stage, widgets[1].contact_id()).await;
        stage.server.restart().await;
        rows.extend(measure(database, &stage, &widgets, time / ROUNDS / 4).await);
    }
    rows
}

async fn measure(
    database: Kind,
    stage: &Stage,
    [short, long]: &[Widget; 2],
    turn: Duration,
) -> Vec<Row> {
    let what = |what| format!("{what}, 1,000,000 messages, {}", database.name());
    let openers = [Opener::known(stage, 0, short).await, Opener::known(stage, 1, long).await];
    let newest = [Reader::new(stage, short, "").await, Reader::new(stage, long, "").await];
    let deep = [
        Reader::new(stage, short, "&beforeSeq=60").await,
        Reader::new(stage, long, "&beforeSeq=500000").await,
    ];
    let writers = [Writer::new(stage, short).await, Writer::new(stage, long).await];
    vec![
        beside(what("init"), openers, turn).await,
        beside(what("first page"), newest, turn).await,
        beside(what("deep page"), deep, turn).await,
        beside(what("send"), writers, turn).await,
    ]
}

async fn beside<C: Caller>(what: String, [short, long]: [C; 2], turn: Duration) -> Row {
    let (mut short, mut long) = (vec![short], vec![long]);
    for callers in [&mut short, &mut long] {
        crowd(callers, turn / 2, &mut Seen::default()).await;
    }
    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    for _ in 0..ROUNDS {
        crowd(&mut short, turn, &mut theirs).await;
        crowd(&mut long, turn, &mut ours).await;
    }
    Row {
        what,
        ours: ours.percentile(50),
        unit: "ms",
        yardstick: Some(Yardstick { name: "100 messages", value: theirs.percentile(50) }),
        goal: Goal::AtMost(1.2),
        notes: ours.words(),
    }
}

/// Adds messages up to a million, as if they had been written one by one.
async fn grow(database: Kind, stage: &Stage, conversation: &str) {
    let conversation: uuid::Uuid = conversation.parse().expect("an id");
    match database {
        Kind::Sqlite => {
            let file = crate::server::sqlite_file(&stage.server.data_dir(), "conversation");
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
                GROWN,
            ] {
                let done =
                    query(text).bind(conversation).bind(SHORT).bind(LONG_ONE).execute(&mut conn);
                done.await.expect("it grows");
            }
            conn.close().await.expect("it closes");
        }
        Kind::Postgres => {
            let url = stage.server.database_url().expect("it has one");
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
                GROWN,
            ] {
                let done =
                    query(text).bind(conversation).bind(SHORT).bind(LONG_ONE).execute(&mut conn);
                done.await.expect("it grows");
            }
            query("VACUUM ANALYZE messages").execute(&mut conn).await.expect("it does");
        }
    }
}

const GROWN: &str = "UPDATE conversations SET last_seq = $3, last_public_seq = $3,
    agent_unread = agent_unread + $3 - $2 WHERE id = $1";
