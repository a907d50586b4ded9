//! The backup file: a tar archive of known names, so that any tar looks into it. It begins with
//! `manifest.json` and ends with `SHA256SUMS`, in the form of sha256sum, over everything before
//! it. What is written or put where is [`crate::backup`]'s and [`crate::restore`]'s affair.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read, Write},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};
use uuid::Uuid;

use crate::databases;

/// What the reader of this version reads.
pub(crate) const FORMAT: u32 = 1;
/// The server's keys.
pub(crate) const KEYS: &str = "server-keys.json";
/// The first organization's secrets; a backup may be without.
pub(crate) const BOOTSTRAP: &str = "bootstrap.json";
/// Folder of uploaded files.
pub(crate) const UPLOADS: &str = "uploads";

const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";
/// Bytes of each of these two at most.
const MANIFEST_BYTES: u64 = 64 * 1024;
const SUMS_BYTES: u64 = 32 * 1024 * 1024;
/// Files in an archive at most: their names and sums are held in memory.
const FILES: usize = 100_000;
/// Bytes read at a time.
const PIECE: usize = 64 * 1024;
/// A tar archive goes in blocks of this size, two empty ones at its end.
const BLOCK: usize = 512;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// [`FORMAT`] of the writer.
    pub(crate) format: u32,
    /// Version of the program that wrote it.
    pub(crate) version: String,
    /// Everything acknowledged before this moment is in it. RFC 3339.
    pub(crate) taken_at: String,
}

/// An archive can't be taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is not what it should be; says why.
    Content(String),
    /// What is in it can't be written.
    Writing(io::Error),
}

impl Refused {
    fn damaged(what: impl std::fmt::Display) -> Self {
        Self::Content(format!("is damaged, or no backup of Onethread: {what}"))
    }
}

/// Writes an archive from front to back.
pub(crate) struct Writer<W: Write> {
    tar: Builder<W>,
    sums: Sums,
    seconds: u64,
}

impl<W: Write> Writer<W> {
    /// Begins it. `seconds` since 1970 is the time every entry bears.
    pub(crate) fn new(out: W, manifest: &Manifest, seconds: u64) -> io::Result<Self> {
        let mut writer = Self { tar: Builder::new(out), sums: Sums::default(), seconds };
        let text = serde_json::to_vec_pretty(manifest)?;
        writer.add(MANIFEST, text.len() as u64, &*text)?;
        Ok(writer)
    }

    /// Adds a file of this size; what `content` has beyond it is left out. Fails when it has less.
    pub(crate) fn add(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        if self.sums.names.len() == FILES {
            return Err(io::Error::other(format!("there are over {FILES} files")));
        }
        let mut hashed = Hashed { inner: content.take(size), hash: Sha256::new(), size: 0 };
        self.append(name, size, &mut hashed)?;
        if hashed.size != size {
            return Err(io::Error::other(format!("{name} was cut short while it was read")));
        }
        self.sums.add(name, hashed.hash);
        Ok(())
    }

    /// Ends it and gives back where it was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let text = std::mem::take(&mut self.sums.text);
        self.append(SUMS, text.len() as u64, text.as_bytes())?;
        self.tar.into_inner()
    }

    fn append(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_path(name)?;
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.seconds);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        self.tar.append(&header, content)
    }
}

/// Reads an archive from front to back, checks everything, and writes each file to where `place`
/// says, if anywhere, and on to disk. When it returns an error, what was written is worth nothing.
///
/// `place` gets known names alone: no way out of a folder is among them.
pub(crate) fn read(
    input: impl Read,
    mut place: impl FnMut(&str) -> io::Result<Option<File>>,
) -> Result<Manifest, Refused> {
    let mut archive = Archive::new(input);
    let (mut manifest, mut sums, mut ended) = (None, Sums::default(), false);
    // Raw: extensions for long names are nothing that the writer makes, and could be of any size.
    for entry in archive.entries().map_err(Refused::damaged)?.raw(true) {
        let mut entry = entry.map_err(Refused::damaged)?;
        let name = name(entry.header())?;
        let size = entry.header().entry_size().map_err(Refused::damaged)?;
        if ended || sums.names.len() > FILES || sums.names.contains(&name) {
            return Err(Refused::damaged(format_args!("{name} is one too many")));
        }
        match (name.as_str(), &manifest) {
            (MANIFEST, None) => {
                let text = short(&mut entry, size, MANIFEST_BYTES)?;
                manifest = Some(check(&text)?);
                sums.add(&name, Sha256::new_with_prefix(&text));
            }
            (_, None) => return Err(Refused::damaged("it does not begin with a manifest")),
            (SUMS, _) => {
                if short(&mut entry, size, SUMS_BYTES)? != sums.text.as_bytes() {
                    return Err(Refused::damaged("checksums don't agree"));
                }
                ended = true;
            }
            _ if is_content(&name) => {
                let out = place(&name).map_err(Refused::Writing)?;
                sums.add(&name, copy(&mut entry, size, out)?);
            }
            _ => return Err(Refused::damaged("it holds a file of another name")),
        }
    }
    let mut needed = databases::files().into_iter().chain([KEYS.to_owned()]);
    let missing = needed.find(|name| !sums.names.contains(name));
    match (manifest, missing) {
        (Some(manifest), None) if ended => {
            read_end(archive.into_inner())?;
            Ok(manifest)
        }
        (_, Some(name)) => Err(Refused::damaged(format_args!("{name} is missing"))),
        _ => Err(Refused::damaged("it has no end")),
    }
}

fn check(manifest: &[u8]) -> Result<Manifest, Refused> {
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|_| Refused::damaged("bad manifest"))?;
    if manifest.format == FORMAT {
        return Ok(manifest);
    }
    let (format, version) = (manifest.format, env!("CARGO_PKG_VERSION"));
    Err(Refused::Content(format!(
        "is a backup of format {format}, which version {version} does not read"
    )))
}

fn name(header: &Header) -> Result<String, Refused> {
    if !header.entry_type().is_file() {
        return Err(Refused::damaged("it holds something that is no plain file"));
    }
    let name = String::from_utf8(header.path_bytes().into_owned());
    name.map_err(|_| Refused::damaged("it holds a file of another name"))
}

/// True for the files a backup holds between its first and its last.
fn is_content(name: &str) -> bool {
    let is_id = |text: &str| Uuid::parse_str(text).is_ok_and(|id| id.to_string() == text);
    if let Some((organization, import)) =
        name.strip_prefix("uploads/").and_then(|ids| ids.split_once('/'))
    {
        return is_id(organization) && is_id(import);
    }
    name == KEYS || name == BOOTSTRAP || databases::files().iter().any(|file| file == name)
}

fn short(entry: &mut impl Read, size: u64, most: u64) -> Result<Vec<u8>, Refused> {
    let mut text = Vec::new();
    entry.take(most + 1).read_to_end(&mut text).map_err(Refused::damaged)?;
    if text.len() as u64 == size { Ok(text) } else { Err(Refused::damaged("it is cut short")) }
}

fn copy(entry: &mut impl Read, size: u64, mut out: Option<File>) -> Result<Sha256, Refused> {
    let mut hashed = Hashed { inner: entry, hash: Sha256::new(), size: 0 };
    let mut piece = vec![0; usize::try_from(size).unwrap_or(PIECE).clamp(1, PIECE)];
    loop {
        let count = hashed.read(&mut piece).map_err(Refused::damaged)?;
        if count == 0 {
            break;
        }
        if let Some(out) = &mut out {
            out.write_all(&piece[..count]).map_err(Refused::Writing)?;
        }
    }
    if hashed.size != size {
        return Err(Refused::damaged("it is cut short"));
    }
    if let Some(out) = out {
        out.sync_all().map_err(Refused::Writing)?;
    }
    Ok(hashed.hash)
}

/// The reader of the archive stops at the first of the two empty blocks; nothing but emptiness
/// may follow.
fn read_end(mut rest: impl Read) -> Result<(), Refused> {
    let (mut piece, mut size) = ([0; BLOCK], 0);
    loop {
        let count = rest.read(&mut piece).map_err(Refused::damaged)?;
        if count == 0 {
            break;
        }
        if piece[..count].iter().any(|byte| *byte != 0) {
            return Err(Refused::damaged("something follows its end"));
        }
        size += count;
    }
    if size >= BLOCK { Ok(()) } else { Err(Refused::damaged("it has no end")) }
}

/// What `SHA256SUMS` says, line by line in the order of the archive.
#[derive(Default)]
struct Sums {
    text: String,
    names: HashSet<String>,
}

impl Sums {
    fn add(&mut self, name: &str, hash: Sha256) {
        for byte in hash.finalize() {
            self.text.push_str(&format!("{byte:02x}"));
        }
        self.text.push_str(&format!("  {name}\n"));
        self.names.insert(name.to_owned());
    }
}

/// Hashes and counts what is read through it.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
    size: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.size += count as u64;
        Ok(count)
    }
}

/// Fails as soon as it is told to stop.
pub(crate) struct Watched<'a, R> {
    /// What is read.
    pub(crate) inner: R,
    /// False once it is to stop.
    pub(crate) go_on: &'a dyn Fn() -> bool,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.go_on)() { self.inner.read(buffer) } else { Err(io::Error::other("stopped")) }
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
