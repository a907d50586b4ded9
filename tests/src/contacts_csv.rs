//! CSV files for imports.

use std::fmt::Write;

/// Returns a file with a header and `count` contacts, numbered from 1, each with its own user id.
pub fn contacts_csv(prefix: &str, count: usize) -> String {
    let mut csv = "user_id,email,name,phone,company\n".to_owned();
    for number in 1..=count {
        csv.push_str(&contact_row(prefix, number));
    }
    csv
}

/// Returns one row of such a file.
pub fn contact_row(prefix: &str, number: usize) -> String {
    let mut row = String::new();
    writeln!(
        row,
        "{prefix}-{number},{prefix}-{number}@example.com,\"Person {number}, of {prefix}\",\
         +49 30 {number:07},Company {}",
        number % 97
    )
    .expect("writing to a string succeeds");
    row
}
