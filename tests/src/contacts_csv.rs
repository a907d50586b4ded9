//! Files of people to import.

use std::fmt::Write;

/// A file with a header and `count` people, numbered from 1, each with a user id of its own.
pub fn people_csv(prefix: &str, count: usize) -> String {
    let mut csv = "user_id,email,name,phone,company\n".to_owned();
    for number in 1..=count {
        csv.push_str(&person_row(prefix, number));
    }
    csv
}

/// One record of such a file.
pub fn person_row(prefix: &str, number: usize) -> String {
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
