//! Lines read by several workers, handed on in the order of the files.
//!
//! It refuses to know what a line means; that is told by the function that reads one.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use indicatif::ProgressBar;
use proto::codes::Code;

use crate::{
    Error,
    blocks::{Block, Blocks},
};

/// Blocks that may wait between workers and the one who takes them in order.
const WAITING: usize = 4;

/// What the lines of one block hold.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    file: usize,
    lines: u64,
    /// What was read, in order.
    pub(crate) read: Vec<T>,
    /// Why lines have no effect.
    pub(crate) refused: Vec<Code>,
    bad: Option<(u64, Code)>,
}

/// Reads all lines of files with `read` on `workers` threads and gives them to `take` in order. A
/// line for which `read` says that it is not JSON ends all.
pub(crate) fn each<T: Send>(
    files: &[PathBuf],
    workers: usize,
    bar: &ProgressBar,
    read: impl Fn(&[u8]) -> Result<T, Code> + Sync,
    mut take: impl FnMut(Batch<T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let blocks = &Mutex::new(Blocks::new(files));
    let read = &read;
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        for _ in 0..workers.max(1) {
            let sender = sender.clone();
            scope.spawn(move || work(blocks, &sender, bar, read));
        }
        drop(sender);
        in_order(files, receiver, &mut take)
    })
}

type Sent<T> = Result<(u64, Batch<T>), Error>;

fn work<T>(
    blocks: &Mutex<Blocks<'_>>,
    sender: &SyncSender<Sent<T>>,
    bar: &ProgressBar,
    read: impl Fn(&[u8]) -> Result<T, Code>,
) {
    let mut block = Block::default();
    loop {
        let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).next(&mut block);
        let sent = match next {
            Ok(false) => return,
            Ok(true) => {
                bar.inc(block.bytes.len() as u64);
                sender.send(Ok((block.number, batch(&block, &read))))
            }
            Err(error) => {
                // Whoever takes has left if this fails too.
                let _left = sender.send(Err(error));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn in_order<T>(
    files: &[PathBuf],
    receiver: Receiver<Sent<T>>,
    take: &mut impl FnMut(Batch<T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut early: BTreeMap<u64, Batch<T>> = BTreeMap::new();
    let (mut next, mut file, mut line) = (0, 0, 0);
    for sent in receiver {
        let (number, batch) = sent?;
        early.insert(number, batch);
        while let Some(batch) = early.remove(&next) {
            next += 1;
            if batch.file != file {
                (file, line) = (batch.file, 0);
            }
            if let Some((at, code)) = batch.bad {
                let path = files[file].clone();
                return Err(Error::Line { path, line: line + at, code: code.name() });
            }
            line += batch.lines;
            take(batch)?;
        }
    }
    if early.is_empty() { Ok(()) } else { Err(Error::Worker) }
}

fn batch<T>(block: &Block, read: impl Fn(&[u8]) -> Result<T, Code>) -> Batch<T> {
    let mut batch = Batch {
        file: block.file,
        lines: 0,
        read: Vec::with_capacity(block.bytes.len() / 256),
        refused: Vec::new(),
        bad: None,
    };
    let mut rest = block.bytes.as_slice();
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        batch.lines += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match read(line) {
            Ok(one) => batch.read.push(one),
            Err(code @ (Code::JsonSyntax | Code::TextUtf8)) => {
                batch.bad = Some((batch.lines, code));
                return batch;
            }
            Err(code) => batch.refused.push(code),
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use proto::json::Json;

    use super::*;

    fn numbers(text: &str) -> Result<(Vec<i64>, Vec<Code>), Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        std::fs::write(&path, text).unwrap();
        let (mut read, mut refused) = (Vec::new(), Vec::new());
        let number = |line: &[u8]| match Json::parse(line).map_err(|e| e.code)? {
            Json::Int(n) => Ok(n),
            _ => Err(Code::SchemaType),
        };
        each(&[path], 3, &ProgressBar::hidden(), number, |batch| {
            read.extend(batch.read);
            refused.extend(batch.refused);
            Ok(())
        })?;
        Ok((read, refused))
    }

    #[test]
    fn lines_keep_their_order_whoever_reads_them() {
        let text: String = (0..300_000).map(|n| format!("{n}\n")).collect();
        assert!(numbers(&text).unwrap().0.into_iter().eq(0..300_000));
        let (read, refused) = numbers("1\r\n\n  \n\"two\"\n{\"a\":1,\"a\":2}\n3").unwrap();
        assert_eq!(read, [1, 3]);
        assert_eq!(refused, [Code::SchemaType, Code::JsonDuplicateKey]);
    }

    #[test]
    fn a_line_that_is_not_json_is_named_by_its_number_only() {
        let good: String = (0..200_000).map(|n| format!("{n}\n")).collect();
        let error = numbers(&format!("{good}\n{{\"secret\":\n5\n")).unwrap_err();
        assert!(matches!(error, Error::Line { line: 200_002, code: "json.syntax", .. }), "{error}");
        assert!(error.is_data() && !error.to_string().contains("secret"));
    }
}
