//! Imports from upload to end, as callers see them.

use std::{fmt::Write, time::Duration};

use onethread_errors::Reason;
use onethread_proto::contactimport::ImportState;
use onethread_testing::ScratchDatabase;
use tokio::net::TcpListener;

use super::stack::{ORGANIZATION, OTHER, Stack, counts};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_file_is_imported_and_the_same_file_again_changes_nothing,
    rejected_rows_are_listed_with_their_reasons,
    files_that_cannot_be_read_apply_nothing,
    a_scanned_file_waits_for_its_mapping,
    nothing_is_applied_before_the_scan,
    a_header_alone_is_done_with_no_rows,
    an_idempotency_key_belongs_to_one_file_of_one_organization,
    concurrent_uploads_with_one_idempotency_key_create_one_import,
    an_import_is_canceled_once_and_not_after_its_end,
    imports_are_visible_only_to_their_organization,
    no_batch_exceeds_its_limits,
}

fn contacts_file(count: usize) -> String {
    let mut file = "\u{feff}User ID,E-Mail,Full name,custom.plan,shoe size\r\n".to_owned();
    for n in 0..count {
        write!(file, "u{n},p{n}@example.org,\"Person \"\"{n}\"\", Jr\",pro,4{}\r\n", n % 10)
            .unwrap();
    }
    file
}

async fn a_file_is_imported_and_the_same_file_again_changes_nothing(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let file = contacts_file(2500);
    let first = stack.upload(&file, true).await;
    assert_eq!(first.state(), ImportState::Scanning);
    let first = stack.ended(&first.id).await;
    assert_eq!(first.error, None);
    assert_eq!((first.state(), first.row_count), (ImportState::Done, 2500));
    assert_eq!(counts(&first), [2500, 0, 0, 0]);
    assert_eq!((first.encoding.as_str(), first.delimiter.as_str()), ("utf-8", ","));
    assert_eq!(first.preview.len(), 5);
    assert_eq!(first.preview[0].cells[2], "Person \"0\", Jr");
    assert!(first.rows_per_second > 0.0 && first.finished_at.is_some());

    let again = stack.upload(&file, true).await;
    assert_eq!(counts(&stack.ended(&again.id).await), [0, 0, 2500, 0]);
    let state = stack.contacts.state.lock().unwrap();
    assert_eq!((state.contacts.len(), state.batches), (2500, 4));
    let known = &state.contacts[&(ORGANIZATION.to_owned(), "u7".to_owned())];
    assert_eq!(
        (known.email.as_str(), known.custom_data["plan"].as_str()),
        ("p7@example.org", "pro")
    );
}

async fn rejected_rows_are_listed_with_their_reasons(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let file =
        "user_id,mail,name\n1,a@b.c,A\n2\n,,C\n1,x@b.c,D\n,A@B.c,E\n,a@B.C,F\n9,bad,G\n1,2,3,4\n";
    let import = stack.ended(&stack.upload(file, true).await.id).await;
    assert_eq!((import.state(), import.row_count), (ImportState::Done, 8));
    assert_eq!(counts(&import), [2, 0, 0, 6]);
    let rows = stack.rejected(&import.id).await;
    let rows: Vec<_> =
        rows.iter().map(|row| (row.line, row.column.as_str(), row.reason.as_str())).collect();
    assert_eq!(
        rows,
        [
            (3, "", "too few fields: 1 where the header has 3"),
            (4, "", "has neither a user_id nor an email"),
            (5, "user_id", "duplicate of line 2"),
            (7, "mail", "duplicate of line 6"),
            (8, "mail", "is not an email address"),
            (9, "", "too many fields: 4 where the header has 3"),
        ]
    );
    assert_eq!(stack.rejected(&import.id).await[1].cells, ["", "", "C"]);
}

async fn files_that_cannot_be_read_apply_nothing(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let long = format!("email\na@b.c\n{}\n", "x".repeat(1024 * 1024 + 1));
    for (file, why) in [
        (&b""[..], "Line 1: the file is empty."),
        (b"email\na@b.c\n\"b@b.c\n", "Line 3: the quote"),
        (long.as_bytes(), "Line 3: the record"),
        (b"\xef\xbb\xbfemail\na@b.c\n\xe4@b.c\n", "Line 3: the text is not UTF-8."),
        (b"\xff\xfee\0", "Line 1: no column is named user_id or email."),
        (b"email\0\na@b.c\n", "Line 1: a NUL byte"),
        (b"colour,size\n1,2\n", "Line 1: no column is named user_id or email."),
        (b",\n1,2\n", "Line 1: no column has a name."),
    ] {
        let import = stack.upload_as(ORGANIZATION, file, true, "").await.unwrap();
        let import = stack.ended(&import.id).await;
        assert_eq!((import.state(), import.processed_count), (ImportState::Failed, 0));
        let error = import.error.unwrap();
        assert!(error.starts_with(why), "{error}");
    }
    assert!(stack.contacts.state.lock().unwrap().contacts.is_empty());
}

async fn a_scanned_file_waits_for_its_mapping(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let file = "id,contact,plan\n1,a@b.c,pro\n";
    let import = stack.upload(file, false).await;
    let import = stack.until(&import.id, &[ImportState::Ready]).await;
    assert_eq!(import.columns, ["id", "contact", "plan"]);
    assert!(import.mapping.is_empty() && import.rows_per_second == 0.0);

    for (changes, path) in [
        (&[][..], "mapping"),
        (&[("contact", "email"), ("sh/oe", "name")], r#"mapping["sh/oe"]"#),
        (&[("contact", "mail")], r#"mapping["contact"]"#),
    ] {
        let error = stack.apply(&import.id, changes).await.unwrap_err();
        assert_eq!((error.reason, error.fields[0].path.as_str()), (Reason::InvalidArgument, path));
    }
    let changes = [("id", "user_id"), ("contact", "email"), ("plan", "custom.plan")];
    stack.apply(&import.id, &changes).await.unwrap();
    let import = stack.ended(&import.id).await;
    assert_eq!(counts(&import), [1, 0, 0, 0]);
    assert_eq!(import.mapping["plan"], "custom.plan");
    let error = stack.apply(&import.id, &[]).await.unwrap_err();
    assert_eq!((error.reason, &*error.metadata["state"]), (Reason::ImportState, "DONE"));
    assert_eq!(stack.cancel(&import.id).await.unwrap_err().reason, Reason::ImportState);
}

async fn nothing_is_applied_before_the_scan(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let import = stack.upload("email\na@b.c\n", false).await;
    assert_eq!(stack.apply(&import.id, &[]).await.unwrap_err().reason, Reason::ImportState);
}

async fn a_header_alone_is_done_with_no_rows(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let import = stack.ended(&stack.upload("email\n", true).await.id).await;
    assert_eq!((import.state(), import.row_count), (ImportState::Done, 0));
    assert_eq!(counts(&import), [0; 4]);
}

async fn an_idempotency_key_belongs_to_one_file_of_one_organization(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let upload = |organization, file: &'static str| {
        stack.upload_as(organization, file.as_bytes(), true, "k")
    };
    let first = upload(ORGANIZATION, "email\na@b.c\n").await.unwrap();
    assert_eq!(upload(ORGANIZATION, "email\na@b.c\n").await.unwrap().id, first.id);
    let other = upload(ORGANIZATION, "email\nb@b.c\n").await.unwrap_err();
    assert_eq!(other.reason, Reason::IdempotencyKeyReused);
    assert_ne!(upload(OTHER, "email\nb@b.c\n").await.unwrap().id, first.id);
    // The files of the other uploads were removed.
    let folder = stack.uploads.path().join(ORGANIZATION);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    let long = "k".repeat(256);
    let long = stack.upload_as(ORGANIZATION, b"", true, &long).await.unwrap_err();
    assert_eq!(long.reason, Reason::InvalidArgument);
}

async fn concurrent_uploads_with_one_idempotency_key_create_one_import(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let files = [&b"email\na@b.c\n"[..], b"email\nb@b.c\n"];
    let uploads = (0..16).map(|n| stack.upload_as(ORGANIZATION, files[n % 2], true, "k"));
    let answers = futures::future::join_all(uploads).await;
    let first_won = answers[0].is_ok();
    let mut ids = std::collections::BTreeSet::new();
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(import) => {
                assert_eq!(n % 2 == 0, first_won, "one file has the key");
                ids.insert(import.id);
            }
            Err(error) => assert_eq!(error.reason, Reason::IdempotencyKeyReused),
        }
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(stack.list(200).await.concat(), Vec::from_iter(ids));
    let folder = stack.uploads.path().join(ORGANIZATION);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

async fn an_import_is_canceled_once_and_not_after_its_end(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let canceled = async |id: &str| {
        let import = stack.cancel(id).await.unwrap();
        assert!(import.finished_at.is_some());
        assert_eq!(stack.cancel(id).await.unwrap_err().reason, Reason::ImportState);
        assert_eq!(stack.apply(id, &[]).await.unwrap_err().reason, Reason::ImportState);
        (import.state(), counts(&import))
    };
    let nothing = (ImportState::Canceled, [0; 4]);
    let scanning = stack.upload("email\na@b.c\n", true).await;
    assert_eq!(canceled(&scanning.id).await, nothing);

    let worker = stack.replica(2).await;
    worker.start(TcpListener::bind("127.0.0.1:0").await.unwrap().into(), &stack.life);
    let ready = stack.upload("email\na@b.c\n", false).await;
    stack.until(&ready.id, &[ImportState::Ready]).await;
    assert_eq!(canceled(&ready.id).await, nothing);

    for (file, end) in [("email\na@b.c\n", ImportState::Done), ("", ImportState::Failed)] {
        let import = stack.ended(&stack.upload(file, true).await.id).await;
        assert_eq!(import.state(), end);
        assert_eq!(stack.cancel(&import.id).await.unwrap_err().reason, Reason::ImportState);
    }
    let state = stack.contacts.state.lock().unwrap();
    assert_eq!(state.contacts.len(), 1, "only of the import that was done");
}

async fn imports_are_visible_only_to_their_organization(scratch: ScratchDatabase) {
    let stack = Stack::idle(scratch).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, stack.upload("email\n", false).await.id);
        stack.clock.advance(Duration::from_millis(2));
    }
    let pages = stack.list(2).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), ids);
    assert_eq!(stack.get(OTHER, &ids[0]).await.unwrap_err().reason, Reason::NotFound);
    assert_eq!(stack.get(ORGANIZATION, "x").await.unwrap_err().fields[0].path, "import_id");
}

async fn no_batch_exceeds_its_limits(scratch: ScratchDatabase) {
    let stack = Stack::new(scratch).await;
    let mut file = "email,custom.text\n".to_owned();
    for n in 0..40 {
        writeln!(file, "p{n}@example.org,{}", "x".repeat(if n == 20 { 1_000_000 } else { 60_000 }))
            .unwrap();
    }
    let import = stack.ended(&stack.upload(&file, true).await.id).await;
    assert_eq!(counts(&import), [40, 0, 0, 0]);
    let state = stack.contacts.state.lock().unwrap();
    assert!(state.largest <= 1024 * 1024, "{}", state.largest);
    assert!(state.batches >= 4);
}
