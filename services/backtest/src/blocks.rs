//! Files as large blocks that end where a line ends.
//!
//! It refuses to look at anything but line ends.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::Error;

/// Bytes read at a time; a longer line makes its block longer.
const BLOCK: usize = 256 * 1024;
/// What some editors put before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whole lines of one file, in order; its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Its place among all blocks.
    pub(crate) number: u64,
    /// The place of its file among the files.
    pub(crate) file: usize,
    pub(crate) bytes: Vec<u8>,
}

/// Reads files one after the other.
#[derive(Debug)]
pub(crate) struct Blocks<'f> {
    files: &'f [PathBuf],
    at: usize,
    open: Option<File>,
    rest: Vec<u8>,
    number: u64,
}

impl<'f> Blocks<'f> {
    pub(crate) fn new(files: &'f [PathBuf]) -> Blocks<'f> {
        Blocks { files, at: 0, open: None, rest: Vec::new(), number: 0 }
    }

    /// Fills the block with the next lines; says whether there were any.
    pub(crate) fn next(&mut self, block: &mut Block) -> Result<bool, Error> {
        while let Some(path) = self.files.get(self.at) {
            let first = self.open.is_none();
            if first {
                self.open = Some(File::open(path).map_err(Error::io(path))?);
            }
            self.fill(path, &mut block.bytes)?;
            if first && block.bytes.starts_with(BOM) {
                block.bytes.drain(..BOM.len());
            }
            if block.bytes.is_empty() {
                self.open = None;
                self.at += 1;
                continue;
            }
            (block.number, block.file) = (self.number, self.at);
            self.number += 1;
            return Ok(true);
        }
        Ok(false)
    }

    /// Reads up to the last line end, or to the end of the file.
    fn fill(&mut self, path: &Path, bytes: &mut Vec<u8>) -> Result<(), Error> {
        bytes.clear();
        bytes.append(&mut self.rest);
        let Some(file) = &mut self.open else { return Ok(()) };
        loop {
            let seen = bytes.len();
            let limit = u64::try_from(BLOCK).unwrap_or(u64::MAX);
            bytes.reserve(BLOCK + 1);
            let read = file.by_ref().take(limit).read_to_end(bytes);
            if read.map_err(Error::io(path))? == 0 {
                return Ok(());
            }
            if let Some(end) = memchr::memrchr(b'\n', &bytes[seen..]) {
                self.rest.extend_from_slice(&bytes[seen + end + 1..]);
                bytes.truncate(seen + end + 1);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_with_lines_and_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(BLOCK * 2);
        let texts = [
            format!("\u{feff}{{}}\n{long}\n{}last", "line\n".repeat(100_000)),
            String::new(),
            "a\nb\n".to_owned(),
        ];
        let files: Vec<PathBuf> = (0..texts.len())
            .map(|n| {
                let path = folder.path().join(n.to_string());
                std::fs::write(&path, &texts[n]).unwrap();
                path
            })
            .collect();
        let mut read = vec![String::new(); texts.len()];
        let mut blocks = Blocks::new(&files);
        let mut numbers = Vec::new();
        let mut block = Block::default();
        while blocks.next(&mut block).unwrap() {
            let text = String::from_utf8(block.bytes.clone()).unwrap();
            assert!(text.ends_with('\n') || text.ends_with("last"));
            read[block.file].push_str(&text);
            numbers.push(block.number);
        }
        assert_eq!(read[0], texts[0].trim_start_matches('\u{feff}'));
        assert_eq!(read[1..], texts[1..]);
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64) && numbers.len() > 2);
        let missing = [folder.path().join("none")];
        assert!(matches!(Blocks::new(&missing).next(&mut block), Err(Error::Io { .. })));
    }
}
