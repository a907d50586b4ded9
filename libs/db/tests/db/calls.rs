//! Slow work.

use onethread_db::{Connection, Database, Result, Sql, transaction};

const PAUSE: Sql = Sql::dialects(
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
     SELECT count(*) FROM n",
    "SELECT pg_sleep(0.001)",
);

/// Spends some time in the database, but less than callers wait.
async fn pause(conn: &mut Connection) -> Result<()> {
    conn.query(PAUSE).execute().await?;
    Ok(())
}

/// Writes two rows in one transaction, with a pause between them.
pub(crate) async fn write(db: &Database, number: i64) -> onethread_errors::Result<()> {
    transaction!(db, "parts.write", |tx| {
        for part in 0..2_i64 {
            let insert = tx.query("INSERT INTO parts (number, part) VALUES ($1, $2)");
            insert.bind(number).bind(part).execute().await?;
            if part == 0 {
                pause(tx).await?;
            }
        }
        Ok(())
    })
}

/// Returns the number it is given, after a pause.
pub(crate) async fn echo(db: &Database, number: i64) -> Result<i64> {
    let mut conn = db.reader("parts.echo").await?;
    pause(&mut conn).await?;
    conn.query("SELECT CAST($1 AS BIGINT)").bind(number).scalar().await
}

/// Returns the stored numbers, each with its number of rows.
pub(crate) async fn stored(db: &Database) -> Vec<(i64, i64)> {
    let mut conn = db.reader("parts.list").await.unwrap();
    let list = "SELECT number, count(*) FROM parts GROUP BY number ORDER BY number";
    conn.query(list).all().await.unwrap()
}
