//! The answers to batches, as they are kept: rows on lines that follow each other and that fared
//! alike are one entry. An answer is kept for every batch, and is hardly ever asked for.

use serde::{Deserialize, Serialize};

use crate::domain::import::{RowOutcome, RowResult};

/// Rows that fared alike.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// Line of the first one.
    line: i64,
    /// How many there are, each on the line behind the one before.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    rows: i64,
    outcome: RowOutcome,
}

fn one() -> i64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(rows: &i64) -> bool {
    *rows == 1
}

/// Puts results together.
pub(super) fn runs(results: &[RowResult]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for RowResult { line, outcome } in results {
        match runs.last_mut() {
            Some(run) if run.outcome == *outcome && run.line + run.rows == *line => run.rows += 1,
            _ => runs.push(Run { line: *line, rows: 1, outcome: outcome.clone() }),
        }
    }
    runs
}

/// Takes them apart again.
pub(super) fn results(runs: Vec<Run>) -> Vec<RowResult> {
    let each = runs.into_iter().flat_map(|Run { line, rows, outcome }| {
        (line..line + rows).map(move |line| RowResult { line, outcome: outcome.clone() })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_together_comes_apart_as_it_was(
            steps in prop::collection::vec((0..3_i64, 0..4_usize), 0..60),
        ) {
            let mut line = 2;
            let results: Vec<_> = steps
                .into_iter()
                .map(|(step, outcome)| {
                    line += step;
                    let rejected = RowOutcome::rejected("email", "is not an e-mail address");
                    let all =
                        [RowOutcome::Created, RowOutcome::Updated, RowOutcome::Unchanged, rejected];
                    RowResult { line, outcome: all[outcome].clone() }
                })
                .collect();
            let text = serde_json::to_string(&runs(&results)).unwrap();
            prop_assert_eq!(super::results(serde_json::from_str(&text).unwrap()), results);
        }
    }

    #[test]
    fn a_thousand_rows_alike_are_one_entry_and_older_answers_are_read() {
        let alike = |line| RowResult { line, outcome: RowOutcome::Created };
        let text = serde_json::to_string(&runs(&(2..1002).map(alike).collect::<Vec<_>>()));
        assert_eq!(text.unwrap(), r#"[{"line":2,"rows":1000,"outcome":"Created"}]"#);
        let older = r#"[{"line":2,"outcome":"Created"},{"line":3,"outcome":"Created"}]"#;
        assert_eq!(results(serde_json::from_str(older).unwrap()), [alike(2), alike(3)]);
    }
}
