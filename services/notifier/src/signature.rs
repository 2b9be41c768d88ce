//! Signatures by Standard Webhooks: HMAC-SHA256 as `v1`, Ed25519 as `v1a`, over
//! `id.timestamp.body`. It knows no HTTP and keeps no key.

use std::fmt::{self, Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{channel::Secrets, seal::SealKey};

/// A secret as its subscriber is shown it once: `whsec_` and base64.
#[must_use]
pub fn shown(secret: &[u8; 32]) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(secret))
}

/// A key that signs for every subscriber; who has the public half can verify and not sign.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Of 32 random bytes.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads `whsk_` and the base64 of the 32 bytes, with or without the 32 of the public half.
    #[must_use]
    pub fn parse(text: &str) -> Option<SigningKey> {
        let bytes = BASE64_STANDARD.decode(text.trim().strip_prefix("whsk_")?).ok()?;
        let (seed, public) = bytes.split_first_chunk::<32>()?;
        let key = SigningKey::new(seed);
        let fits = public.is_empty() || public == key.0.verifying_key().as_bytes();
        fits.then_some(key)
    }

    /// The key that seals secrets in the store, derived from this one.
    #[must_use]
    pub fn sealing(&self) -> SealKey {
        SealKey::new(self.0.as_bytes())
    }

    /// 32 random bytes as [`SigningKey::parse`] reads them.
    #[must_use]
    pub fn written(seed: &[u8; 32]) -> String {
        format!("whsk_{}", BASE64_STANDARD.encode(seed))
    }

    /// The public half as verifiers take it: `whpk_` and base64.
    #[must_use]
    pub fn public(&self) -> String {
        format!("whpk_{}", BASE64_STANDARD.encode(self.0.verifying_key().as_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public())
    }
}

/// The header `webhook-signature`: one signature for each secret, then one for each key, so that
/// a receiver may change to a new one at any time while both are here. `timestamp` in Unix seconds.
#[must_use]
pub fn sign(
    id: &str,
    timestamp: i64,
    body: &[u8],
    secrets: &Secrets,
    keys: &[SigningKey],
) -> String {
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    let mut header = String::new();
    let mut push = |version: &str, signature: &[u8]| {
        let space = if header.is_empty() { "" } else { " " };
        // Writing into a String cannot fail.
        let _ = write!(header, "{space}{version},{}", BASE64_STANDARD.encode(signature));
    };
    for secret in secrets.iter() {
        push("v1", &hmac(secret, &signed));
    }
    for key in keys {
        push("v1a", &key.0.sign(&signed).to_bytes());
    }
    header
}

fn hmac(secret: &[u8; 32], signed: &[u8]) -> [u8; 32] {
    // The library pads or hashes a key of any length, so 32 bytes always fit.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    mac.update(signed);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_vector_of_standard_webhooks_is_met() {
        // The vector of the reference libraries; its secret has 24 bytes, so it is not a `Secrets`.
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_header_is_frozen() {
        let golden = include_str!("../golden/webhook.signature.txt");
        let secrets = Secrets::new([[1; 32], [2; 32]]);
        let keys = [SigningKey::new(&[3; 32]), SigningKey::new(&[4; 32])];
        let header =
            sign("828dafec0505f049dd0b33d159e3d42a", 1_772_591_000, b"{}", &secrets, &keys);
        assert_eq!(header.replace(' ', "\n"), golden.trim_end());
    }

    #[test]
    fn keys_are_read_and_shown() {
        let key = SigningKey::new(&[3; 32]);
        let seed = BASE64_STANDARD.encode([3; 32]);
        let pair =
            BASE64_STANDARD.encode([&[3; 32], &key.0.verifying_key().as_bytes()[..]].concat());
        for text in [format!("whsk_{seed}"), format!(" whsk_{pair}\n")] {
            assert_eq!(SigningKey::parse(&text).unwrap().public(), key.public());
        }
        let other = BASE64_STANDARD.encode([3; 64]);
        for bad in ["", "whsk_", "whsk_AAAA", &format!("whsk_{other}"), &format!("whsec_{seed}")] {
            assert!(SigningKey::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{key:?}"), key.public());
        assert_eq!(shown(&[0; 32]).len(), 50);
    }
}
