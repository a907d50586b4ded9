//! The results of a batch as they are stored: rows on consecutive lines with the same outcome are
//! one run. Results are stored for each batch, and hardly ever read.

use serde::{Deserialize, Serialize};

use crate::import::domain::row::{RowOutcome, RowResult};

/// Rows on consecutive lines with the same outcome.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// Line of the first one.
    line: i64,
    /// Number of rows.
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

/// Results as runs.
pub(super) fn to_runs(results: &[RowResult]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for RowResult { line, outcome } in results {
        match runs.last_mut() {
            Some(run) if run.outcome == *outcome && run.line + run.rows == *line => run.rows += 1,
            _ => runs.push(Run { line: *line, rows: 1, outcome: outcome.clone() }),
        }
    }
    runs
}

/// Runs as results.
pub(super) fn from_runs(runs: Vec<Run>) -> Vec<RowResult> {
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
        fn results_are_the_same_after_a_round_trip(
            steps in prop::collection::vec((0..3_i64, 0..4_usize), 0..60),
        ) {
            let mut line = 2;
            let results: Vec<_> = steps
                .into_iter()
                .map(|(step, outcome)| {
                    line += step;
                    let rejected = RowOutcome::rejected("email", "is not an email address");
                    let all =
                        [RowOutcome::Created, RowOutcome::Updated, RowOutcome::Unchanged, rejected];
                    RowResult { line, outcome: all[outcome].clone() }
                })
                .collect();
            let text = serde_json::to_string(&to_runs(&results)).unwrap();
            prop_assert_eq!(from_runs(serde_json::from_str(&text).unwrap()), results);
        }
    }

    #[test]
    fn equal_results_are_stored_as_one_run_and_the_older_form_is_read() {
        let created = |line| RowResult { line, outcome: RowOutcome::Created };
        let text = serde_json::to_string(&to_runs(&(2..1002).map(created).collect::<Vec<_>>()));
        assert_eq!(text.unwrap(), r#"[{"line":2,"rows":1000,"outcome":"Created"}]"#);
        let older = r#"[{"line":2,"outcome":"Created"},{"line":3,"outcome":"Created"}]"#;
        assert_eq!(from_runs(serde_json::from_str(older).unwrap()), [created(2), created(3)]);
    }
}
