//! A backup's file: a tar archive whose last member is a manifest with every other member's SHA-256.
//!
//! Written and read once, front to back, so it may be of any size. It refuses to know what the
//! members hold, and takes no name that leads out of a folder.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use proto::ids::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The form of the archive that is written here.
pub(crate) const FORMAT: u32 = 1;
/// The last member.
const MANIFEST: &str = "manifest.json";
/// The largest manifest that is read, in bytes: a member's row is below 200.
const MAX_MANIFEST: u64 = 64 << 20;

/// What an archive is and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The version of the program that wrote it.
    pub(crate) levee: String,
    /// When it was made, RFC 3339.
    pub(crate) made_at: String,
    /// Fingerprint of the token key that the journal belongs to.
    pub(crate) key: String,
    /// The other members, in their order.
    pub(crate) files: Vec<Member>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its path below the folder, with `/`.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Of its content, in hex.
    pub(crate) sha256: String,
}

/// Why an archive is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It ends early, or is no archive.
    #[error("the archive cannot be read to its end")]
    Unreadable(#[source] io::Error),
    /// The last member is not a manifest of a form that is known here.
    #[error("the archive has no manifest that this version reads")]
    Manifest,
    /// A member is not what the manifest says, or not in it, or missing.
    #[error("{0} is not what the manifest says")]
    Differs(String),
    /// A name that no backup has.
    #[error("a member of the archive has a name that is not taken")]
    Name,
    /// What is read cannot be put where it belongs.
    #[error("{name} cannot be written")]
    Write {
        /// The member.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes an archive.
pub(crate) struct Writer<W: Write> {
    tar: tar::Builder<W>,
    manifest: Manifest,
    /// Of every member, in seconds since 1970.
    made_s: u64,
}

impl<W: Write> Writer<W> {
    /// An archive without members, made at `made_s` seconds since 1970.
    pub(crate) fn new(out: W, manifest: Manifest, made_s: u64) -> Writer<W> {
        Writer { tar: tar::Builder::new(out), manifest, made_s }
    }

    /// Adds a file of exactly `bytes` bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are fewer.
    pub(crate) fn add(&mut self, name: &str, bytes: u64, from: impl Read) -> io::Result<()> {
        let mut hashed = Hashed::new(from.take(bytes));
        self.tar.append_data(&mut header(bytes, self.made_s), name, &mut hashed)?;
        let (read, sha256) = hashed.sum();
        if read != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.manifest.files.push(Member { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// Adds the manifest and ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<(W, Manifest)> {
        let text = serde_json::to_vec_pretty(&self.manifest)?;
        let mut header = header(text.len() as u64, self.made_s);
        self.tar.append_data(&mut header, MANIFEST, text.as_slice())?;
        Ok((self.tar.into_inner()?, self.manifest))
    }
}

fn header(bytes: u64, made_s: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(made_s);
    header
}

/// Reads an archive: hands each member to `take`, which reads all of it or says `InvalidInput` to a
/// name that it does not take, then compares all with the manifest. What was taken is to be believed
/// only when this gives the manifest.
///
/// # Errors
/// [`ArchiveError`].
pub(crate) fn read(
    from: impl Read,
    mut take: impl FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<Manifest, ArchiveError> {
    let mut archive = tar::Archive::new(from);
    let mut found: BTreeMap<String, Member> = BTreeMap::new();
    let mut manifest: Option<Manifest> = None;
    for entry in archive.entries().map_err(ArchiveError::Unreadable)? {
        let mut entry = entry.map_err(ArchiveError::Unreadable)?;
        let name = name(&entry).ok_or(ArchiveError::Name)?;
        if manifest.is_some() || found.contains_key(&name) {
            return Err(ArchiveError::Differs(name));
        }
        if name == MANIFEST {
            manifest = Some(parse(&mut entry)?);
            continue;
        }
        let bytes = entry.size();
        let mut hashed = Hashed::new(&mut entry);
        let taken = take(&name, &mut hashed);
        let failed = hashed.failed;
        let (read, sha256) = hashed.sum();
        match taken {
            Err(source) if failed => return Err(ArchiveError::Unreadable(source)),
            Err(source) if source.kind() == io::ErrorKind::InvalidInput => {
                return Err(ArchiveError::Name);
            }
            Err(source) => return Err(ArchiveError::Write { name, source }),
            Ok(()) if read != bytes => {
                let ended = io::ErrorKind::UnexpectedEof.into();
                return Err(ArchiveError::Unreadable(ended));
            }
            Ok(()) => {}
        }
        found.insert(name.clone(), Member { name, bytes, sha256 });
    }
    let manifest = manifest.ok_or(ArchiveError::Manifest)?;
    for said in &manifest.files {
        if found.remove(&said.name).as_ref() != Some(said) {
            return Err(ArchiveError::Differs(said.name.clone()));
        }
    }
    match found.into_keys().next() {
        Some(unsaid) => Err(ArchiveError::Differs(unsaid)),
        None => Ok(manifest),
    }
}

/// The name of a plain file that stays below the folder.
fn name(entry: &tar::Entry<'_, impl Read>) -> Option<String> {
    let name = std::str::from_utf8(&entry.path_bytes()).ok()?.to_owned();
    let part = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !part.starts_with('.') && !part.is_empty() && part.bytes().all(plain)
    };
    let sound = entry.header().entry_type().is_file() && name.split('/').all(part);
    sound.then_some(name)
}

fn parse(entry: &mut impl Read) -> Result<Manifest, ArchiveError> {
    let mut text = Vec::new();
    entry.take(MAX_MANIFEST).read_to_end(&mut text).map_err(ArchiveError::Unreadable)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| ArchiveError::Manifest)?;
    if manifest.format == FORMAT { Ok(manifest) } else { Err(ArchiveError::Manifest) }
}

/// Counts and hashes what is read through it.
struct Hashed<R> {
    from: R,
    hash: Sha256,
    bytes: u64,
    /// Whether a read has failed.
    failed: bool,
}

impl<R: Read> Hashed<R> {
    fn new(from: R) -> Hashed<R> {
        Hashed { from, hash: Sha256::new(), bytes: 0, failed: false }
    }

    fn sum(self) -> (u64, String) {
        (self.bytes, hex(&self.hash.finalize()))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into);
        self.failed |= read.is_err();
        let read = read?;
        self.hash.update(&into[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
