//! A file's bytes as UTF-8, piece by piece.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::domain::Encoding;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// What came of reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Some text.
    Some,
    /// Some text or none, and behind it bytes that mean nothing in this encoding.
    Malformed,
    /// The end.
    End,
}

/// The text of a file. UTF-8 comes as it is, unchecked.
#[derive(Debug)]
pub(crate) struct Text<R> {
    source: R,
    encoding: Encoding,
    /// What turns the bytes into UTF-8, with the bytes as they were read.
    decoder: Option<(Box<Decoder>, Vec<u8>)>,
    ended: bool,
}

impl<R: Read> Text<R> {
    /// The text of a source that stands where a character begins.
    pub(crate) fn new(source: R, encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE),
            Encoding::Utf16Be => Some(UTF_16BE),
            Encoding::Windows1252 => Some(WINDOWS_1252),
        };
        let decoder = decoder.map(|encoding| {
            (Box::new(encoding.new_decoder_without_bom_handling()), Vec::with_capacity(CHUNK))
        });
        Self { source, encoding, decoder, ended: false }
    }

    /// The encoding.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Replaces what is in the buffer by what comes next. At the beginning of a file a byte order
    /// mark is left out. Gives the bytes of that too.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        beginning: bool,
    ) -> io::Result<(Piece, usize)> {
        buffer.clear();
        let source = &mut self.source;
        let Some((decoder, raw)) = &mut self.decoder else {
            source.take(CHUNK as u64).read_to_end(buffer)?;
            let mark = if beginning { self.encoding.mark(buffer) } else { 0 };
            let piece = if buffer.is_empty() { Piece::End } else { Piece::Some };
            buffer.drain(..mark);
            return Ok((piece, mark));
        };
        let mut mark = 0;
        while !self.ended {
            raw.clear();
            source.take(CHUNK as u64).read_to_end(raw)?;
            self.ended = raw.is_empty();
            if beginning && mark == 0 {
                mark = self.encoding.mark(raw);
                raw.drain(..mark);
            }
            let room = decoder.max_utf8_buffer_length_without_replacement(raw.len());
            buffer.resize(room.unwrap_or(CHUNK * 4), 0);
            let (result, _, written) =
                decoder.decode_to_utf8_without_replacement(raw, buffer, self.ended);
            buffer.truncate(written);
            if let DecoderResult::Malformed(..) = result {
                return Ok((Piece::Malformed, mark));
            }
            if written > 0 {
                return Ok((Piece::Some, mark));
            }
        }
        Ok((Piece::End, mark))
    }
}
