//! External sorting: any number of entries in bounded memory. Sorted runs are spilled to an unnamed
//! work file and merged when they are read.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
    vec,
};

/// Four numbers, compared in their order.
pub(crate) type Entry = [u64; 4];

const ENTRY_BYTES: usize = 32;
/// Entries of a run that are read at a time.
const READ_AHEAD_ENTRIES: usize = 128;

/// Collects entries.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    /// Most entries in memory.
    capacity: usize,
    buffer: Vec<Entry>,
    file: Option<File>,
    /// End of each run in the file, in entries.
    ends: Vec<u64>,
}

impl Sorter {
    /// Has at most `capacity` entries in memory, the others in `folder`.
    pub(crate) fn new(folder: PathBuf, capacity: usize) -> Self {
        Self { folder, capacity, buffer: Vec::new(), file: None, ends: Vec::new() }
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        if self.buffer.len() == self.capacity {
            self.spill()?;
        }
        self.buffer.push(entry);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.buffer.sort_unstable();
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&self.folder)?);
        }
        let file = self.file.as_ref().expect("it was just created");
        let mut out = BufWriter::with_capacity(64 * 1024, file);
        for number in self.buffer.iter().flatten() {
            out.write_all(&number.to_le_bytes())?;
        }
        out.flush()?;
        let before = self.ends.last().copied().unwrap_or(0);
        self.ends.push(before + self.buffer.len() as u64);
        self.buffer.clear();
        Ok(())
    }

    /// Returns the entries in order.
    pub(crate) fn sorted(mut self) -> io::Result<Sorted> {
        if self.file.is_none() {
            self.buffer.sort_unstable();
            return Ok(Sorted::InMemory(self.buffer.into_iter()));
        }
        self.spill()?;
        let file = Arc::new(self.file.expect("there are runs"));
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut runs = Vec::with_capacity(self.ends.len());
        let mut heads = BinaryHeap::with_capacity(self.ends.len());
        for (start, end) in starts.zip(self.ends.iter().copied()) {
            let mut run = Run { file: Arc::clone(&file), next: start, end, read_ahead: Vec::new() };
            if let Some(entry) = run.next()? {
                heads.push(Reverse((entry, runs.len())));
            }
            runs.push(run);
        }
        Ok(Sorted::Merged { runs, heads })
    }
}

/// Entries in order.
#[derive(Debug)]
pub(crate) enum Sorted {
    /// All of them fit into memory.
    InMemory(vec::IntoIter<Entry>),
    /// The runs, and the first entry of each.
    Merged { runs: Vec<Run>, heads: BinaryHeap<Reverse<(Entry, usize)>> },
}

impl Sorted {
    /// The next entry.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        match self {
            Self::InMemory(entries) => Ok(entries.next()),
            Self::Merged { runs, heads } => {
                let Some(Reverse((entry, run))) = heads.pop() else { return Ok(None) };
                if let Some(following) = runs[run].next()? {
                    heads.push(Reverse((following, run)));
                }
                Ok(Some(entry))
            }
        }
    }
}

/// A sorted part of the file.
#[derive(Debug)]
pub(crate) struct Run {
    file: Arc<File>,
    next: u64,
    end: u64,
    /// Entries that were read, the last one first.
    read_ahead: Vec<Entry>,
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.read_ahead.is_empty() && self.next < self.end {
            let count = usize::try_from(self.end - self.next)
                .unwrap_or(READ_AHEAD_ENTRIES)
                .min(READ_AHEAD_ENTRIES);
            let mut bytes = [0; READ_AHEAD_ENTRIES * ENTRY_BYTES];
            let bytes = &mut bytes[..count * ENTRY_BYTES];
            self.file.read_exact_at(bytes, self.next * ENTRY_BYTES as u64)?;
            let numbers = |entry: &[u8]| {
                std::array::from_fn(|i| {
                    let number = entry[i * 8..i * 8 + 8].try_into();
                    u64::from_le_bytes(number.expect("eight bytes"))
                })
            };
            self.read_ahead.extend(bytes.chunks_exact(ENTRY_BYTES).rev().map(numbers));
            self.next += count as u64;
        }
        Ok(self.read_ahead.pop())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorts_with_any_capacity(
            mut entries in prop::collection::vec(any::<[u64; 4]>(), 0..600),
            capacity in 1_usize..700,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(folder.path().to_owned(), capacity);
            for entry in &entries {
                sorter.push(*entry).unwrap();
            }
            let mut sorted = sorter.sorted().unwrap();
            entries.sort_unstable();
            for entry in entries {
                prop_assert_eq!(sorted.next().unwrap(), Some(entry));
            }
            prop_assert_eq!(sorted.next().unwrap(), None);
        }
    }
}
