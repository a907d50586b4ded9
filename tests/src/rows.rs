//! Row counts of all tables in the SQLite files of a data folder, for tests of calls that must not
//! write anything.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

/// Returns the number of committed rows of each table, by `file/table`.
pub async fn row_counts(data_dir: &Path) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for entry in fs::read_dir(data_dir).expect("the data folder exists").flatten() {
        let path = entry.path();
        if !is_sqlite(&path) {
            continue;
        }
        let options = SqliteConnectOptions::new().filename(&path).read_only(true);
        let mut connection =
            SqliteConnection::connect_with(&options).await.expect("a database opens for reading");
        let tables =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let tables: Vec<String> =
            sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("tables are listed");
        for table in tables {
            let sql = format!("SELECT count(*) FROM \"{table}\"");
            let count = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection);
            let file = entry.file_name();
            let count: i64 = count.await.expect("rows are counted");
            counts.insert(format!("{}/{table}", file.to_string_lossy()), count);
        }
        connection.close().await.expect("a connection closes");
    }
    assert!(!counts.is_empty(), "no SQLite file in the data folder");
    counts
}

fn is_sqlite(path: &Path) -> bool {
    let mut magic = [0; 15];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && &magic == b"SQLite format 3"
}
