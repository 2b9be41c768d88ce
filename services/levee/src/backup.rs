//! `levee backup`: a folder as one file, also while `levee up` runs on it.
//!
//! The order is what makes it consistent. The store and the snapshots are taken first, then the
//! alerts, the dead letters, and the journal last: so the journal of the copy explains whatever is in the copy, and a
//! start on it publishes what is missing. It refuses to know what records mean.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chassis::{Clock, Failure, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};
use proto::date::Instant;

use crate::{
    archive::{FORMAT, Manifest, Writer},
    cli,
    folder::{Folder, IN_USE, Part},
};

const EXAMPLES: &str = "\
Examples:
  levee backup --data /srv/levee --out /backup
  levee backup --data /srv/levee --out /backup/levee.tar --with-keys

A folder as --out gets a file named after the moment. The copy holds every record that was
answered before the command began, and everything of it is checked while it is read.

Without --with-keys neither the token key nor the operator's token is in it: keep the key elsewhere,
since nobody is found again without it. With them, whoever reads the file can find anybody.

Exit codes: 0 done, 1 failed, 64 bad usage, 65 the folder's data are damaged,
75 the folder changed meanwhile, try again";

/// Copy a data folder into one file, also while levee up runs on it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder to copy
    #[arg(long, default_value = "./levee-data", value_name = "DIR")]
    data: PathBuf,
    /// The file to write, or a folder for it; nothing is replaced
    #[arg(long, value_name = "FILE_OR_DIR")]
    out: PathBuf,
    /// Put the token key and the operator's token in as well
    #[arg(long)]
    with_keys: bool,
}

/// Makes the backup.
pub(crate) fn run(args: &Args) -> ExitCode {
    match make(args) {
        Ok((path, manifest)) => {
            cli::say!("{}", cli::shown(&path));
            eprintln!("{} files, key {}", manifest.files.len(), manifest.key);
            ExitCode::SUCCESS
        }
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn make(args: &Args) -> Result<(PathBuf, Manifest), Failure> {
    let folder = Folder::existing(&args.data)?;
    let now = Instant(SystemClock::new().now_unix_micros());
    let path = target(&args.out, now);
    let shown = cli::shown(&path);
    if path.exists() {
        return Err(Failure::new(64, format!("{shown} is there already and is not replaced")));
    }
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parts = folder.parts(args.with_keys, beside.unwrap_or(Path::new(".")))?;
    let aside = path.with_extension("part");
    let written = write(&folder, &parts, &aside, now).and_then(|manifest| {
        fs::rename(&aside, &path)?;
        Ok(manifest)
    });
    if written.is_err() {
        // What there is of it is not a backup.
        let _ = fs::remove_file(&aside);
    }
    Ok((path, written?))
}

/// The file to write.
fn target(out: &Path, now: Instant) -> PathBuf {
    if !out.is_dir() {
        return out.to_path_buf();
    }
    let moment = now.to_string();
    let moment: String = moment.chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    out.join(format!("levee-{moment}.tar"))
}

fn write(folder: &Folder, parts: &[Part], aside: &Path, now: Instant) -> Result<Manifest, Failure> {
    let unwritable = |error: io::Error| Failure::new(1, format!("{}: {error}", aside.display()));
    let mut options = OpenOptions::new();
    // It holds what the folder holds: nobody but the owner reads it.
    let out = options.write(true).create(true).truncate(true).mode(0o600).open(aside);
    let manifest = Manifest {
        format: FORMAT,
        levee: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now.to_string(),
        key: folder.fingerprint().to_owned(),
        files: Vec::new(),
    };
    let made_s = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
    let out = BufWriter::with_capacity(1 << 20, out.map_err(unwritable)?);
    let mut archive = Writer::new(out, manifest, made_s);
    let bar = bar(parts.iter().map(|part| part.bytes).sum());
    for part in parts {
        let added = match &part.file {
            _ if part.bytes == 0 => archive.add(&part.name, 0, io::empty()),
            Some(file) => archive.add(&part.name, part.bytes, bar.wrap_read(file)),
            None => File::open(folder.dir().join(&part.name))
                .and_then(|file| archive.add(&part.name, part.bytes, bar.wrap_read(file))),
        };
        added.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => {
                Failure::new(IN_USE, format!("{} changed while it was copied", part.name))
            }
            _ => Failure::new(1, format!("{}: {error}", part.name)),
        })?;
    }
    bar.finish_and_clear();
    let (out, manifest) = archive.finish().map_err(unwritable)?;
    let file = out.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    Ok(manifest)
}

/// A bar of bytes on standard error, hidden where that is no terminal.
pub(crate) fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style)
}
