//! Sorts any number of entries in bounded memory: what doesn't fit lies sorted in a nameless work
//! file, and the runs are merged while they are read.

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

/// Four numbers, compared from the first on.
pub(crate) type Entry = [u64; 4];

const ENTRY_BYTES: usize = 32;
/// Entries of a run that are read at a time.
const AHEAD: usize = 128;

/// Takes entries in.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    hold: usize,
    held: Vec<Entry>,
    file: Option<File>,
    /// Where each run ends in the file, counted in entries.
    ends: Vec<u64>,
}

impl Sorter {
    /// Keeps `hold` entries in memory at most, the rest in `folder`.
    pub(crate) fn new(folder: PathBuf, hold: usize) -> Self {
        Self { folder, hold, held: Vec::new(), file: None, ends: Vec::new() }
    }

    /// Takes one.
    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        if self.held.len() == self.hold {
            self.spill()?;
        }
        self.held.push(entry);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&self.folder)?);
        }
        let file = self.file.as_ref().expect("it was just made");
        let mut out = BufWriter::with_capacity(64 * 1024, file);
        for number in self.held.iter().flatten() {
            out.write_all(&number.to_le_bytes())?;
        }
        out.flush()?;
        let before = self.ends.last().copied().unwrap_or(0);
        self.ends.push(before + self.held.len() as u64);
        self.held.clear();
        Ok(())
    }

    /// Gives them back in order.
    pub(crate) fn sorted(mut self) -> io::Result<Sorted> {
        if self.file.is_none() {
            self.held.sort_unstable();
            return Ok(Sorted::Held(self.held.into_iter()));
        }
        self.spill()?;
        let file = Arc::new(self.file.expect("it was just asked for"));
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut runs = Vec::with_capacity(self.ends.len());
        let mut heads = BinaryHeap::with_capacity(self.ends.len());
        for (start, end) in starts.zip(self.ends.iter().copied()) {
            let mut run = Run { file: Arc::clone(&file), next: start, end, ahead: Vec::new() };
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
    /// All of them fitted.
    Held(vec::IntoIter<Entry>),
    /// The runs, and the first entry of each.
    Merged { runs: Vec<Run>, heads: BinaryHeap<Reverse<(Entry, usize)>> },
}

impl Sorted {
    /// The next one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        match self {
            Self::Held(entries) => Ok(entries.next()),
            Self::Merged { runs, heads } => {
                let Some(Reverse((entry, run))) = heads.pop() else { return Ok(None) };
                if let Some(behind) = runs[run].next()? {
                    heads.push(Reverse((behind, run)));
                }
                Ok(Some(entry))
            }
        }
    }
}

/// A sorted stretch of the file.
#[derive(Debug)]
pub(crate) struct Run {
    file: Arc<File>,
    next: u64,
    end: u64,
    /// What was read, the last one first.
    ahead: Vec<Entry>,
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.ahead.is_empty() && self.next < self.end {
            let count = usize::try_from(self.end - self.next).unwrap_or(AHEAD).min(AHEAD);
            let mut bytes = [0; AHEAD * ENTRY_BYTES];
            let bytes = &mut bytes[..count * ENTRY_BYTES];
            self.file.read_exact_at(bytes, self.next * ENTRY_BYTES as u64)?;
            let numbers = |entry: &[u8]| {
                std::array::from_fn(|i| {
                    let number = entry[i * 8..i * 8 + 8].try_into();
                    u64::from_le_bytes(number.expect("eight bytes"))
                })
            };
            self.ahead.extend(bytes.chunks_exact(ENTRY_BYTES).rev().map(numbers));
            self.next += count as u64;
        }
        Ok(self.ahead.pop())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorts_whatever_the_memory(
            mut entries in prop::collection::vec(any::<[u64; 4]>(), 0..600),
            hold in 1_usize..700,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(folder.path().to_owned(), hold);
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
