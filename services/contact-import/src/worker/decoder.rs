//! Decoding of a file to UTF-8, in chunks.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};

use crate::domain::Encoding;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Some text.
    Text,
    /// Text or nothing, before bytes that are malformed in this encoding.
    Malformed,
    /// The end of the file.
    End,
}

/// Decodes a file to UTF-8. UTF-8 is passed through without a check.
#[derive(Debug)]
pub(crate) struct TextDecoder<R> {
    source: R,
    encoding: Encoding,
    /// The decoder and its input; `None` for UTF-8.
    decoder: Option<(Box<Decoder>, Vec<u8>)>,
    ended: bool,
}

impl<R: Read> TextDecoder<R> {
    /// Decodes a source that begins with a whole character.
    pub(crate) fn new(source: R, encoding: Encoding) -> Self {
        let decoder = (encoding != Encoding::Utf8)
            .then(|| (Box::new(encoding.decoder()), Vec::with_capacity(CHUNK_BYTES)));
        Self { source, encoding, decoder, ended: false }
    }

    /// The encoding.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Reads the next chunk into the buffer, whose content it replaces. At the beginning of a file it
    /// removes a byte order mark. Returns the length of that too.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        is_beginning: bool,
    ) -> io::Result<(Chunk, usize)> {
        buffer.clear();
        let source = &mut self.source;
        let Some((decoder, raw)) = &mut self.decoder else {
            source.take(CHUNK_BYTES as u64).read_to_end(buffer)?;
            let mark = if is_beginning { self.encoding.byte_order_mark_len(buffer) } else { 0 };
            let chunk = if buffer.is_empty() { Chunk::End } else { Chunk::Text };
            buffer.drain(..mark);
            return Ok((chunk, mark));
        };
        let mut mark = 0;
        while !self.ended {
            raw.clear();
            source.take(CHUNK_BYTES as u64).read_to_end(raw)?;
            self.ended = raw.is_empty();
            if is_beginning && mark == 0 {
                mark = self.encoding.byte_order_mark_len(raw);
                raw.drain(..mark);
            }
            let capacity = decoder.max_utf8_buffer_length_without_replacement(raw.len());
            buffer.resize(capacity.unwrap_or(CHUNK_BYTES * 4), 0);
            let (result, _, written) =
                decoder.decode_to_utf8_without_replacement(raw, buffer, self.ended);
            buffer.truncate(written);
            if let DecoderResult::Malformed(..) = result {
                return Ok((Chunk::Malformed, mark));
            }
            if written > 0 {
                return Ok((Chunk::Text, mark));
            }
        }
        Ok((Chunk::End, mark))
    }
}
