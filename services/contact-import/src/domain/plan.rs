//! From a record to a row about a person.

use super::{Header, Key, Mapping, Record, RejectedRow, Target, unguard};

/// One person of a file. An empty field leaves what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) security_hash: String,
    pub(crate) tags: Vec<String>,
    /// Attributes by their keys, each key once.
    pub(crate) custom: Vec<(String, String)>,
}

impl Row {
    /// Bytes that it takes in a message, or somewhat fewer.
    pub(crate) fn size(&self) -> usize {
        // Tags and lengths of the encoding come on top of each value.
        const EACH: usize = 12;
        let fields = [
            &self.user_id,
            &self.email,
            &self.name,
            &self.phone,
            &self.company,
            &self.security_hash,
        ];
        let fields = fields.iter().map(|text| text.len() + EACH).sum::<usize>();
        let tags = self.tags.iter().map(|tag| tag.len() + EACH).sum::<usize>();
        let custom = self.custom.iter().map(|(key, value)| key.len() + value.len() + EACH);
        fields + tags + custom.sum::<usize>()
    }
}

/// Why a record is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// Column at fault; empty when it is the whole record.
    pub(crate) column: String,
    pub(crate) reason: String,
}

/// A header and a mapping, made ready for many records.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    header: Header,
    /// What is read, with its cell.
    fields: Vec<(usize, Target)>,
    user_id: Option<usize>,
    email: Option<usize>,
}

impl Plan {
    /// Makes the plan.
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

    /// What tells the record's person from others: the user id, or the e-mail where there is none.
    /// `None` when the record is not whole or has neither.
    pub(crate) fn key(&self, record: &Record) -> Option<Key> {
        self.key_cell(record).map(|(_, key)| key)
    }

    fn key_cell(&self, record: &Record) -> Option<(usize, Key)> {
        if record.width() != self.header.width {
            return None;
        }
        let cell = |cell: Option<usize>| cell.map(|cell| (cell, unguard(record.cell(cell))));
        let user_id = cell(self.user_id).filter(|(_, text)| !text.is_empty());
        let email = || cell(self.email).filter(|(_, text)| !text.trim().is_empty());
        let by_user_id = user_id.map(|(cell, id)| (cell, Key::user_id(id)));
        by_user_id.or_else(|| email().map(|(cell, email)| (cell, Key::email(email))))
    }

    /// Reads a record. `first_line` is the line of an earlier record with the same key.
    pub(crate) fn row(&self, record: &Record, first_line: Option<u64>) -> Result<Row, Rejection> {
        let whole = |reason: String| Rejection { column: String::new(), reason };
        if record.width() != self.header.width {
            let few = if record.width() < self.header.width { "too few" } else { "too many" };
            let (got, wanted) = (record.width(), self.header.width);
            return Err(whole(format!("{few} fields: {got} where the header has {wanted}")));
        }
        let Some((key_cell, _)) = self.key_cell(record) else {
            return Err(whole("has neither a user_id nor an email".to_owned()));
        };
        let at = |position: usize, reason: String| Rejection {
            column: self.name_at(position).to_owned(),
            reason,
        };
        if let Some(line) = first_line {
            return Err(at(key_cell, format!("duplicate of line {line}")));
        }
        // No text that is kept has one: PostgreSQL could not hold it.
        let nul = self.fields.iter().find(|(cell, _)| record.cell(*cell).contains('\0'));
        if let Some((cell, _)) = nul {
            return Err(at(*cell, "holds a NUL byte".to_owned()));
        }
        let mut row = Row::default();
        for (position, target) in &self.fields {
            let cell = unguard(record.cell(*position));
            match target {
                Target::UserId => cell.clone_into(&mut row.user_id),
                Target::Email => cell.clone_into(&mut row.email),
                Target::Name => cell.clone_into(&mut row.name),
                Target::Phone => cell.clone_into(&mut row.phone),
                Target::Company => cell.clone_into(&mut row.company),
                Target::SecurityHash => cell.clone_into(&mut row.security_hash),
                Target::Tags => row.tags = tags(cell),
                Target::Custom(key) if !cell.is_empty() => {
                    row.custom.push((key.clone(), cell.to_owned()));
                }
                Target::Custom(_) => {}
            }
        }
        Ok(row)
    }

    /// The column that becomes this field (`email`, `custom.plan`); empty where there is none.
    pub(crate) fn column_of(&self, field: &str) -> String {
        let position = self.fields.iter().find(|(_, t)| t.to_string() == field).map(|f| f.0);
        position.map_or("", |position| self.name_at(position)).to_owned()
    }

    fn name_at(&self, position: usize) -> &str {
        let column = self.header.columns.iter().find(|column| column.position == position);
        column.map_or("", |column| &column.name)
    }

    /// A record as it is set aside.
    pub(crate) fn rejected(&self, record: &Record, rejection: Rejection) -> RejectedRow {
        RejectedRow {
            record: record.number,
            line: record.line,
            column: rejection.column,
            reason: rejection.reason,
            cells: self.cells(record),
        }
    }

    /// The record's cells as a list of rejected rows shows them: what they say, without guards.
    fn cells(&self, record: &Record) -> Vec<String> {
        self.header.cells(record).map(|cell| unguard(cell).to_owned()).collect()
    }
}

/// Tags of a cell: with commas or semicolons between them.
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

    fn plan() -> Plan {
        let names = ["user_id", "rejected_line", "Mail", "phone", "tags", "custom.plan"];
        let header = Header::read(&record(&names)).unwrap();
        let mapping = Mapping::propose(&header);
        Plan::new(header, &mapping)
    }

    #[test]
    fn a_row_is_read_without_guards_and_empty_attributes() {
        let row = plan().row(&record(&["7", "x", "a@b.c", "'+49", "vip, new;", ""]), None).unwrap();
        assert_eq!((row.user_id.as_str(), row.phone.as_str()), ("7", "+49"));
        assert_eq!(row.tags, ["vip", "new"]);
        assert!(row.custom.is_empty());
    }

    #[test]
    fn rows_that_cannot_be_taken_say_why() {
        let reason = |cells: &[&str], first| plan().row(&record(cells), first).unwrap_err();
        assert_eq!(reason(&["7"], None).reason, "too few fields: 1 where the header has 6");
        assert_eq!(
            reason(&["", "", "", "1", "2", "3"], None).reason,
            "has neither a user_id nor an email"
        );
        let twice = reason(&["", "", "A@b.c", "", "", ""], Some(2));
        assert_eq!((twice.column.as_str(), twice.reason.as_str()), ("Mail", "duplicate of line 2"));
    }

    #[test]
    fn a_nul_sets_its_own_row_aside_where_the_cell_is_read() {
        let row = |cells: &[&str]| plan().row(&record(cells), None);
        let aside = row(&["7", "", "a@b.c", "1\0", "", ""]).unwrap_err();
        assert_eq!((aside.column.as_str(), aside.reason.as_str()), ("phone", "holds a NUL byte"));
        assert!(row(&["7", "\0", "a@b.c", "1", "", ""]).is_ok());
    }

    #[test]
    fn keys_follow_the_user_id_before_the_email() {
        let key = |id: &str, mail: &str| plan().key(&record(&[id, "", mail, "", "", ""]));
        assert_eq!(key("", "A@B.c"), key("", " a@b.C"));
        assert_eq!(key("", "\u{c4}@b.c"), key("", "\u{e4}@b.c"));
        assert_ne!(key("7", "a@b.c"), key("", "a@b.c"));
        assert_ne!(key("7", ""), key("07", ""));
        assert_ne!(key("a@b.c", ""), key("", "a@b.c"));
        assert_eq!((key("", ""), key("", " ")), (None, None));
    }

    #[test]
    fn rejected_cells_leave_out_what_a_report_added() {
        let cells = plan().cells(&record(&["7", "12", "m", "'+1", "t", "'c", "more"]));
        assert_eq!(cells, ["7", "m", "+1", "t", "'c", "more"]);
        assert_eq!(plan().column_of("email"), "Mail");
    }
}
