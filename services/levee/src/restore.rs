//! `levee restore`: a backup's file as a folder on which `levee up` goes on.
//!
//! A folder is whole or not used: until everything is checked a mark stands in it, with which no
//! command takes it. It refuses to write over anything.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chassis::Failure;
use intake::key::{self, StoredKey};

use crate::{
    archive::{self, ArchiveError, Manifest},
    backup::bar,
    cli,
    folder::{self, RESTORING},
};

const EXAMPLES: &str = "\
Examples:
  levee restore --from /backup/levee-20260304T102030.tar --data /srv/levee --key token.key
  levee restore --from with-keys.tar --data /srv/levee

Every file is compared with the SHA-256 in the backup's manifest. The folder must be empty or not be
there. A backup without keys needs --key, or the key put at DIR/token.key before the first start;
a key that is not the journal's is refused.

Exit codes: 0 done, 1 failed, 64 the folder is not empty or the key is another one,
65 the backup is damaged (nothing of it stays)";

/// Make a data folder of what levee backup wrote
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The backup's file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The folder to make
    #[arg(long, default_value = "./levee-data", value_name = "DIR")]
    data: PathBuf,
    /// The token key to put into the folder
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Restores the folder.
pub(crate) fn run(args: &Args) -> ExitCode {
    match make(args) {
        Ok(manifest) => {
            let Manifest { made_at, levee, files, .. } = &manifest;
            cli::say!("restored {} files of {made_at}, written by levee {levee}", files.len());
            if !args.data.join(key::KEY_FILE).exists() {
                let path = cli::shown(&args.data.join(key::KEY_FILE));
                cli::say!("put the token key {} at {path} before the first start", manifest.key);
            }
            ExitCode::SUCCESS
        }
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn make(args: &Args) -> Result<Manifest, Failure> {
    let given = args.key.as_deref().map(key::load_key).transpose().map_err(Failure::usage)?;
    let shown = cli::shown(&args.from);
    let unreadable = |error: io::Error| Failure::new(64, format!("{shown}: {error}"));
    let file = File::open(&args.from).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let target = Target::begin(&args.data)?;
    let bar = bar(bytes);
    let from = BufReader::with_capacity(1 << 20, bar.wrap_read(file));
    let ended = archive::read(from, |name, content| target.write(name, content))
        .map_err(|error| refused(&shown, error))
        .and_then(|manifest| {
            target.check(&manifest, given, args.key.as_deref()).map(|()| manifest)
        });
    bar.finish_and_clear();
    match ended {
        Ok(manifest) => target.finish().map(|()| manifest),
        Err(failure) => {
            target.undo()?;
            Err(failure)
        }
    }
}

fn refused(shown: &str, error: ArchiveError) -> Failure {
    let write = matches!(error, ArchiveError::Write { .. });
    let failure = Failure::data(error);
    Failure::new(if write { 1 } else { failure.exit() }, format!("{shown}: {failure}"))
}

/// A folder that is being filled.
struct Target {
    dir: PathBuf,
    /// Whether the folder itself was made here.
    made: bool,
}

impl Target {
    fn begin(dir: &Path) -> Result<Target, Failure> {
        let failed = |error: io::Error| Failure::new(64, format!("{}: {error}", dir.display()));
        let made = !dir.exists();
        fs::create_dir_all(dir).map_err(failed)?;
        if fs::read_dir(dir).map_err(failed)?.next().is_some() {
            return Err(Failure::new(64, format!("{} is not empty", dir.display())));
        }
        File::create(dir.join(RESTORING)).and_then(|f| f.sync_all()).map_err(failed)?;
        Ok(Target { dir: dir.to_path_buf(), made })
    }

    fn write(&self, name: &str, content: &mut dyn Read) -> io::Result<()> {
        let known = name.split('/').next().is_some_and(folder::is_part);
        if !known {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = self.dir.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        io::copy(content, &mut file)?;
        file.sync_all()
    }

    /// Whether the key and the journal belong together.
    fn check(
        &self,
        manifest: &Manifest,
        given: Option<StoredKey>,
        from: Option<&Path>,
    ) -> Result<(), Failure> {
        let inside = self.dir.join(key::KEY_FILE);
        let held = if inside.exists() {
            Some(key::load_key(&inside).map_err(Failure::data)?)
        } else {
            None
        };
        if let Some(other) = given.iter().chain(&held).find(|k| k.fingerprint != manifest.key) {
            let (wanted, found) = (&manifest.key, &other.fingerprint);
            let text = format!("the backup belongs to the token key {wanted}, this is {found}");
            return Err(Failure::new(64, text));
        }
        if let (None, Some(from)) = (&held, from) {
            self.write(key::KEY_FILE, &mut File::open(from)?)?;
        }
        folder::sound(&self.dir, &manifest.key)
    }

    /// The folder is whole.
    fn finish(self) -> Result<(), Failure> {
        sync(&self.dir)?;
        fs::remove_file(self.dir.join(RESTORING))?;
        File::open(&self.dir)?.sync_all()?;
        Ok(())
    }

    /// Takes away what was written; the mark goes last.
    fn undo(self) -> Result<(), Failure> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != RESTORING {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_file(self.dir.join(RESTORING))?;
        if self.made {
            fs::remove_dir(&self.dir)?;
        }
        Ok(())
    }
}

/// Makes the names in a folder and below it durable.
fn sync(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        }
    }
    File::open(dir)?.sync_all()
}
