//! PostgreSQL that is restarted, unreachable or silent.

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
const MAX_CONNECTIONS: i64 = 16;

/// Opens every connection of the pool.
async fn open_all_connections(db: &Database) {
    for result in join_all((0..MAX_CONNECTIONS * 2).map(|n| echo(db, n))).await {
        result.unwrap();
    }
}

/// Terminates all connections of the schema except its own, and waits until they have ended, since
/// a connection may still run a statement after the signal.
async fn kill_connections(scratch: &ScratchDatabase, killer: &Database) {
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
            open_all_connections(db).await;
            kill_connections(&scratch, &killer).await;
            write(db, round).await.unwrap();
        }
        open_all_connections(db).await;
        kill_connections(&scratch, &killer).await;
        let mut failed = 0;
        for n in 0..MAX_CONNECTIONS * 2 {
            match echo(db, n).await {
                Ok(number) => assert_eq!(number, n),
                Err(error) => {
                    assert_eq!(reason(error), Reason::Unavailable);
                    failed += 1;
                }
            }
        }
        assert!(failed <= 1, "{failed} reads used a dead connection");
        assert_eq!(stored(db).await.len(), 5);
    });
}

#[test]
fn kills_under_load_lose_no_acknowledged_write() {
    run(Engine::Postgres, &MIGRATIONS, async |scratch| {
        let (db, killer) = (&scratch.db, scratch.reconnect().await);
        let until = Instant::now() + Duration::from_secs(3);
        let kills = async {
            while Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(40)).await;
                kill_connections(&scratch, &killer).await;
            }
        };
        let writers = (0..8_i64).map(|writer| async move {
            let (mut acknowledged, mut failed, mut number) = (BTreeSet::new(), 0, writer);
            while Instant::now() < until {
                match write(db, number).await {
                    Ok(()) => drop(acknowledged.insert(number)),
                    Err(error) => {
                        assert_eq!(reason(error), Reason::Unavailable);
                        failed += 1;
                    }
                }
                number += 8;
            }
            (acknowledged, failed)
        });
        let (results, ()) = tokio::join!(join_all(writers), kills);
        let failed: i32 = results.iter().map(|(_, failed)| failed).sum();
        let acknowledged: BTreeSet<i64> =
            results.into_iter().flat_map(|(acknowledged, _)| acknowledged).collect();
        println!("{} acknowledged, {failed} failed", acknowledged.len());
        assert!(failed > 0 && !acknowledged.is_empty(), "the kills must hit some writes, not all");

        write(db, -1).await.unwrap();
        let stored = stored(&scratch.reconnect().await).await;
        assert!(stored.iter().all(|(_, parts)| *parts == 2));
        let stored: BTreeSet<_> = stored.into_iter().map(|(number, _)| number).collect();
        assert!(acknowledged.is_subset(&stored));
    });
}

#[test]
fn work_without_a_server_is_unavailable() {
    run(Engine::Postgres, &MIGRATIONS, async |_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://nobody@127.0.0.1:{port}/nothing");
        let db = Database::connect(&url, "parts").await.unwrap();
        let (read, written) = tokio::join!(echo(&db, 1), write(&db, 1));
        assert_eq!(reason(read.unwrap_err()), Reason::Unavailable);
        assert_eq!(reason(written.unwrap_err()), Reason::Unavailable);
    });
}

/// Starts a TCP proxy and returns its port. While `forwarding` is false its connections neither
/// forward data nor close, as if the server's machine had lost its power.
async fn start_proxy(to: String, forwarding: watch::Receiver<bool>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (to, mut forwarding) = (to.clone(), forwarding.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                let off = async { drop(forwarding.wait_for(|on| !on).await) };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => return,
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
fn connections_to_a_silent_server_are_replaced() {
    run(Engine::Postgres, &MIGRATIONS, async |scratch| {
        let url = postgres_url();
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let (forward, forwarding) = watch::channel(true);
        let port = start_proxy(server.to_owned(), forwarding).await;
        let url = format!("{before}@127.0.0.1:{port}/{database}");
        let db = Database::connect(&url, scratch.schema().unwrap()).await.unwrap();
        open_all_connections(&db).await;

        forward.send_replace(false);
        let call_timeout = Duration::from_millis(200);
        let calls =
            join_all((0..MAX_CONNECTIONS).map(|n| timeout(call_timeout, echo(&db, n)))).await;
        assert!(calls.iter().all(Result::is_err), "no call can have succeeded");
        forward.send_replace(true);

        // The callers have given up. Their connections must not stay in the pool.
        let recovered = async { while timeout(call_timeout, echo(&db, 7)).await.is_err() {} };
        timeout(Duration::from_secs(15), recovered).await.expect("the pool recovers");
        open_all_connections(&db).await;
        write(&db, 1).await.unwrap();
    });
}
