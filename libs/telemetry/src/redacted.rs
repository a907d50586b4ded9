//! Log lines without the secrets of URLs. Libraries log URLs with the passwords in them, at levels and
//! in versions that we don't choose.

use std::io::{Result, Write};

use onethread_core::hide_secrets;

/// Writes lines with secrets hidden. Each call of `write` has to bring whole lines, as those of the
/// subscriber do.
#[derive(Debug)]
pub(crate) struct Redacted<W>(pub(crate) W);

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) if text.contains("://") => {
                self.0.write_all(hide_secrets(text).as_bytes())?;
                Ok(line.len())
            }
            _ => {
                self.0.write_all(line)?;
                Ok(line.len())
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_lines_are_redacted_and_other_lines_stay() {
        let mut written = Redacted(Vec::new());
        for line in ["plain\n", "{\"url\":\"nats://me:canary@a:1?x=canary\",\"n\":1}\n"] {
            written.write_all(line.as_bytes()).unwrap();
        }
        written.write_all(&[0xff, b'\n']).unwrap();
        let expected = b"plain\n{\"url\":\"nats://***@a:1?x=***\",\"n\":1}\n\xff\n";
        assert_eq!(written.0, expected);
    }
}
