//! Persons as the journal knows them: keyed tokens, never ID numbers.
//!
//! The only file that looks at an ID number's digits. Behind it a person is an opaque text.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key that turns ID numbers into tokens; its version stands in every token.
#[derive(Clone)]
pub struct TokenKey {
    version: u8,
    mac: Hmac<Sha256>,
}

impl TokenKey {
    /// A key of 32 secret bytes; `version` 1..=9.
    #[must_use]
    pub fn new(version: u8, secret: &[u8; 32]) -> TokenKey {
        // HMAC pads a short key with zeros to the hash's block of 64 bytes.
        let mut block = [0; 64];
        block[..32].copy_from_slice(secret);
        TokenKey { version: version.clamp(1, 9), mac: Hmac::<Sha256>::new(&block.into()) }
    }

    /// `p`, the key's version, 32 hex digits of HMAC-SHA-256 of the 18-character number.
    fn token(&self, number: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(number.as_bytes());
        let tag = mac.finalize().into_bytes();
        format!("p{}{}", self.version, crate::ids::hex(&tag[..16]))
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey(version {})", self.version)
    }
}

/// How a door treats the persons it is shown.
#[derive(Clone, Copy, Debug)]
pub enum Persons<'k> {
    /// As they are: for files that never leave the machine (`backtest`).
    AsGiven,
    /// ID numbers become tokens of this key.
    Tokens(&'k TokenKey),
}

/// A person and what was noticed about the number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The token, or the text as given.
    pub person: String,
    /// The number's checksum does not hold (`identity.unverified`).
    pub unverified: bool,
}

impl Persons<'_> {
    /// Takes the text that names a person: an ID number or a token `[A-Za-z0-9._-]{1,64}`.
    #[must_use]
    pub fn take(self, text: &str) -> Option<Taken> {
        let text = text.trim();
        let is_number = holds_id_number(text);
        match self {
            Persons::Tokens(key) if is_number => {
                let number = whole_number(text)?;
                let unverified = !checksum_holds(&number);
                Some(Taken { person: key.token(&number), unverified })
            }
            Persons::AsGiven | Persons::Tokens(_) => {
                let plain = (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
                plain.then(|| Taken { person: text.to_owned(), unverified: false })
            }
        }
    }
}

/// Whether a text holds a run of 15, 17 and one of `[0-9Xx]`, 20 or 22 digits.
#[must_use]
pub fn holds_id_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    // A run of 15 digits or more covers one of these places.
    (14..bytes.len()).step_by(15).any(|at| bytes[at].is_ascii_digit() && is_in_id_number(bytes, at))
}

/// Whether the run of digits that covers this place is as long as an ID number's.
fn is_in_id_number(bytes: &[u8], at: usize) -> bool {
    // How much longer than the longest it is does not matter, and must not take time.
    let digits = |byte: &&u8| byte.is_ascii_digit();
    let before = bytes[..at].iter().rev().take(23).take_while(digits).count();
    let after = bytes[at..].iter().take(23).take_while(digits).count();
    let x = matches!(bytes.get(at + after), Some(b'X' | b'x'));
    matches!(before + after, 15 | 18 | 20 | 22) || (before + after == 17 && x)
}

/// The 18-character number inside an identity text: a disability certificate (20, reissued 22)
/// begins with it, a 15-digit number of the first generation is brought to 18.
fn whole_number(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let digits = upper.bytes().take_while(u8::is_ascii_digit).count();
    match (upper.len(), digits) {
        (18, 17 | 18) => Some(upper),
        (20 | 22, 20 | 22) => upper.get(..18).map(str::to_owned),
        (15, 15) => {
            let long = format!("{}19{}", &upper[..6], &upper[6..]);
            Some(format!("{long}{}", check_character(&long)))
        }
        _ => None,
    }
}

fn checksum_holds(number: &str) -> bool {
    number.get(17..).is_some_and(|last| last == check_character(&number[..17]).to_string())
}

/// The check character of 17 digits: ISO 7064 MOD 11-2 as GB 11643-1999 uses it.
fn check_character(digits: &str) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 =
        digits.bytes().zip(WEIGHTS).map(|(b, w)| u32::from(b.saturating_sub(b'0')) * w).sum();
    char::from(b"10X98765432"[(sum % 11) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_number_becomes_the_same_token_in_every_form() {
        let key = TokenKey::new(1, &[7; 32]);
        let take = |text: &str| Persons::Tokens(&key).take(text).unwrap();
        let number = format!("99000019900101001{}", check_character("99000019900101001"));
        let token = take(&number);
        assert!(token.person.starts_with("p1") && token.person.len() == 34 && !token.unverified);
        assert_eq!(take(&format!(" {number} ")), token);
        assert_eq!(take(&format!("{number}41")), token);
        let old = "990000900101001";
        assert_eq!(take(old), token);
        assert!(take("990000199001010010").unverified);
        assert_ne!(Persons::Tokens(&TokenKey::new(1, &[8; 32])).take(&number), Some(token.clone()));
        assert_eq!(take(&token.person), Taken { person: token.person.clone(), unverified: false });
        assert_eq!(Persons::AsGiven.take(&number).unwrap().person, number);
        for none in ["", "a b", "9900001990010100174 1", &"x".repeat(65)] {
            assert_eq!(Persons::Tokens(&key).take(none), None, "{none}");
        }
    }

    #[test]
    fn what_looks_like_an_id_number_is_seen_anywhere() {
        for yes in [
            "990000199001010017",
            "x99000019900101001Xy",
            "99000019900101001x",
            "990000900101001",
            "n:99000019900101001741",
        ] {
            assert!(holds_id_number(yes), "{yes}");
        }
        for no in [
            "99-ybj-000000000001",
            "990102003004",
            "99000019900101001",
            "1234567890123456",
            "p1aabbccddeeff00112233",
        ] {
            assert!(!holds_id_number(no), "{no}");
        }
    }

    /// Run by run, from the left.
    fn slowly(text: &str) -> bool {
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            rest = &rest[start..];
            let run = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let x = rest[run..].starts_with(['X', 'x']);
            if matches!(run, 15 | 18 | 20 | 22) || (run == 17 && x) {
                return true;
            }
            rest = &rest[run..];
        }
        false
    }

    proptest::proptest! {
        #[test]
        fn an_id_number_is_seen_as_by_looking_at_every_run(
            text in "([0-9]{0,3}|[0-9]{13,24}|[Xxa-]|\u{4e2d}){0,6}"
        ) {
            proptest::prop_assert_eq!(holds_id_number(&text), slowly(&text));
        }
    }
}
