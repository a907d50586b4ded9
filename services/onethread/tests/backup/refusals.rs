//! What backup and restore refuse: one line, exit 64, nothing made and nothing touched.

use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use crate::server::{ended, onethread};

/// Runs it; it has to be refused with one line that holds the word.
async fn refused(arguments: &[&str], word: &str) {
    let (status, lines) = ended(onethread(arguments)).await;
    assert_eq!((status, lines.len()), (Some(64), 1), "{arguments:?}: {lines:?}");
    assert!(lines[0].contains(word), "{arguments:?}: no {word} in {lines:?}");
}

/// A folder with databases, brought there by `onethread migrate`, and a backup of it.
async fn scene() -> (TempDir, String, String) {
    let scratch = TempDir::new().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let (data, file) = (path("data"), path("backup.tar"));
    let (status, lines) = ended(onethread(&["migrate", "--data-dir", &data])).await;
    assert_eq!(status, Some(0), "{lines:?}");
    fs::write(Path::new(&data).join("server-keys.json"), "{}").unwrap();
    let (status, lines) = ended(onethread(&["backup", "--data-dir", &data, &file])).await;
    assert_eq!(status, Some(0), "{lines:?}");
    (scratch, data, file)
}

fn listed(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_makes_nothing_up() {
    let (scratch, data, file) = scene().await;
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let before = fs::read(&file).unwrap();
    refused(&["backup", "--data-dir", &data, &file], "not overwritten").await;
    assert_eq!(fs::read(&file).unwrap(), before);
    symlink("nowhere", path("link")).unwrap();
    refused(&["backup", "--data-dir", &data, &path("link")], "not overwritten").await;

    refused(&["backup", "--data-dir", &path("none"), &path("new")], "missing").await;
    refused(&["backup", "--data-dir", &data, &path("none/new")], "none/new").await;
    refused(&["backup", "--data-dir", &data], "FILE").await;
    let (new, none) = (path("new"), path("none"));
    let keys = ["--server-keys-file", &none];
    refused(&[&["backup", "--data-dir", &data, &new], &keys[..]].concat(), "missing").await;
    let url = ["--database-url", "postgres://me:canary@localhost/x"];
    for (command, file) in [("backup", &new), ("restore", &file)] {
        refused(&[&[command, "--data-dir", &none, file], &url[..]].concat(), "pg_").await;
    }
    assert_eq!(listed(scratch.path()), ["backup.tar", "data", "link"]);
}

#[tokio::test]
async fn a_restore_overwrites_nothing() {
    let (scratch, data, file) = scene().await;
    let other = scratch.path().join("other");
    let path = other.to_str().unwrap();
    refused(&["restore", "--data-dir", &data, &file], "not empty").await;
    fs::create_dir(&other).unwrap();
    for name in ["identity.db", "bootstrap.json", ".hidden"] {
        fs::write(other.join(name), "mine").unwrap();
        refused(&["restore", "--data-dir", path, &file], "not empty").await;
        assert_eq!(fs::read(other.join(name)).unwrap(), b"mine");
        assert_eq!(listed(&other), [name]);
        fs::remove_file(other.join(name)).unwrap();
    }
    refused(&["restore", "--data-dir", &file, &file], "data folder").await;

    // Other keys stay where they are; the same are no hindrance.
    let keys = scratch.path().join("keys");
    fs::write(&keys, "others").unwrap();
    let arguments =
        ["restore", "--data-dir", path, "--server-keys-file", keys.to_str().unwrap(), &file];
    refused(&arguments, "not overwritten").await;
    assert_eq!((listed(&other), fs::read(&keys).unwrap()), (vec!["lock".into()], b"others".into()));
    fs::write(&keys, "{}").unwrap();
    let (status, lines) = ended(onethread(&arguments)).await;
    assert_eq!(status, Some(0), "{lines:?}");
    let names = ["contact_import.db", "conversation.db", "identity.db", "lock"];
    assert_eq!(listed(&other), names);
}

#[tokio::test]
async fn a_damaged_or_foreign_file_leaves_nothing_behind() {
    let (scratch, _data, file) = scene().await;
    let bytes = fs::read(&file).unwrap();
    let bad = scratch.path().join("bad");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let cut = &bytes[..bytes.len() - 1];
    for content in [cut, &bytes[..bytes.len() / 2], &flipped, b"", b"hello", &[0; 10_240]] {
        fs::write(&bad, content).unwrap();
        let target = scratch.path().join("target");
        let arguments = ["restore", "--data-dir", target.to_str().unwrap(), bad.to_str().unwrap()];
        refused(&arguments, "no backup of Onethread").await;
        assert!(!target.exists());
    }
    refused(&["restore", "--data-dir", "x", scratch.path().to_str().unwrap()], "backup file").await;
    refused(&["restore", "--data-dir", "x", "/nowhere/at/all"], "/nowhere/at/all").await;
}

#[tokio::test]
async fn a_folder_that_a_restore_was_cut_off_in_is_not_served() {
    let (scratch, data, file) = scene().await;
    fs::create_dir(Path::new(&data).join("restore.draft")).unwrap();
    let new = scratch.path().join("new");
    for arguments in [
        &["--http-addr", "127.0.0.1:0", "--data-dir", &data][..],
        &["migrate", "--data-dir", &data],
        &["restore", "--data-dir", &data, &file],
        &["backup", "--data-dir", &data, new.to_str().unwrap()],
    ] {
        refused(arguments, "cut off").await;
    }
}
