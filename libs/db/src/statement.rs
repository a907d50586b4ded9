//! Statements: one API for both databases.

use sqlx::{
    Arguments as _, Encode, FromRow, Postgres, SqlStr, Sqlite, Type,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
    query_with,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{Connection, Error, Result, connection::bounded, loan::Pooled};

/// A statement's text, or two texts where the dialects differ.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Sql {
    /// Creates a statement with a text for each database. Both take the same parameters and return
    /// the same columns.
    pub const fn dialects(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A value that both databases take as a parameter.
pub trait Bind<'t>:
    Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres>
{
}

impl<'t, T> Bind<'t> for T where
    T: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres>
{
}

/// A row struct or tuple that both databases can fill.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

/// A statement and its parameters, not yet run.
#[must_use = "a statement does nothing until it is awaited"]
pub struct Statement<'c> {
    connection: &'c mut Connection,
    text: SqlStr,
    arguments: std::result::Result<Arguments, BoxDynError>,
    persistent: bool,
}

enum Arguments {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl<'c> Statement<'c> {
    pub(crate) fn new(connection: &'c mut Connection, text: SqlStr) -> Self {
        let arguments = if connection.is_postgres() {
            Arguments::Postgres(PgArguments::default())
        } else {
            Arguments::Sqlite(SqliteArguments::default())
        };
        Self { connection, text, arguments: Ok(arguments), persistent: true }
    }

    /// Has the statement planned for its parameters instead of prepared once for all of them.
    pub fn unprepared(self) -> Self {
        Self { persistent: false, ..self }
    }

    /// Adds a parameter.
    pub fn bind<'t, T: Bind<'t>>(self, value: T) -> Self {
        self.add(|arguments| match arguments {
            Arguments::Sqlite(arguments) => arguments.add(value),
            Arguments::Postgres(arguments) => arguments.add(value),
        })
    }

    /// Adds a parameter that the databases take in different types, such as a JSON text on SQLite
    /// and an array on PostgreSQL. Only the one that is needed is created.
    pub fn bind_either<'s, 'p, S, P>(
        self,
        sqlite: impl FnOnce() -> S,
        postgres: impl FnOnce() -> P,
    ) -> Self
    where
        S: Encode<'s, Sqlite> + Type<Sqlite>,
        P: Encode<'p, Postgres> + Type<Postgres>,
    {
        self.add(|arguments| match arguments {
            Arguments::Sqlite(arguments) => arguments.add(sqlite()),
            Arguments::Postgres(arguments) => arguments.add(postgres()),
        })
    }

    fn add(
        mut self,
        add: impl FnOnce(&mut Arguments) -> std::result::Result<(), BoxDynError>,
    ) -> Self {
        self.arguments = self.arguments.and_then(|mut arguments| {
            add(&mut arguments)?;
            Ok(arguments)
        });
        self
    }

    /// Runs it, and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// When the database rejects it, or doesn't respond in time. The same holds for all methods
    /// below.
    pub async fn execute(self) -> Result<u64> {
        let Self { connection, text, arguments, persistent } = self;
        let arguments = arguments.map_err(encoding)?;
        let limits = connection.enter();
        let run = async {
            match (connection.loan.pooled(), arguments) {
                (Pooled::Sqlite(conn), Arguments::Sqlite(arguments)) => {
                    Ok(query_with(text, arguments)
                        .persistent(persistent)
                        .execute(&mut **conn)
                        .await?
                        .rows_affected())
                }
                (Pooled::Postgres(conn), Arguments::Postgres(arguments)) => {
                    Ok(query_with(text, arguments)
                        .persistent(persistent)
                        .execute(&mut **conn)
                        .await?
                        .rows_affected())
                }
                _ => unreachable!("parameters are made for their connection"),
            }
        };
        let done = bounded(limits, run).await;
        connection.leave(done)
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    ///
    /// Also when the row doesn't fit its struct. The same holds for all methods below.
    pub async fn optional<R: Row>(self) -> Result<Option<R>> {
        match self.first().await? {
            None => Ok(None),
            Some(Fetched::Sqlite(row)) => Ok(Some(R::from_row(&row)?)),
            Some(Fetched::Postgres(row)) => Ok(Some(R::from_row(&row)?)),
        }
    }

    /// Returns the first row.
    ///
    /// # Errors
    ///
    /// Also when there is none.
    pub async fn one<R: Row>(self) -> Result<R> {
        self.optional().await?.ok_or(Error::Sql(sqlx::Error::RowNotFound))
    }

    /// Returns all rows.
    ///
    /// # Errors
    ///
    /// See above.
    pub async fn all<R: Row>(self) -> Result<Vec<R>> {
        match self.rows().await? {
            Rows::Sqlite(rows) => Ok(rows.iter().map(R::from_row).collect::<sqlx::Result<_>>()?),
            Rows::Postgres(rows) => {
                Ok(rows.iter().map(R::from_row).collect::<sqlx::Result<_>>()?)
            }
        }
    }

    /// Returns the first column of the first row, if there is a row.
    ///
    /// # Errors
    ///
    /// See above.
    pub async fn optional_scalar<T>(self) -> Result<Option<T>>
    where
        (T,): Row,
    {
        Ok(self.optional::<(T,)>().await?.map(|(value,)| value))
    }

    /// Returns the first column of the first row.
    ///
    /// # Errors
    ///
    /// Also when there is no row.
    pub async fn scalar<T>(self) -> Result<T>
    where
        (T,): Row,
    {
        Ok(self.one::<(T,)>().await?.0)
    }

    /// Returns the first column of all rows.
    ///
    /// # Errors
    ///
    /// See above.
    pub async fn scalars<T>(self) -> Result<Vec<T>>
    where
        (T,): Row,
    {
        Ok(self.all::<(T,)>().await?.into_iter().map(|(value,)| value).collect())
    }

    /// True when it returns a row.
    ///
    /// # Errors
    ///
    /// See above.
    pub async fn exists(self) -> Result<bool> {
        Ok(self.first().await?.is_some())
    }

    async fn first(self) -> Result<Option<Fetched>> {
        let Self { connection, text, arguments, persistent } = self;
        let arguments = arguments.map_err(encoding)?;
        let limits = connection.enter();
        let run = async {
            match (connection.loan.pooled(), arguments) {
                (Pooled::Sqlite(conn), Arguments::Sqlite(arguments)) => {
                    let row = query_with(text, arguments)
                        .persistent(persistent)
                        .fetch_optional(&mut **conn)
                        .await?;
                    Ok(row.map(Fetched::Sqlite))
                }
                (Pooled::Postgres(conn), Arguments::Postgres(arguments)) => {
                    let row = query_with(text, arguments)
                        .persistent(persistent)
                        .fetch_optional(&mut **conn)
                        .await?;
                    Ok(row.map(Fetched::Postgres))
                }
                _ => unreachable!("parameters are made for their connection"),
            }
        };
        let done = bounded(limits, run).await;
        connection.leave(done)
    }

    /// Returns all rows undecoded, for code that reads columns by name.
    ///
    /// # Errors
    ///
    /// See above.
    pub async fn rows(self) -> Result<Rows> {
        let Self { connection, text, arguments, persistent } = self;
        let arguments = arguments.map_err(encoding)?;
        let limits = connection.enter();
        let run = async {
            match (connection.loan.pooled(), arguments) {
                (Pooled::Sqlite(conn), Arguments::Sqlite(arguments)) => Ok(Rows::Sqlite(
                    query_with(text, arguments)
                        .persistent(persistent)
                        .fetch_all(&mut **conn)
                        .await?,
                )),
                (Pooled::Postgres(conn), Arguments::Postgres(arguments)) => Ok(Rows::Postgres(
                    query_with(text, arguments)
                        .persistent(persistent)
                        .fetch_all(&mut **conn)
                        .await?,
                )),
                _ => unreachable!("parameters are made for their connection"),
            }
        };
        let done = bounded(limits, run).await;
        connection.leave(done)
    }
}

fn encoding(error: BoxDynError) -> Error {
    Error::Sql(sqlx::Error::Encode(error))
}

enum Fetched {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Rows of either database.
#[derive(Debug)]
pub enum Rows {
    /// From SQLite.
    Sqlite(Vec<SqliteRow>),
    /// From PostgreSQL.
    Postgres(Vec<PgRow>),
}
