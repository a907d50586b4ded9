//! PostgreSQL that goes away and comes back.

use std::{collections::BTreeSet, net::TcpListener, time::Duration};

use futures::future::join_all;
use onethread_db::Database;
use onethread_errors::Reason;
use onethread_testing::{Engine, ScratchDatabase, postgres_url, run};
use tokio::{
    io::copy_bidirectional,
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    MIGRATIONS,
    calls::{echo, stored, write},
};

/// Connections in the pool.
const POOL: i64 = 16;

/// Has every connection of the pool opened.
async fn warm(db: &Database) {
    for answer in join_all((0..POOL * 2).map(|n| echo(db, n))).await {
        answer.unwrap();
    }
}

/// Ends every connection of the schema but the one that says so, and waits until they are gone: one
/// that was told alone may still take a statement.
async fn kill(scratch: &ScratchDatabase, killer: &Database) {
    let schema = scratch.schema().unwrap().to_owned();
    let mut conn = killer.reader("parts.kill").await.unwrap();
    let kill = conn.query(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
         WHERE application_name = $1 AND pid <> pg_backend_pid()",
    );
    let _: i64 = kill.bind(schema).scalar().await.unwrap();
}

fn reason(error: impl Into<onethread_errors::Error>) -> Reason {
    error.into().reason
}

#[test]
fn killed_connections_fail_one_read_and_no_write() {
    run(Engine::Postgres, &MIGRATIONS, async |scratch| {
        let (db, killer) = (&scratch.db, scratch.reconnect().await);
        for round in 0..5 {
            warm(db).await;
            kill(&scratch, &killer).await;
            write(db, round).await.unwrap();
        }
        warm(db).await;
        kill(&scratch, &killer).await;
        let mut failed = 0;
        for n in 0..POOL * 2 {
            match echo(db, n).await {
                Ok(answer) => assert_eq!(answer, n),
                Err(error) => {
                    assert_eq!(reason(error), Reason::Unavailable);
                    failed += 1;
                }
            }
        }
        assert!(failed <= 1, "{failed} reads met a dead connection");
        assert_eq!(stored(db).await.len(), 5);
    });
}

#[test]
fn kills_under_load_lose_nothing_that_was_acknowledged() {
    run(Engine::Postgres, &MIGRATIONS, async |scratch| {
        let (db, killer) = (&scratch.db, scratch.reconnect().await);
        let until = Instant::now() + Duration::from_secs(3);
        let kills = async {
            while Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(40)).await;
                kill(&scratch, &killer).await;
            }
        };
        let writers = (0..8_i64).map(|lane| async move {
            let (mut kept, mut refused, mut number) = (BTreeSet::new(), 0, lane);
            while Instant::now() < until {
                match write(db, number).await {
                    Ok(()) => drop(kept.insert(number)),
                    Err(error) => {
                        assert_eq!(reason(error), Reason::Unavailable);
                        refused += 1;
                    }
                }
                number += 8;
            }
            (kept, refused)
        });
        let (lanes, ()) = tokio::join!(join_all(writers), kills);
        let refused: i32 = lanes.iter().map(|(_, refused)| refused).sum();
        let kept: BTreeSet<i64> = lanes.into_iter().flat_map(|(kept, _)| kept).collect();
        println!("{} acknowledged, {refused} refused", kept.len());
        assert!(refused > 0 && !kept.is_empty(), "the kills have to meet some of the work");

        write(db, -1).await.unwrap();
        let stored = stored(&scratch.reconnect().await).await;
        assert!(stored.iter().all(|(_, parts)| *parts == 2));
        let stored: BTreeSet<_> = stored.into_iter().map(|(number, _)| number).collect();
        assert!(kept.is_subset(&stored));
    });
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    run(Engine::Postgres, &MIGRATIONS, async |_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://nobody@127.0.0.1:{port}/nothing");
        let db = Database::connect(&url, "parts").await.unwrap();
        let (read, written) = tokio::join!(echo(&db, 1), write(&db, 1));
        assert_eq!(reason(read.unwrap_err()), Reason::Unavailable);
        assert_eq!(reason(written.unwrap_err()), Reason::Unavailable);
    });
}

/// Passes connections on. Those made while the switch stands at false say nothing more, and
/// don't end either, like those to a machine that lost its power.
async fn wire(to: String, switch: watch::Receiver<bool>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let (to, mut switch) = (to.clone(), switch.clone());
            tokio::spawn(async move {
                let mut there = TcpStream::connect(to).await.unwrap();
                let off = async { drop(switch.wait_for(|on| !on).await) };
                tokio::select! {
                    _ = copy_bidirectional(&mut here, &mut there) => return,
                    () = off => {}
                }
                // Both ends stay open.
                std::future::pending::<()>().await;
            });
        }
    });
    port
}

#[test]
fn a_server_that_fell_silent_is_left_for_new_connections() {
    run(Engine::Postgres, &MIGRATIONS, async |scratch| {
        let url = postgres_url();
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let (switch, on) = watch::channel(true);
        let port = wire(server.to_owned(), on).await;
        let url = format!("{before}@127.0.0.1:{port}/{database}");
        let db = Database::connect(&url, scratch.schema().unwrap()).await.unwrap();
        warm(&db).await;

        switch.send_replace(false);
        let patience = Duration::from_millis(200);
        let calls = join_all((0..POOL).map(|n| timeout(patience, echo(&db, n)))).await;
        assert!(calls.iter().all(Result::is_err), "nobody can have answered");
        switch.send_replace(true);

        // Their callers gave up; their places have to come free all the same.
        let back = async { while timeout(patience, echo(&db, 7)).await.is_err() {} };
        timeout(Duration::from_secs(15), back).await.expect("the pool stays stuck");
        warm(&db).await;
        write(&db, 1).await.unwrap();
    });
}
