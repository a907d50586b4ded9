//! What rows change.

use onethread_core::{Entropy, SeededEntropy, SystemEntropy};
use onethread_proto::identity::{self as wire, identify_response::Outcome};
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::testing::{Identity, identity, imports::import_row};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    rows_update_the_contacts_that_they_match,
    an_import_sets_a_missing_claim_and_replaces_none,
    a_batch_has_the_result_of_its_rows_one_by_one,
}

async fn rows_update_the_contacts_that_they_match(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Rejected, Unchanged, Updated};
    let identity = identity(scratch).await;
    let organization = identity.start_session(Some("u1"), None, "").await.organization_id;
    let rows = vec![
        import_row(2, "u1", "one@example.com", ""),
        import_row(3, "u2", "", "Two"),
        import_row(4, "", "three@example.com", "Three"),
        import_row(5, "", "", "No id"),
        import_row(6, "u3", "not an address", ""),
    ];
    let first = identity.import(&organization, 1, rows.clone()).await;
    assert_eq!(first, [Updated, Created, Created, Rejected, Rejected]);
    // A repeated batch number gets the stored result; repeated rows change nothing.
    assert_eq!(identity.import(&organization, 1, rows.clone()).await, first);
    let again = identity.import(&organization, 2, rows).await;
    assert_eq!(again, [Unchanged, Unchanged, Unchanged, Rejected, Rejected]);
    // The email of a contact with a user id is not matched.
    let third =
        identity.import(&organization, 3, vec![import_row(2, "", "ONE@example.com", "")]).await;
    assert_eq!(third, [Created]);
    assert_eq!(identity.list_contacts(&organization, "name", 1).await.len(), 4);
}

async fn an_import_sets_a_missing_claim_and_replaces_none(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Rejected, Unchanged, Updated};
    let identity = identity(scratch).await;
    let session = identity.start_session(Some("u1"), None, "").await;
    let organization = session.organization_id.clone();
    let with = |hash: &str| wire::ImportRow {
        security_hash: hash.to_owned(),
        ..import_row(2, "u1", "", "")
    };
    assert_eq!(identity.import(&organization, 1, vec![with("s")]).await, [Updated]);
    assert_eq!(identity.import(&organization, 2, vec![with("s")]).await, [Unchanged]);
    assert_eq!(identity.import(&organization, 3, vec![with("t")]).await, [Rejected]);
    // The session that did not prove it is revoked.
    assert_eq!(identity.authenticate(&session.token).await.unwrap_err(), Code::Unauthenticated);
    identity.start_session(Some("u1"), Some("s"), "").await;
}

async fn a_batch_has_the_result_of_its_rows_one_by_one(scratch: ScratchDatabase) {
    let mut seed = [0; 8];
    SystemEntropy.fill(&mut seed);
    let seed = u64::from_le_bytes(seed);
    println!("seed {seed}");
    let random = SeededEntropy::new(seed);
    let (whole, single) = (identity(scratch.another().await).await, identity(scratch).await);
    let mut organizations = [const { String::new() }; 2];
    for (identity, organization) in [&whole, &single].into_iter().zip(&mut organizations) {
        let session = identity.start_session(Some("1"), None, "").await;
        *organization = session.organization_id;
        identity.start_session(Some("2"), Some("s"), "").await;
    }
    let mut numbers = 1..;
    for batch in 1..=12 {
        let rows = random_rows(&random, 12);
        let batched = whole.import(&organizations[0], batch, rows.clone()).await;
        let mut one_by_one = Vec::new();
        for row in rows {
            one_by_one
                .extend(single.import(&organizations[1], numbers.next().unwrap(), vec![row]).await);
        }
        assert_eq!(batched, one_by_one, "batch {batch}");
        let (actual, expected) = (
            all_contacts(&whole, &organizations[0]).await,
            all_contacts(&single, &organizations[1]).await,
        );
        assert_eq!(actual, expected, "batch {batch}");
    }
    for (user_id, hash) in [("1", "s"), ("1", "t"), ("3", "s"), ("3", "t"), ("4", "s")] {
        let mut accepted = Vec::new();
        for identity in [&whole, &single] {
            let outcome = identity.identify(Some(user_id), Some(hash), "").await;
            accepted.push(matches!(outcome, Outcome::Session(_)));
        }
        assert_eq!(accepted[0], accepted[1], "{user_id} with {hash}");
    }
}

/// Rows with few different values, so that many match the same contact: by user id and by email,
/// claimed and unclaimed, valid and invalid.
fn random_rows(random: &SeededEntropy, count: usize) -> Vec<wire::ImportRow> {
    let pick = |from: &[&str]| {
        let mut byte = [0];
        random.fill(&mut byte);
        from[usize::from(byte[0]) % from.len()].to_owned()
    };
    let emails = ["", "a@x.org", "A@X.org", "b@x.org", "c@x.org", "d@x.org", "bad"];
    let one = |line| wire::ImportRow {
        line,
        user_id: pick(&["", "", "1", "01", "2", "3", "4", "null"]),
        email: pick(&emails),
        name: pick(&["", "A \"1\" \\ \u{e4}", "B\u{1f600}", "C"]),
        phone: pick(&["", "+49 1", "+49 2"]),
        company: pick(&["", "X"]),
        security_hash: pick(&["", "", "", "s", "t"]),
        tags: [pick(&["vip", "new"])].into(),
        custom_data: [(pick(&["plan", "size"]), pick(&["1", "2", "true"]))].into(),
    };
    (0..count).map(|n| one(i64::try_from(n).unwrap() + 2)).collect()
}

/// What an import can change, of all contacts.
async fn all_contacts(identity: &Identity, organization: &str) -> Vec<String> {
    let listed = identity.list_contacts(organization, "created_at", 200).await;
    let mut shown: Vec<_> = listed
        .into_iter()
        .map(|mut contact| {
            contact.id.clear();
            let person = contact.person.as_mut().unwrap();
            person.id.clear();
            if person.name_generated {
                person.name.clear();
            }
            contact.created_at = None;
            (contact.first_seen_at, contact.last_seen_at) = (None, None);
            contact.devices.clear();
            format!("{contact:?}")
        })
        .collect();
    shown.sort();
    shown
}
