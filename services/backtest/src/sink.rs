//! Where alerts are written.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use proto::alert::Alert;

use crate::Error;

/// A file, standard output or nothing.
pub(crate) struct Sink {
    path: PathBuf,
    out: Option<BufWriter<Box<dyn Write>>>,
}

impl Sink {
    /// Opens the output; `-` is standard output.
    pub(crate) fn open(path: Option<&Path>) -> Result<Sink, Error> {
        let Some(path) = path else { return Ok(Sink { path: PathBuf::new(), out: None }) };
        let out: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(Error::io(path))?)
        };
        Ok(Sink { path: path.to_owned(), out: Some(BufWriter::with_capacity(1 << 18, out)) })
    }

    pub(crate) fn write(&mut self, alert: &Alert) -> Result<(), Error> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.write_all(alert.json())
            .and_then(|()| out.write_all(b"\n"))
            .map_err(Error::io(&self.path))
    }

    pub(crate) fn close(mut self) -> Result<(), Error> {
        self.out.as_mut().map_or(Ok(()), Write::flush).map_err(Error::io(&self.path))
    }
}
