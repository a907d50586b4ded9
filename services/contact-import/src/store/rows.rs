//! Rows as stored, and the way to and from what they mean.

use std::collections::BTreeMap;

use onethread_core::{ImportId, OrganizationId};
use onethread_db::{Error, Json, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    Column, Counts, Format, Header, Import, Job, Lease, Mapping, Position, RejectedRow, Scanned,
};

/// The header as stored: each column's name and cell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HeaderJson {
    columns: Vec<(String, usize)>,
    width: usize,
}

impl From<Header> for HeaderJson {
    fn from(header: Header) -> Self {
        let columns = header.columns.into_iter().map(|c| (c.name, c.position)).collect();
        Self { columns, width: header.width }
    }
}

impl From<HeaderJson> for Header {
    fn from(json: HeaderJson) -> Self {
        let columns = json.columns.into_iter();
        Self {
            columns: columns.map(|(name, position)| Column { name, position }).collect(),
            width: json.width,
        }
    }
}

/// A mapping as stored.
pub(super) type MappingJson = BTreeMap<String, String>;

pub(super) fn mapping_json(mapping: Mapping) -> MappingJson {
    mapping.0.into_iter().map(|(column, target)| (column, target.to_string())).collect()
}

fn mapping(json: MappingJson) -> Result<Mapping, Error> {
    let known = |(column, target): (String, String)| match target.parse() {
        Ok(target) => Ok((column, target)),
        Err(_) => Err(Error::Corrupt("mapping")),
    };
    Ok(Mapping(json.into_iter().map(known).collect::<Result<_, _>>()?))
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ImportRow {
    id: Uuid,
    file_name: String,
    state: String,
    row_count: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    rejected: i64,
    encoding: String,
    delimiter: String,
    header: Json<HeaderJson>,
    mapping: Json<MappingJson>,
    preview: Json<Vec<Vec<String>>>,
    error: Option<String>,
    created_at: Time,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    settled: bool,
}

impl TryFrom<ImportRow> for Import {
    type Error = Error;

    fn try_from(row: ImportRow) -> Result<Self, Error> {
        Ok(Self {
            id: ImportId(row.id),
            file_name: row.file_name,
            state: row.state.parse().map_err(|_| Error::Corrupt("state"))?,
            rows: row.row_count,
            counts: Counts {
                created: row.created,
                updated: row.updated,
                unchanged: row.unchanged,
                rejected: row.rejected,
            },
            encoding: row.encoding,
            delimiter: row.delimiter,
            header: row.header.0.into(),
            mapping: mapping(row.mapping.0)?,
            preview: row.preview.0.into_iter().map(|cells| each(cells, unescaped)).collect(),
            error: row.error,
            created_at: row.created_at.into(),
            started_at: row.started_at.map(Into::into),
            finished_at: row.finished_at.map(Into::into),
            settled: row.settled,
        })
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct JobRow {
    pub(super) organization_id: Uuid,
    id: Uuid,
    lease: i64,
    state: String,
    apply_at_once: bool,
    encoding: String,
    delimiter: String,
    header: Json<HeaderJson>,
    mapping: Json<MappingJson>,
    byte_offset: i64,
    line: i64,
    record: i64,
    batch: i64,
    attempts: i64,
    traceparent: String,
}

impl TryFrom<JobRow> for Job {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Self, Error> {
        Ok(Self {
            lease: Lease {
                organization_id: OrganizationId(row.organization_id),
                import_id: ImportId(row.id),
                number: row.lease,
            },
            state: row.state.parse().map_err(|_| Error::Corrupt("state"))?,
            apply_at_once: row.apply_at_once,
            format: format(&row.encoding, &row.delimiter)?,
            header: row.header.0.into(),
            mapping: mapping(row.mapping.0)?,
            position: Position {
                offset: unsigned(row.byte_offset)?,
                line: unsigned(row.line)?,
                record: unsigned(row.record)?,
            },
            batch: row.batch,
            attempts: row.attempts,
            traceparent: row.traceparent,
        })
    }
}

/// The format as stored; nothing is known of it before the scan.
fn format(encoding: &str, delimiter: &str) -> Result<Format, Error> {
    if encoding.is_empty() {
        return Ok(Format::default());
    }
    let encoding = encoding.parse().map_err(|_| Error::Corrupt("encoding"))?;
    let &[delimiter] = delimiter.as_bytes() else { return Err(Error::Corrupt("delimiter")) };
    Ok(Format { encoding, delimiter })
}

/// A position as three columns.
pub(super) fn position(at: Position) -> [i64; 3] {
    [at.offset, at.line, at.record].map(signed)
}

/// A rejected row on its way in: many of them are one parameter.
#[derive(Debug, Serialize)]
pub(super) struct RejectedJson {
    record: i64,
    line: i64,
    column: String,
    reason: String,
    cells: Vec<String>,
}

/// PostgreSQL's JSON holds no NUL: it is kept as `\u{1}0`, and `\u{1}` as `\u{1}1`.
fn escaped(cell: String) -> String {
    if cell.contains(['\0', '\u{1}']) {
        cell.replace('\u{1}', "\u{1}1").replace('\0', "\u{1}0")
    } else {
        cell
    }
}

fn unescaped(cell: String) -> String {
    if cell.contains('\u{1}') {
        cell.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}")
    } else {
        cell
    }
}

fn each(cells: Vec<String>, change: fn(String) -> String) -> Vec<String> {
    cells.into_iter().map(change).collect()
}

impl From<RejectedRow> for RejectedJson {
    fn from(row: RejectedRow) -> Self {
        Self {
            record: signed(row.record),
            line: signed(row.line),
            column: row.column,
            reason: row.reason,
            cells: each(row.cells, escaped),
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct RejectedDbRow {
    record: i64,
    line: i64,
    column_name: String,
    reason: String,
    cells: Json<Vec<String>>,
}

impl TryFrom<RejectedDbRow> for RejectedRow {
    type Error = Error;

    fn try_from(row: RejectedDbRow) -> Result<Self, Error> {
        Ok(Self {
            record: unsigned(row.record)?,
            line: unsigned(row.line)?,
            column: row.column_name,
            reason: row.reason,
            cells: each(row.cells.0, unescaped),
        })
    }
}

/// What the scan found, as columns.
pub(super) struct ScannedColumns {
    pub(super) encoding: &'static str,
    pub(super) delimiter: String,
    pub(super) header: Json<HeaderJson>,
    pub(super) preview: Json<Vec<Vec<String>>>,
    pub(super) rows: i64,
    pub(super) first: [i64; 3],
}

impl From<Scanned> for ScannedColumns {
    fn from(scanned: Scanned) -> Self {
        Self {
            encoding: scanned.format.encoding.name(),
            delimiter: char::from(scanned.format.delimiter).to_string(),
            header: Json(scanned.header.into()),
            preview: Json(scanned.preview.into_iter().map(|cells| each(cells, escaped)).collect()),
            rows: scanned.rows,
            first: position(scanned.first),
        }
    }
}

pub(super) fn signed(number: u64) -> i64 {
    // Files end at 1 GiB, so that nothing counted in one comes near.
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt("a negative position"))
}
