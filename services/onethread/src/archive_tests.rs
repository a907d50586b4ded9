//! Archives that are damaged, foreign or hostile.

use std::{collections::BTreeMap, fs, io::Cursor, path::Path};

use super::*;

const UPLOAD: &str =
    "uploads/018f0000-0000-7000-8000-000000000001/018f0000-0000-7000-8000-000000000002";

fn manifest() -> Manifest {
    Manifest { format: FORMAT, version: "1.2.3".to_owned(), taken_at: "then".to_owned() }
}

fn contents() -> BTreeMap<String, Vec<u8>> {
    let mut contents: BTreeMap<_, _> =
        databases::files().into_iter().map(|name| (name, vec![7; 70])).collect();
    contents.insert(KEYS.to_owned(), b"{}".to_vec());
    contents.insert(UPLOAD.to_owned(), vec![b'x'; BLOCK]);
    contents
}

fn archive(manifest: &Manifest, contents: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), manifest, 1).unwrap();
    for (name, content) in contents {
        writer.add(name, content.len() as u64, &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

/// An archive of these entries and sums that agree, whatever the entries are.
fn hostile(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &manifest(), 1).unwrap();
    for (name, content) in contents() {
        writer.add(&name, content.len() as u64, &content[..]).unwrap();
    }
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_size(content.len() as u64);
        header.set_entry_type(*kind);
        header.set_cksum();
        writer.tar.append(&header, *content).unwrap();
        writer.sums.add(&String::from_utf8_lossy(name), Sha256::new_with_prefix(content));
    }
    writer.finish().unwrap()
}

/// Reads it into a folder, and gives what came there.
fn unpacked(archive: &[u8]) -> Result<(Manifest, BTreeMap<String, Vec<u8>>), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut placed = Vec::new();
    let place = |name: &str| {
        placed.push(name.to_owned());
        File::create_new(folder.path().join(name.replace('/', "+"))).map(Some)
    };
    let manifest = match read(archive, place) {
        Ok(manifest) => manifest,
        Err(Refused::Content(why)) => return Err(why),
        Err(Refused::Writing(error)) => panic!("{error}"),
    };
    let content = |name: String| {
        let content = fs::read(folder.path().join(name.replace('/', "+"))).unwrap();
        (name, content)
    };
    Ok((manifest, placed.into_iter().map(content).collect()))
}

#[test]
fn what_was_written_is_read() {
    let bytes = archive(&manifest(), &contents());
    assert_eq!(unpacked(&bytes), Ok((manifest(), contents())));
    // Checking alone writes nothing.
    assert!(matches!(read(&bytes[..], |_| Ok(None)), Ok(it) if it == manifest()));
    // A tape's worth of emptiness at the end is what other writers of tar leave.
    let padded = [&bytes[..], &[0; 8192]].concat();
    assert_eq!(unpacked(&padded), Ok((manifest(), contents())));
}

#[test]
fn any_tar_and_sha256sum_read_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("b"), archive(&manifest(), &contents())).unwrap();
    let script = "tar xf b && sha256sum --check --strict --quiet SHA256SUMS";
    let mut shell = std::process::Command::new("sh");
    assert!(shell.args(["-c", script]).current_dir(folder.path()).status().unwrap().success());
    assert!(Path::new(&folder.path().join(UPLOAD)).is_file());
}

#[test]
fn cut_off_anywhere_it_is_refused() {
    let bytes = archive(&manifest(), &contents());
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], |_| Ok(None)).is_err(), "{length} of {}", bytes.len());
    }
}

#[test]
fn with_any_byte_changed_it_is_refused_or_says_the_same() {
    let bytes = archive(&manifest(), &contents());
    let mut refused = 0;
    for at in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if read(&changed[..], |_| Ok(None)).is_err() {
                refused += 1;
            } else {
                // Padding, or another spelling of the same number.
                assert_eq!(unpacked(&changed), Ok((manifest(), contents())), "{at} {flip}");
            }
        }
    }
    // All of the headers and the content.
    assert!(refused > bytes.len(), "{refused}");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let id = "018f0000-0000-7000-8000-000000000003";
    let inner = |tail: &str| format!("uploads/{id}/{tail}");
    for name in [
        "../identity.db",
        "/etc/passwd",
        "uploads/../../x",
        "uploads/..",
        "uploads",
        "uploads/",
        "./identity.db",
        "lock",
        "run.json",
        "identity.db-wal",
        "restore.draft",
        "",
        &inner(".."),
        &inner("x"),
        &inner(&format!("{id}/x")),
        &inner(&id.to_uppercase()),
        &inner(&id.replace('-', "")),
        &format!("uploads/{{{id}}}/{id}"),
        // Twice, and a first or last one in the middle.
        "identity.db",
        UPLOAD,
        "manifest.json",
    ] {
        let why = unpacked(&hostile(&[(name.as_bytes(), EntryType::Regular, b"x")]));
        assert!(why.as_ref().is_err_and(|why| why.contains("no backup")), "{name}: {why:?}");
    }
    let good = inner(id);
    assert!(unpacked(&hostile(&[(good.as_bytes(), EntryType::Regular, b"x")])).is_ok());
    assert!(unpacked(&hostile(&[(b"uploads/\xff", EntryType::Regular, b"x")])).is_err());
}

#[test]
fn only_plain_files_are_taken() {
    let name = b"bootstrap.json";
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::GNUSparse,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        assert!(unpacked(&hostile(&[(name, kind, b"")])).is_err(), "{kind:?}");
    }
    assert!(unpacked(&hostile(&[(name, EntryType::Regular, b"")])).is_ok());
}

#[test]
fn what_is_missing_or_foreign_is_told() {
    for name in contents().into_keys().filter(|name| name != UPLOAD) {
        let mut contents = contents();
        contents.remove(&name);
        assert!(unpacked(&archive(&manifest(), &contents)).unwrap_err().contains(&name));
    }
    let later = Manifest { format: 2, ..manifest() };
    assert!(unpacked(&archive(&later, &contents())).unwrap_err().contains("format 2"));

    let mut other = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(1);
    other.append_data(&mut header, "photo.jpg", &b"x"[..]).unwrap();
    for foreign in [other.into_inner().unwrap(), vec![0; 4096], b"SQLite format 3\0".repeat(100)] {
        assert!(unpacked(&foreign).unwrap_err().contains("no backup of Onethread"));
    }
}

#[test]
fn a_file_has_the_size_that_was_said() {
    let mut writer = Writer::new(Vec::new(), &manifest(), 1).unwrap();
    // One that grows is cut where it was.
    writer.add(KEYS, 2, Cursor::new(b"{} and more")).unwrap();
    assert!(writer.add(BOOTSTRAP, 20, Cursor::new(b"too little")).is_err());
}
