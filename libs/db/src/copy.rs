//! Consistent copies of several SQLite files while other processes write to them: all copies show
//! the same point in time. They are made by SQLite's online backup, which rusqlite offers and sqlx
//! doesn't. A copy only reads, so writers never wait for it. Each copy is then vacuumed, so that it
//! has rows only, and nothing of what was deleted.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

/// How long to look for a point in time at which no database commits.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long SQLite waits for a lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages that are copied in one step.
const STEP_PAGES: i32 = 1024;
/// Delay before a step is repeated that found a lock of another process. Such locks are short.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// Interval at which a vacuum looks whether it has to stop.
const STOP_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Databases could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file can't be read or written as a database.
    #[error("copying a database")]
    Sqlite(#[from] rusqlite::Error),
    /// The copy that was to be vacuumed can't be removed.
    #[error("removing the draft of a copy")]
    Draft(#[source] std::io::Error),
    /// For 20 s there was no point in time between two commits.
    #[error("the databases are too busy to be copied")]
    Busy,
    /// `keep_going` returned false. The copies are incomplete.
    #[error("stopped")]
    Stopped,
}

/// A database file and the path of its copy, where there must be no file or an empty one.
#[derive(Debug, Clone)]
pub struct FileCopy {
    /// The database, which other processes may be using.
    pub from: PathBuf,
    /// The copy.
    pub to: PathBuf,
}

/// Copies databases as of one point in time, first to a file with `.draft` behind its name. Commits
/// continue; their changes stay in the write-ahead log until the copy is complete. Calls `keep_going` before each step of a few MiB.
/// Blocks the thread, and doesn't sync the copies to disk.
///
/// All copies must show the same point in time, because the services exchange data through
/// outboxes in both directions. If one database were copied later than another, a delivery that is
/// acknowledged in between would be missing from the sender's outbox and from the receiver. As it
/// is, the copies are what a power failure would leave behind.
///
/// # Errors
///
/// When a file can't be read or written, when the databases are too busy, or when `keep_going`
/// returns false.
pub fn copy_consistently(
    copies: &[FileCopy],
    keep_going: impl Fn() -> bool,
) -> Result<(), CopyError> {
    let sources = copies.iter().map(|copy| Source::open(&copy.from));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    take_snapshots(&sources, &keep_going)?;
    for (source, copy) in sources.iter().zip(copies) {
        let draft = draft_of(&copy.to);
        source.copy(&draft, &keep_going)?;
        vacuum(&draft, &copy.to, &keep_going)?;
        std::fs::remove_file(&draft).map_err(CopyError::Draft)?;
    }
    Ok(())
}

/// Where a copy is before it is vacuumed.
fn draft_of(copy: &Path) -> PathBuf {
    let mut name = copy.as_os_str().to_owned();
    name.push(".draft");
    name.into()
}

/// Writes the rows of a database to another file. The file has no unused pages and no gaps, in which
/// deleted rows could be found.
fn vacuum(from: &Path, to: &Path, keep_going: impl Fn() -> bool) -> Result<(), CopyError> {
    let conn = Connection::open(from)?;
    let interrupt = conn.get_interrupt_handle();
    let to = to.to_string_lossy().into_owned();
    let waiting = thread::current();
    let (is_stopped, done) = thread::scope(|scope| {
        let vacuum = scope.spawn(move || {
            let done = conn.execute("VACUUM INTO ?1", [to]);
            waiting.unpark();
            done.map(drop)
        });
        let mut is_stopped = false;
        while !vacuum.is_finished() {
            thread::park_timeout(STOP_POLL_INTERVAL);
            if !is_stopped && !keep_going() {
                is_stopped = true;
                interrupt.interrupt();
            }
        }
        (is_stopped, vacuum.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    if is_stopped { Err(CopyError::Stopped) } else { Ok(done?) }
}

/// A database that is copied.
struct Source {
    /// Holds the snapshot that is copied.
    snapshot: Connection,
    /// Sees later commits.
    latest: Connection,
}

impl Source {
    fn open(file: &Path) -> Result<Self, CopyError> {
        let open = || {
            let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            Ok::<_, CopyError>(conn)
        };
        Ok(Self { snapshot: open()?, latest: open()? })
    }

    /// Starts a read transaction. `BEGIN` alone takes the snapshot only at the first read.
    fn take_snapshot(&self) -> Result<(), CopyError> {
        self.snapshot.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
        Ok(())
    }

    fn release_snapshot(&self) -> Result<(), CopyError> {
        Ok(self.snapshot.execute_batch("ROLLBACK")?)
    }

    /// Returns a number that changes with every commit of another connection.
    fn version(&self) -> Result<i64, CopyError> {
        Ok(self.latest.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    fn copy(&self, to: &Path, keep_going: &impl Fn() -> bool) -> Result<(), CopyError> {
        let mut copy = Connection::open(to)?;
        // The caller syncs a complete copy and deletes an incomplete one.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        let backup = Backup::new(&self.snapshot, &mut copy)?;
        // The read transaction stays open over all steps; otherwise each commit would restart the
        // backup.
        while keep_going() {
            match backup.step(STEP_PAGES)? {
                StepResult::Done => {
                    drop(backup);
                    return copy.close().map_err(|(_, error)| error.into());
                }
                StepResult::More => {}
                _ => thread::sleep(LOCK_RETRY_INTERVAL),
            }
        }
        Err(CopyError::Stopped)
    }
}

/// Takes snapshots of all databases one after another, and takes them again if any database
/// committed meanwhile. One round takes well under a millisecond, so a few rounds are enough even
/// on a busy server.
fn take_snapshots(sources: &[Source], keep_going: &impl Fn() -> bool) -> Result<(), CopyError> {
    let versions = || sources.iter().map(Source::version).collect::<Result<Vec<_>, _>>();
    let started = Instant::now();
    while started.elapsed() < SNAPSHOT_TIMEOUT {
        let before = versions()?;
        for source in sources {
            if !keep_going() {
                return Err(CopyError::Stopped);
            }
            source.take_snapshot()?;
        }
        if versions()? == before {
            return Ok(());
        }
        sources.iter().try_for_each(Source::release_snapshot)?;
    }
    Err(CopyError::Busy)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    /// Sets the flag when it is dropped, also by a failed assertion.
    struct StopOnDrop<'a>(&'a AtomicBool);

    impl Drop for StopOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Opens a database as a server does.
    fn server(folder: &Path, name: &str) -> Connection {
        let conn = Connection::open(folder.join(name)).unwrap();
        conn.busy_timeout(BUSY_TIMEOUT).unwrap();
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

    /// Returns the last number in a database, after checking that all numbers before it are there.
    fn last(file: &Path) -> i64 {
        let conn = Connection::open(file).unwrap();
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let (count, last): (i64, Option<i64>) = conn
            .query_row("SELECT count(*), max(n) FROM t", [], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap();
        assert_eq!(count, last.unwrap_or(0), "no commit is missing in between");
        count
    }

    #[test]
    fn copies_show_one_point_in_time_while_others_write() {
        let folder = tempfile::tempdir().unwrap();
        let (stop, written) = (AtomicBool::new(false), AtomicI64::new(0));
        thread::scope(|scope| {
            let servers = NAMES.map(|name| server(folder.path(), name));
            let _stop = StopOnDrop(&stop);
            scope.spawn(|| {
                // Each number is written to a, then b, then c, so that a ≥ b ≥ c ≥ a - 1 always.
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
                copy_consistently(&copies, || true).unwrap();
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
    fn a_commit_between_two_snapshots_makes_it_take_them_again() {
        let folder = tempfile::tempdir().unwrap();
        let servers = NAMES.map(|name| server(folder.path(), name));
        let calls = AtomicI64::new(0);
        let copies = copies(folder.path());
        copy_consistently(&copies, || {
            let n = calls.fetch_add(1, Ordering::Relaxed) + 1;
            // Every database commits before each of the first snapshots.
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
    fn a_snapshot_is_copied_while_others_commit() {
        let folder = tempfile::tempdir().unwrap();
        let conn = server(folder.path(), "a");
        let fill =
            |n: i64| conn.execute("INSERT INTO t VALUES (?1, zeroblob(60000))", [n]).unwrap();
        (1..=200).for_each(|n| assert_eq!(fill(n), 1));
        let to = folder.path().join("copy");
        // Between two steps there is a commit, and the log is written back.
        let next = AtomicI64::new(201);
        let copy = FileCopy { from: folder.path().join("a"), to: to.clone() };
        copy_consistently(&[copy], || {
            let mut step = next.load(Ordering::Relaxed);
            if step > 201 {
                fill(step);
            }
            step += 1;
            next.store(step, Ordering::Relaxed);
            // If each commit restarted the backup, it would never end.
            step < 300
        })
        .unwrap();
        assert!(next.into_inner() > 203, "there were several steps");
        assert_eq!(last(&to), 201 - 1);
    }

    #[test]
    fn it_stops_when_asked_to_and_creates_no_source() {
        let folder = tempfile::tempdir().unwrap();
        drop(server(folder.path(), "a"));
        let copy = |name: &str| {
            [FileCopy { from: folder.path().join(name), to: folder.path().join("copy") }]
        };
        assert!(matches!(copy_consistently(&copy("a"), || false), Err(CopyError::Stopped)));
        assert!(matches!(copy_consistently(&copy("none"), || true), Err(CopyError::Sqlite(_))));
        assert!(!folder.path().join("none").exists());
        // A server that has ended leaves no log.
        copy_consistently(&copy("a"), || true).unwrap();
        assert_eq!(last(&folder.path().join("copy")), 0);
    }
}
