//! Rows of the tables, and conversions between them and domain types.

use std::{borrow::Cow, collections::BTreeMap};

use onethread_core::{ImportId, OrganizationId};
use onethread_db::{Error, Json, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    Column, Counts, Format, Header, Import, Job, Lease, Mapping, Position, RejectedRow, ScanResult,
};

/// The header as JSON: each column's name and position.
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

/// A mapping as JSON.
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

#[derive(Debug, onethread_db::FromRow)]
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
            preview: row.preview.0.into_iter().map(unescape_cells).collect(),
            error: row.error,
            created_at: row.created_at.into(),
            started_at: row.started_at.map(Into::into),
            finished_at: row.finished_at.map(Into::into),
            settled: row.settled,
        })
    }
}

#[derive(Debug, onethread_db::FromRow)]
pub(super) struct JobRow {
    organization_id: Uuid,
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
                organization: OrganizationId(row.organization_id),
                import: ImportId(row.id),
                number: row.lease,
            },
            state: row.state.parse().map_err(|_| Error::Corrupt("state"))?,
            apply_after_scan: row.apply_at_once,
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

/// The format. Both columns are empty before the scan.
fn format(encoding: &str, delimiter: &str) -> Result<Format, Error> {
    if encoding.is_empty() {
        return Ok(Format::default());
    }
    let encoding = encoding.parse().map_err(|_| Error::Corrupt("encoding"))?;
    let &[delimiter] = delimiter.as_bytes() else { return Err(Error::Corrupt("delimiter")) };
    Ok(Format { encoding, delimiter })
}

/// A position as three columns.
pub(super) fn position(position: Position) -> [i64; 3] {
    [position.offset, position.line, position.record].map(signed)
}

/// A rejected row to insert. Those of a batch are one JSON parameter.
#[derive(Debug, Serialize)]
pub(super) struct RejectedJson<'r> {
    record: i64,
    line: i64,
    column: &'r str,
    reason: &'r str,
    cells: Vec<Cow<'r, str>>,
}

/// Encodes NUL, which PostgreSQL's JSON can't hold, as `\u{1}0`, and `\u{1}` as `\u{1}1`.
fn escape_nul(cell: &str) -> Cow<'_, str> {
    if cell.contains(['\0', '\u{1}']) {
        Cow::Owned(cell.replace('\u{1}', "\u{1}1").replace('\0', "\u{1}0"))
    } else {
        Cow::Borrowed(cell)
    }
}

fn unescape_nul(cell: String) -> String {
    if cell.contains('\u{1}') {
        cell.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}")
    } else {
        cell
    }
}

fn escape_cells(cells: &[String]) -> Vec<String> {
    cells.iter().map(|cell| escape_nul(cell).into_owned()).collect()
}

fn unescape_cells(cells: Vec<String>) -> Vec<String> {
    cells.into_iter().map(unescape_nul).collect()
}

impl<'r> From<&'r RejectedRow> for RejectedJson<'r> {
    fn from(row: &'r RejectedRow) -> Self {
        Self {
            record: signed(row.record),
            line: signed(row.line),
            column: &row.column,
            reason: &row.reason,
            cells: row.cells.iter().map(|cell| escape_nul(cell)).collect(),
        }
    }
}

#[derive(Debug, onethread_db::FromRow)]
pub(super) struct RejectedRowRow {
    record: i64,
    line: i64,
    column_name: String,
    reason: String,
    cells: Json<Vec<String>>,
}

impl TryFrom<RejectedRowRow> for RejectedRow {
    type Error = Error;

    fn try_from(row: RejectedRowRow) -> Result<Self, Error> {
        Ok(Self {
            record: unsigned(row.record)?,
            line: unsigned(row.line)?,
            column: row.column_name,
            reason: row.reason,
            cells: unescape_cells(row.cells.0),
        })
    }
}

/// The result of a scan as columns.
pub(super) struct ScanColumns {
    pub(super) encoding: &'static str,
    pub(super) delimiter: String,
    pub(super) header: Json<HeaderJson>,
    pub(super) preview: Json<Vec<Vec<String>>>,
    pub(super) rows: i64,
    pub(super) first: [i64; 3],
}

impl From<ScanResult> for ScanColumns {
    fn from(scan: ScanResult) -> Self {
        Self {
            encoding: scan.format.encoding.name(),
            delimiter: char::from(scan.format.delimiter).to_string(),
            header: Json(scan.header.into()),
            preview: Json(scan.preview.iter().map(|cells| escape_cells(cells)).collect()),
            rows: scan.rows,
            first: position(scan.first),
        }
    }
}

pub(super) fn signed(number: u64) -> i64 {
    // Files have at most 1 GiB, so no count in one comes near the limit.
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt("a negative position"))
}
