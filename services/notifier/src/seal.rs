//! Secrets of subscriptions as they rest in the store: sealed, so that whoever reads the database
//! or a copy of it can sign nothing.
//!
//! A sealed secret is a version byte, a random nonce and ChaCha20-Poly1305's text and tag, bound to
//! its subscription: it opens under no other one. It keeps no secret itself.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

/// The form that is written.
const VERSION: u8 = 1;
/// What the key is derived for.
const PURPOSE: &[u8] = b"levee.seal.v1";

/// A key that seals.
pub struct SealKey(LessSafeKey);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

impl SealKey {
    /// Derived from 32 random bytes, which may serve another end as well.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> SealKey {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(seed).expect("a key of any length");
        mac.update(PURPOSE);
        let key = mac.finalize().into_bytes();
        #[expect(clippy::expect_used, reason = "the cipher's keys have 32 bytes, as SHA-256 gives")]
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a key of 32 bytes");
        SealKey(LessSafeKey::new(key))
    }

    /// Seals a subscription's secret; nothing where the machine gives no random bytes.
    #[must_use]
    pub fn seal(&self, subscription: &str, secret: &[u8; 32]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = secret.to_vec();
        let bound = Aad::from(subscription.as_bytes());
        let sealed = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(sealed, bound, &mut text).ok()?;
        Some([&[VERSION], &nonce[..], &text].concat())
    }

    /// Opens what [`SealKey::seal`] gave; nothing for another key, subscription or form.
    #[must_use]
    pub fn open(&self, subscription: &str, stored: &[u8]) -> Option<[u8; 32]> {
        let (&VERSION, rest) = stored.split_first()? else { return None };
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let bound = Aad::from(subscription.as_bytes());
        let opened = self.0.open_in_place(nonce, bound, &mut text).ok()?;
        (&*opened).try_into().ok()
    }
}

/// A stored secret, sealed or, as before there was a key, not.
pub(crate) fn read(key: Option<&SealKey>, subscription: &str, stored: &[u8]) -> Option<[u8; 32]> {
    match stored.try_into() {
        Ok(plain) => Some(plain),
        Err(_) => key?.open(subscription, stored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_under_its_key_and_subscription_alone() {
        let key = SealKey::new(&[1; 32]);
        let sealed = key.seal("s1", &[7; 32]).unwrap();
        assert_eq!(sealed.len(), 61);
        assert!(!sealed.windows(4).any(|part| part == [7; 4]));
        assert_ne!(key.seal("s1", &[7; 32]).unwrap(), sealed, "no nonce is used twice");
        assert_eq!(key.open("s1", &sealed), Some([7; 32]));
        assert_eq!(key.open("s2", &sealed), None);
        assert_eq!(SealKey::new(&[2; 32]).open("s1", &sealed), None);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(key.open("s1", &bent), None, "byte {at}");
            assert_eq!(key.open("s1", &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_sealed_secret_of_this_version_is_read_for_ever() {
        let golden = include_str!("../golden/secret.sealed.hex").trim_end();
        let bytes: Vec<u8> = (0..golden.len() / 2)
            .map(|n| u8::from_str_radix(&golden[2 * n..2 * n + 2], 16).unwrap())
            .collect();
        assert_eq!(SealKey::new(&[1; 32]).open("s1", &bytes), Some([7; 32]));
    }

    #[test]
    fn what_was_stored_without_a_key_is_still_read() {
        assert_eq!(read(None, "s1", &[7; 32]), Some([7; 32]));
        let key = SealKey::new(&[1; 32]);
        assert_eq!(read(Some(&key), "s1", &[7; 32]), Some([7; 32]));
        let sealed = key.seal("s1", &[8; 32]).unwrap();
        assert_eq!(read(Some(&key), "s1", &sealed), Some([8; 32]));
        assert_eq!(read(None, "s1", &sealed), None);
    }
}
