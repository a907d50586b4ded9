//! Copies of SQLite files that other processes are writing to, all as they stood at one instant.
//! SQLite's online backup does the copying; sqlx has no door to it, rusqlite has. Reads only:
//! nobody who writes ever waits for a copy.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

/// How long one instant is looked for at which nothing is being committed anywhere.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long SQLite waits for a lock of another process.
const BUSY: Duration = Duration::from_secs(5);
/// Pages copied between two looks at whether to go on.
const PAGES: i32 = 1024;

/// Databases could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file can't be read or written as a database.
    #[error("copying a database")]
    Sqlite(#[from] rusqlite::Error),
    /// Commits came so densely for 20 s that no instant lay between them.
    #[error("the databases are written to without a pause")]
    Restless,
    /// `go_on` said no. What was copied so far is of no use.
    #[error("stopped")]
    Stopped,
}

/// One file and where its copy goes: a path at which there is nothing, or an empty file.
#[derive(Debug, Clone)]
pub struct FileCopy {
    /// The database, which other processes may be using.
    pub from: PathBuf,
    /// The copy.
    pub to: PathBuf,
}

/// Copies databases as they all stood at one and the same instant, a few MiB of memory at a time.
/// Commits go on meanwhile; what they write stays in the write-ahead log until the copy is done.
/// `go_on` is asked every few MiB. Blocks. The copies are not yet synced to disk.
///
/// The instant is one for all, because the databases tell each other things by outboxes, in more
/// than one direction: were one copied later than another, a delivery acknowledged in between
/// would be gone from the sender's outbox and not yet with the receiver. At one instant the
/// copies are what a power cut would have left.
pub fn copy_together(copies: &[FileCopy], go_on: impl Fn() -> bool) -> Result<(), CopyError> {
    let sources = copies.iter().map(|copy| Source::open(&copy.from));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    hold(&sources, &go_on)?;
    for (source, copy) in sources.iter().zip(copies) {
        source.copy(&copy.to, &go_on)?;
    }
    Ok(())
}

/// A database that is copied.
struct Source {
    /// Holds the view that is copied.
    held: Connection,
    /// Sees what is committed after it.
    watch: Connection,
}

impl Source {
    fn open(file: &Path) -> Result<Self, CopyError> {
        let open = || {
            let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            conn.busy_timeout(BUSY)?;
            Ok::<_, CopyError>(conn)
        };
        Ok(Self { held: open()?, watch: open()? })
    }

    /// Fixes the view: `BEGIN` alone would leave that to the first read.
    fn hold(&self) -> Result<(), CopyError> {
        self.held.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
        Ok(())
    }

    fn release(&self) -> Result<(), CopyError> {
        Ok(self.held.execute_batch("ROLLBACK")?)
    }

    /// Another number after every commit of another connection.
    fn version(&self) -> Result<i64, CopyError> {
        Ok(self.watch.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    fn copy(&self, to: &Path, go_on: &impl Fn() -> bool) -> Result<(), CopyError> {
        let mut copy = Connection::open(to)?;
        // Whoever asked for the copy syncs it; one that is cut off is thrown away.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        let backup = Backup::new(&self.held, &mut copy)?;
        // The held view lasts over all steps, so that no commit makes the copy begin anew.
        while go_on() {
            match backup.step(PAGES)? {
                StepResult::Done => {
                    drop(backup);
                    return copy.close().map_err(|(_, error)| error.into());
                }
                StepResult::More => {}
                // Somebody else's lock, which is short.
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(CopyError::Stopped)
    }
}

/// Holds the views of one instant: opened one after another, and again when anything was
/// committed anywhere meanwhile. That takes well under a millisecond, so on a busy server a few
/// rounds do.
fn hold(sources: &[Source], go_on: &impl Fn() -> bool) -> Result<(), CopyError> {
    let versions = || sources.iter().map(Source::version).collect::<Result<Vec<_>, _>>();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let before = versions()?;
        for source in sources {
            if !go_on() {
                return Err(CopyError::Stopped);
            }
            source.hold()?;
        }
        if versions()? == before {
            return Ok(());
        }
        sources.iter().try_for_each(Source::release)?;
    }
    Err(CopyError::Restless)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, AtomicI64, Ordering},
        thread,
    };

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    struct Stop<'a>(&'a AtomicBool);

    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// What a server has open.
    fn server(folder: &Path, name: &str) -> Connection {
        let conn = Connection::open(folder.join(name)).unwrap();
        conn.busy_timeout(BUSY).unwrap();
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 50;
            CREATE TABLE IF NOT EXISTS t (n BIGINT, filler BLOB)",
        )
        .unwrap();
        conn
    }

    fn copies(folder: &Path) -> Vec<FileCopy> {
        let copy =
            |name| FileCopy { from: folder.join(name), to: folder.join(format!("{name}.copy")) };
        NAMES.map(copy).to_vec()
    }

    fn last(file: &Path) -> i64 {
        let conn = Connection::open(file).unwrap();
        let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        let (count, last): (i64, Option<i64>) = conn
            .query_row("SELECT count(*), max(n) FROM t", [], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap();
        assert_eq!(count, last.unwrap_or(0), "no commit is missing in between");
        count
    }

    #[test]
    fn copies_are_of_one_instant_whoever_writes_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let (stop, written) = (AtomicBool::new(false), AtomicI64::new(0));
        thread::scope(|scope| {
            let servers = NAMES.map(|name| server(folder.path(), name));
            let _stopped_at_the_end = Stop(&stop);
            scope.spawn(|| {
                // One number goes to a, then b, then c: at any instant a ≥ b ≥ c ≥ a - 1.
                let servers = servers;
                for n in 1_i64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    for conn in &servers {
                        conn.execute("INSERT INTO t VALUES (?1, zeroblob(3000))", [n]).unwrap();
                    }
                    written.store(n, Ordering::SeqCst);
                }
            });
            for _ in 0..10 {
                let target = written.load(Ordering::SeqCst) + 100;
                while written.load(Ordering::SeqCst) < target {
                    thread::yield_now();
                }
                let copies = copies(folder.path());
                let acknowledged = written.load(Ordering::SeqCst);
                copy_together(&copies, || true).unwrap();
                let [a, b, c] = [0, 1, 2].map(|i: usize| last(&copies[i].to));
                assert!(a >= b && b >= c && c >= a - 1, "{a} {b} {c}");
                assert!(c >= acknowledged, "{c} of {acknowledged}");
                for copy in copies {
                    std::fs::remove_file(copy.to).unwrap();
                }
            }
        });
    }

    #[test]
    fn a_commit_between_two_views_makes_it_look_again() {
        let folder = tempfile::tempdir().unwrap();
        let servers = NAMES.map(|name| server(folder.path(), name));
        let asked = AtomicI64::new(0);
        let copies = copies(folder.path());
        copy_together(&copies, || {
            let n = asked.fetch_add(1, Ordering::Relaxed) + 1;
            // Before each of the first views something is told from one to the next.
            if n <= 7 {
                for conn in &servers {
                    conn.execute("INSERT INTO t VALUES (?1, NULL)", [n]).unwrap();
                }
            }
            true
        })
        .unwrap();
        assert_eq!([0, 1, 2].map(|i: usize| last(&copies[i].to)), [7, 7, 7]);
    }

    #[test]
    fn a_view_that_is_held_is_copied_whole_although_the_log_moves_on() {
        let folder = tempfile::tempdir().unwrap();
        let conn = server(folder.path(), "a");
        let fill =
            |n: i64| conn.execute("INSERT INTO t VALUES (?1, zeroblob(60000))", [n]).unwrap();
        (1..=200).for_each(|n| assert_eq!(fill(n), 1));
        let to = folder.path().join("copy");
        // Between every two steps another commit comes and the log is written back.
        let next = AtomicI64::new(201);
        let copy = FileCopy { from: folder.path().join("a"), to: to.clone() };
        copy_together(&[copy], || {
            let mut step = next.load(Ordering::Relaxed);
            if step > 201 {
                fill(step);
            }
            step += 1;
            next.store(step, Ordering::Relaxed);
            // Were each commit to make the copy begin anew, it would never end.
            step < 300
        })
        .unwrap();
        assert!(next.into_inner() > 203, "there were several steps");
        assert_eq!(last(&to), 201 - 1);
    }

    #[test]
    fn it_stops_when_told_to_and_makes_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        drop(server(folder.path(), "a"));
        let copy = |name: &str| {
            [FileCopy { from: folder.path().join(name), to: folder.path().join("copy") }]
        };
        assert!(matches!(copy_together(&copy("a"), || false), Err(CopyError::Stopped)));
        assert!(matches!(copy_together(&copy("none"), || true), Err(CopyError::Sqlite(_))));
        assert!(!folder.path().join("none").exists());
        // A server that is down has left no log.
        copy_together(&copy("a"), || true).unwrap();
        assert_eq!(last(&folder.path().join("copy")), 0);
    }
}
