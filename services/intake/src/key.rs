//! The two secrets of a folder: the key that turns ID numbers into tokens, and the operator's token.
//!
//! Files of mode 0600 and no other. It refuses to show a secret in a message or a debug print.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit, Mac};
use proto::{ids::hex, person::TokenKey};
use sha2::{Digest, Sha256};

/// The key's file in its folder.
pub const KEY_FILE: &str = "token.key";
/// The operator token's file in its folder.
pub const OPERATOR_FILE: &str = "operator.token";
/// The file of the key that signs webhooks, in its folder.
pub const SIGNING_FILE: &str = "webhook.key";
/// The version of a key that is made here; it stands in every token.
pub const KEY_VERSION: u8 = 1;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no key, and this is not the place to make one.
    #[error(
        "there is no token key {path}: put the one of this data there, or make the first with `levee keys create`"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A key is there already; tokens of another one would match nobody.
    #[error("{path} is there already and is not replaced")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others could read it.
    #[error("{path} must have mode 0600, it has {mode:o}")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not what was written.
    #[error("{path} does not hold a secret of the expected form")]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The machine gives no random bytes.
    #[error("no random bytes are to be had")]
    Random,
    /// The file cannot be read or written.
    #[error("{path} cannot be used")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The key and what identifies it without telling it.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key.
    pub key: TokenKey,
    /// 16 hex digits: the first 8 bytes of SHA-256 of HMAC-SHA-256(key, `levee.fingerprint`). A
    /// folder that remembers it refuses a journal whose tokens another key made.
    pub fingerprint: String,
}

impl StoredKey {
    /// The fingerprint as a log's header holds it.
    #[must_use]
    pub fn mark(&self) -> [u8; 16] {
        self.fingerprint.as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

/// Loads `DIR/token.key`, or makes it on first use. Only a folder that begins may do so; what
/// finds data of an earlier run uses [`load_key`].
///
/// # Errors
/// [`SecretError`].
pub fn key(folder: &Path) -> Result<StoredKey, SecretError> {
    let path = folder.join(KEY_FILE);
    match create_key(&path) {
        Err(SecretError::Exists { .. }) => load_key(&path),
        made => made,
    }
}

/// Loads a key (the version, a space, 64 hex digits) and never makes one.
///
/// # Errors
/// [`SecretError`]; `Missing` where there is none.
pub fn load_key(path: &Path) -> Result<StoredKey, SecretError> {
    let text = load(path).map_err(|error| match error {
        SecretError::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
            SecretError::Missing { path }
        }
        error => error,
    })?;
    let form = || SecretError::Form { path: path.to_owned() };
    let (version, secret) = parse_key(&text).ok_or_else(form)?;
    Ok(StoredKey { key: TokenKey::new(version, &secret), fingerprint: fingerprint(&secret) })
}

/// Makes a key and replaces none.
///
/// # Errors
/// [`SecretError`]; `Exists` where there is one, sound or not.
pub fn create_key(path: &Path) -> Result<StoredKey, SecretError> {
    if path.exists() || !make(path, |secret| format!("{KEY_VERSION} {}", hex(secret)))? {
        return Err(SecretError::Exists { path: path.to_owned() });
    }
    load_key(path)
}

/// Loads `DIR/operator.token` (64 hex digits), or makes it on first use.
///
/// # Errors
/// [`SecretError`].
pub fn operator_token(folder: &Path) -> Result<String, SecretError> {
    let path = folder.join(OPERATOR_FILE);
    match create_token(&path) {
        Ok(()) | Err(SecretError::Exists { .. }) => load_token(&path),
        Err(error) => Err(error),
    }
}

/// Makes a bearer token (64 hex digits) and replaces none.
///
/// # Errors
/// [`SecretError`]; `Exists` where there is one, sound or not.
pub fn create_token(path: &Path) -> Result<(), SecretError> {
    if path.exists() || !make(path, |secret| hex(secret))? {
        return Err(SecretError::Exists { path: path.to_owned() });
    }
    Ok(())
}

/// Loads a bearer token and never makes one.
///
/// # Errors
/// [`SecretError`].
pub fn load_token(path: &Path) -> Result<String, SecretError> {
    let token = load(path)?;
    let holds = token.len() >= 32 && token.bytes().all(|b| b.is_ascii_graphic());
    if holds { Ok(token) } else { Err(SecretError::Form { path: path.to_owned() }) }
}

/// Loads the one line of a secret's file, or makes the file on first use: `written` turns 32 random
/// bytes into the line.
///
/// # Errors
/// [`SecretError`].
pub fn line(path: &Path, written: impl FnOnce(&[u8; 32]) -> String) -> Result<String, SecretError> {
    if !path.exists() {
        make(path, written)?;
    }
    load(path)
}

fn fingerprint(secret: &[u8; 32]) -> String {
    let mut block = [0; 64];
    block[..32].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(b"levee.fingerprint");
    hex(&Sha256::digest(mac.finalize().into_bytes())[..8])
}

fn parse_key(text: &str) -> Option<(u8, [u8; 32])> {
    let (version, digits) = text.split_once(' ')?;
    let version = version.parse().ok().filter(|v| (1..=9).contains(v))?;
    let mut secret = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (n, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some((version, secret))
}

/// Makes a secret's file; `false` when a rival was first.
fn make(path: &Path, written: impl FnOnce(&[u8; 32]) -> String) -> Result<bool, SecretError> {
    let failed = |source| SecretError::Io { path: path.to_owned(), source };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| SecretError::Random)?;
    // Written aside and linked in place: a crash leaves no half secret, a rival keeps the first.
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    create(&aside, &written(&secret)).map_err(failed)?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside).map_err(failed)?;
    let made = match linked {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
        Err(e) => return Err(failed(e)),
    };
    // A bare file name has the empty path as its parent, which is the working folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed)?;
    Ok(made)
}

fn load(path: &Path) -> Result<String, SecretError> {
    let failed = |source| SecretError::Io { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode != 0o600 {
        return Err(SecretError::Mode { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map(|text| text.trim_end().to_owned()).map_err(failed)
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use proto::person::Persons;

    use super::*;

    fn token(stored: &StoredKey) -> String {
        Persons::Tokens(&stored.key).take("990000199001010017").unwrap().person
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = key(folder.path()).unwrap();
        let again = key(folder.path()).unwrap();
        assert_eq!(token(&first), token(&again));
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_eq!(first.fingerprint.len(), 16);
        let other = tempfile::tempdir().unwrap();
        let other = key(other.path()).unwrap();
        assert_ne!(token(&first), token(&other));
        assert_ne!(first.fingerprint, other.fingerprint);
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left aside");
    }

    #[test]
    fn a_key_is_created_once_and_loading_creates_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("province.key");
        let missing = load_key(&path).unwrap_err();
        assert!(matches!(missing, SecretError::Missing { .. }));
        assert!(missing.to_string().contains("levee keys create"), "{missing}");
        assert!(!path.exists());
        let made = create_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(create_key(&path), Err(SecretError::Exists { .. })));
        assert_eq!(token(&load_key(&path).unwrap()), token(&made));
        assert_eq!(made.mark(), *made.fingerprint.as_bytes());
    }

    #[test]
    fn a_fingerprint_is_the_written_formula() {
        assert_eq!(fingerprint(&[7; 32]), "d4261bd96ca5421b");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let token = operator_token(folder.path()).unwrap();
        assert_eq!(operator_token(folder.path()).unwrap(), token);
        assert_eq!(token.len(), 64);
        let path = folder.path().join(OPERATOR_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = operator_token(folder.path()).unwrap_err();
        assert!(matches!(refused, SecretError::Mode { mode: 0o640, .. }));
        assert!(!refused.to_string().contains(&token));
    }

    #[test]
    fn a_damaged_key_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for damaged in ["", "1 00", &format!("0 {}", "0".repeat(64)), &"é".repeat(33)] {
            create(&folder.path().join(KEY_FILE), damaged).unwrap();
            assert!(matches!(key(folder.path()), Err(SecretError::Form { .. })), "{damaged}");
        }
    }
}
