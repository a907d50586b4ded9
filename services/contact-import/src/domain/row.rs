//! From a record of a file to a row with the fields of a contact.

use onethread_core::unguard_formulas;

use super::{Header, Key, Mapping, Record, RejectedRow, Target};

/// The fields of one contact. An empty field leaves the stored value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) security_hash: String,
    pub(crate) tags: Vec<String>,
    /// Custom attributes; each key appears once.
    pub(crate) custom: Vec<(String, String)>,
}

impl Row {
    /// Bytes of its message, or somewhat fewer.
    pub(crate) fn size(&self) -> usize {
        // Tags and lengths of the encoding of each value.
        const FIELD_OVERHEAD_BYTES: usize = 12;
        let fields = [
            &self.user_id,
            &self.email,
            &self.name,
            &self.phone,
            &self.company,
            &self.security_hash,
        ];
        let fields = fields.iter().map(|text| text.len() + FIELD_OVERHEAD_BYTES).sum::<usize>();
        let tags = self.tags.iter().map(|tag| tag.len() + FIELD_OVERHEAD_BYTES).sum::<usize>();
        let custom =
            self.custom.iter().map(|(key, value)| key.len() + value.len() + FIELD_OVERHEAD_BYTES);
        fields + tags + custom.sum::<usize>()
    }
}

/// Why a record is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// Column with the error; empty for the whole record.
    pub(crate) column: String,
    pub(crate) reason: String,
}

/// Parses records into rows, by a header and a mapping.
#[derive(Debug, Clone)]
pub(crate) struct RowParser {
    header: Header,
    /// Index of each mapped cell, and its field.
    fields: Vec<(usize, Target)>,
    user_id: Option<usize>,
    email: Option<usize>,
}

impl RowParser {
    pub(crate) fn new(header: Header, mapping: &Mapping) -> Self {
        let fields: Vec<_> = header
            .columns
            .iter()
            .filter_map(|c| Some((c.position, mapping.0.get(&c.name)?.clone())))
            .collect();
        let cell_of = |wanted| fields.iter().find(|(_, target)| *target == wanted).map(|f| f.0);
        let (user_id, email) = (cell_of(Target::UserId), cell_of(Target::Email));
        Self { header, fields, user_id, email }
    }

    /// The key of a record: its user id, or its email when there is no user id. `None` when it has
    /// neither or the wrong number of cells.
    pub(crate) fn key(&self, record: &Record) -> Option<Key> {
        self.key_cell(record).map(|(_, key)| key)
    }

    fn key_cell(&self, record: &Record) -> Option<(usize, Key)> {
        if record.width() != self.header.width {
            return None;
        }
        let cell =
            |cell: Option<usize>| cell.map(|cell| (cell, unguard_formulas(record.cell(cell))));
        let user_id = cell(self.user_id).filter(|(_, text)| !text.is_empty());
        let email = || cell(self.email).filter(|(_, text)| !text.trim().is_empty());
        let by_user_id = user_id.map(|(cell, id)| (cell, Key::user_id(&id)));
        by_user_id.or_else(|| email().map(|(cell, email)| (cell, Key::email(&email))))
    }

    /// Parses a record. `first_line` is the line of an earlier record with the same key.
    ///
    /// # Errors
    ///
    /// Why the record is rejected.
    pub(crate) fn parse(&self, record: &Record, first_line: Option<u64>) -> Result<Row, Rejection> {
        let whole_record = |reason: String| Rejection { column: String::new(), reason };
        if record.width() != self.header.width {
            let few = if record.width() < self.header.width { "too few" } else { "too many" };
            let (got, wanted) = (record.width(), self.header.width);
            return Err(whole_record(format!("{few} fields: {got} where the header has {wanted}")));
        }
        let Some((key_cell, _)) = self.key_cell(record) else {
            return Err(whole_record("has neither a user_id nor an email".to_owned()));
        };
        let in_column = |position: usize, reason: String| Rejection {
            column: self.name_at(position).to_owned(),
            reason,
        };
        if let Some(line) = first_line {
            return Err(in_column(key_cell, format!("duplicate of line {line}")));
        }
        // PostgreSQL can't store it.
        let nul = self.fields.iter().find(|(cell, _)| record.cell(*cell).contains('\0'));
        if let Some((cell, _)) = nul {
            return Err(in_column(*cell, "holds a NUL byte".to_owned()));
        }
        let mut row = Row::default();
        for (position, target) in &self.fields {
            let cell = unguard_formulas(record.cell(*position));
            let cell = &*cell;
            match target {
                Target::UserId => cell.clone_into(&mut row.user_id),
                Target::Email => cell.clone_into(&mut row.email),
                Target::Name => cell.clone_into(&mut row.name),
                Target::Phone => cell.clone_into(&mut row.phone),
                Target::Company => cell.clone_into(&mut row.company),
                Target::SecurityHash => cell.clone_into(&mut row.security_hash),
                Target::Tags => row.tags = tags(cell),
                Target::Custom(key) if !cell.is_empty() => {
                    row.custom.push((key.to_string(), cell.to_owned()));
                }
                Target::Custom(_) => {}
            }
        }
        Ok(row)
    }

    /// The column of a field such as `email` or `custom.plan`; empty when there is none.
    pub(crate) fn column_of(&self, field: &str) -> String {
        let position = self.fields.iter().find(|(_, t)| t.to_string() == field).map(|f| f.0);
        position.map_or("", |position| self.name_at(position)).to_owned()
    }

    fn name_at(&self, position: usize) -> &str {
        let column = self.header.columns.iter().find(|column| column.position == position);
        column.map_or("", |column| &column.name)
    }

    /// A record as a rejected row.
    pub(crate) fn rejected(&self, record: &Record, rejection: Rejection) -> RejectedRow {
        RejectedRow {
            record: record.number,
            line: record.line,
            column: rejection.column,
            reason: rejection.reason,
            cells: self.cells(record),
        }
    }

    /// The record's cells in the columns' order, without formula guards.
    fn cells(&self, record: &Record) -> Vec<String> {
        self.header.cells(record).map(|cell| unguard_formulas(cell).into_owned()).collect()
    }
}

/// The tags of a cell, separated by commas or semicolons.
fn tags(cell: &str) -> Vec<String> {
    let tags = cell.split([',', ';']).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cells: &[&str]) -> Record {
        let mut record = Record { number: 1, line: 2, ..Record::default() };
        for cell in cells {
            record.text.push_str(cell);
            record.ends.push(record.text.len());
        }
        record
    }

    fn parser() -> RowParser {
        let names = ["user_id", "rejected_line", "Mail", "phone", "tags", "custom.plan"];
        let header = Header::read(&record(&names)).unwrap();
        let mapping = Mapping::propose(&header);
        RowParser::new(header, &mapping)
    }

    #[test]
    fn a_row_has_no_formula_guards_and_no_empty_attributes() {
        let row =
            parser().parse(&record(&["7", "x", "a@b.c", "'+49", "vip, new;", ""]), None).unwrap();
        assert_eq!((row.user_id.as_str(), row.phone.as_str()), ("7", "+49"));
        assert_eq!(row.tags, ["vip", "new"]);
        assert!(row.custom.is_empty());
    }

    #[test]
    fn rejected_rows_have_a_reason() {
        let reason = |cells: &[&str], first| parser().parse(&record(cells), first).unwrap_err();
        assert_eq!(reason(&["7"], None).reason, "too few fields: 1 where the header has 6");
        assert_eq!(
            reason(&["", "", "", "1", "2", "3"], None).reason,
            "has neither a user_id nor an email"
        );
        let twice = reason(&["", "", "A@b.c", "", "", ""], Some(2));
        assert_eq!((twice.column.as_str(), twice.reason.as_str()), ("Mail", "duplicate of line 2"));
    }

    #[test]
    fn a_nul_byte_in_a_mapped_cell_rejects_its_row() {
        let row = |cells: &[&str]| parser().parse(&record(cells), None);
        let rejection = row(&["7", "", "a@b.c", "1\0", "", ""]).unwrap_err();
        assert_eq!(
            (rejection.column.as_str(), rejection.reason.as_str()),
            ("phone", "holds a NUL byte")
        );
        assert!(row(&["7", "\0", "a@b.c", "1", "", ""]).is_ok());
    }

    #[test]
    fn keys_follow_the_user_id_before_the_email() {
        let key = |id: &str, mail: &str| parser().key(&record(&[id, "", mail, "", "", ""]));
        assert_eq!(key("", "A@B.c"), key("", " a@b.C"));
        assert_eq!(key("", "\u{c4}@b.c"), key("", "\u{e4}@b.c"));
        assert_ne!(key("7", "a@b.c"), key("", "a@b.c"));
        assert_ne!(key("7", ""), key("07", ""));
        assert_ne!(key("a@b.c", ""), key("", "a@b.c"));
        assert_eq!((key("", ""), key("", " ")), (None, None));
    }

    #[test]
    fn rejected_rows_have_no_columns_of_earlier_rejections() {
        let cells = parser().cells(&record(&["7", "12", "m", "'+1", "t", "'c", "more"]));
        assert_eq!(cells, ["7", "m", "+1", "t", "'c", "more"]);
        assert_eq!(parser().column_of("email"), "Mail");
    }
}
