//! Slow work.

use onethread_db::{Conn, Database, Result, on};
use sqlx::{query, query_as, query_scalar};

/// Some time within the database, less than callers have.
async fn dawdle(conn: &mut Conn<'_>) -> Result<()> {
    let text = conn.pick(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         SELECT count(*) FROM n",
        "SELECT pg_sleep(0.001)",
    );
    on!(conn, |c| query(text).execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// Writes two rows in one transaction, with a pause between them.
pub(crate) async fn write(db: &Database, number: i64) -> Result<()> {
    db.write("parts.write", move |mut conn| {
        Box::pin(async move {
            for part in 0..2_i64 {
                on!(&mut conn, |c| query("INSERT INTO parts (number, part) VALUES ($1, $2)")
                    .bind(number)
                    .bind(part)
                    .execute(&mut **c)
                    .await
                    .map(drop))?;
                if part == 0 {
                    dawdle(&mut conn).await?;
                }
            }
            Ok(())
        })
    })
    .await
}

/// Gives back the number it is given, after a pause.
pub(crate) async fn echo(db: &Database, number: i64) -> Result<i64> {
    db.read("parts.echo", move |mut conn| {
        Box::pin(async move {
            dawdle(&mut conn).await?;
            Ok(on!(&mut conn, |c| query_scalar("SELECT CAST($1 AS BIGINT)")
                .bind(number)
                .fetch_one(&mut **c)
                .await)?)
        })
    })
    .await
}

/// The numbers that have rows, and how many.
pub(crate) async fn stored(db: &Database) -> Vec<(i64, i64)> {
    db.read("parts.list", |mut conn| {
        Box::pin(async move {
            Ok(on!(&mut conn, |c| query_as(
                "SELECT number, count(*) FROM parts GROUP BY number ORDER BY number"
            )
            .fetch_all(&mut **c)
            .await)?)
        })
    })
    .await
    .unwrap()
}
