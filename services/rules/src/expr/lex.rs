//! Tokens of an expression, as CEL spells them.
//!
//! It refuses what the language leaves out (floats, unsigned numbers, bytes) by name, with a hint.

use crate::error::{Fault, PackCode};

/// A token with its bytes in the text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    /// A number without sign; at most 2^63.
    Int(u64),
    Text(String),
    Name,
    Op(&'static str),
    End,
}

/// A fault with the byte where it lies.
pub(crate) type Located = (usize, Fault);

const OPS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":", "(", ")",
    "[", "]", ",", ".", "{", "}", "=",
];

/// Splits `text` into tokens; the last one is [`Kind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Located> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(text, at);
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            out.push(Token { kind: Kind::End, start: at, end: at });
            return Ok(out);
        };
        let (kind, len) = token(rest, first).map_err(|(n, fault)| (at + n, fault))?;
        out.push(Token { kind, start: at, end: at + len });
        at += len;
    }
}

fn skip_blanks(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        at += rest.len() - trimmed.len();
        if !trimmed.starts_with("//") {
            return at;
        }
        at += trimmed.find('\n').unwrap_or(trimmed.len());
    }
}

fn token(rest: &str, first: char) -> Result<(Kind, usize), Located> {
    if first.is_ascii_digit() {
        return number(rest);
    }
    if let Some((raw, quote)) = string_start(rest) {
        return string(rest, raw, quote);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let next = rest[len..].chars().next();
        if matches!(&rest[..len], "b" | "B" | "br" | "rb") && matches!(next, Some('"' | '\'')) {
            return Err((0, syntax("bytes are not part of the language").hint("drop the `b`")));
        }
        return Ok((Kind::Name, len));
    }
    if first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Err((0, no_floats()));
    }
    match OPS.iter().find(|op| rest.starts_with(**op)) {
        Some(&"=") => Err((0, syntax("`=` is no operator").hint("equality is `==`"))),
        Some(&("{" | "}")) => Err((0, syntax("maps are not part of the language"))),
        Some(op) => Ok((Kind::Op(op), op.len())),
        None => {
            let fault = syntax("this character is not part of the language");
            Err((0, fault.maybe(character_hint(first))))
        }
    }
}

fn character_hint(c: char) -> Option<String> {
    let better = match c {
        '&' => "`&&`",
        '|' => "`||`",
        '“' | '”' | '‘' | '’' | '`' => "a straight quote",
        '，' => "`,`",
        '（' | '）' => "`(` and `)`",
        '＞' | '≥' => "`>` or `>=`",
        '＜' | '≤' => "`<` or `<=`",
        '≠' => "`!=`",
        _ => return None,
    };
    Some(format!("write {better}"))
}

fn number(rest: &str) -> Result<(Kind, usize), Located> {
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    let (skip, radix) = if hex { (2, 16) } else { (0, 10) };
    let len = skip + rest.bytes().skip(skip).take_while(|b| char::from(*b).is_digit(radix)).count();
    let next: Vec<char> = rest[len..].chars().take(2).collect();
    match next.as_slice() {
        ['u' | 'U', ..] => {
            return Err((0, syntax("unsigned numbers are not allowed").hint("drop the `u`")));
        }
        ['.', d] if d.is_ascii_digit() => return Err((0, no_floats())),
        ['.'] | ['e' | 'E', ..] if !hex => return Err((0, no_floats())),
        [c, ..] if c.is_ascii_alphanumeric() || *c == '_' => {
            let fault = syntax("a number is followed by letters");
            return Err((len, fault.hint("digits are not grouped; a name starts with a letter")));
        }
        _ => {}
    }
    let value = u64::from_str_radix(&rest[skip..len], radix).ok().filter(|v| *v <= 1 << 63);
    let range = || (0, Fault::new(PackCode::Value, "this number does not fit 64 bits"));
    Ok((Kind::Int(value.ok_or_else(range)?), len))
}

fn no_floats() -> Fault {
    syntax("numbers with a fraction are not allowed").hint("count money in fen, shares in permille")
}

/// Whether a string begins here: is it raw, and which quote ends it.
fn string_start(rest: &str) -> Option<(bool, &'static str)> {
    let raw = rest.starts_with(['r', 'R']);
    let body = if raw { &rest[1..] } else { rest };
    ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| body.starts_with(q)).map(|q| (raw, q))
}

fn string(rest: &str, raw: bool, quote: &str) -> Result<(Kind, usize), Located> {
    let mut at = usize::from(raw) + quote.len();
    let mut out = String::new();
    loop {
        let tail = &rest[at..];
        if tail.starts_with(quote) {
            return Ok((Kind::Text(out), at + quote.len()));
        }
        match tail.chars().next() {
            Some('\n' | '\r') | None if quote.len() == 1 => {
                return Err((0, syntax("this string is not closed")));
            }
            None => return Err((0, syntax("this string is not closed"))),
            Some('\\') if !raw => {
                let (c, len) = escape(&tail[1..])
                    .ok_or_else(|| (at, syntax("this escape is unknown").hint("write `\\\\`")))?;
                out.push(c);
                at += 1 + len;
            }
            Some(c) => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
}

/// The character of an escape after its backslash, and the bytes it takes.
fn escape(tail: &str) -> Option<(char, usize)> {
    let simple = |c| Some((c, 1));
    match tail.bytes().next()? {
        b'a' => simple('\u{7}'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'v' => simple('\u{b}'),
        b @ (b'\\' | b'?' | b'"' | b'\'' | b'`') => simple(char::from(b)),
        b'x' | b'X' => coded(tail, 1, 2, 16),
        b'u' => coded(tail, 1, 4, 16),
        b'U' => coded(tail, 1, 8, 16),
        b'0'..=b'3' => coded(tail, 0, 3, 8),
        _ => None,
    }
}

fn coded(tail: &str, skip: usize, digits: usize, radix: u32) -> Option<(char, usize)> {
    let text = tail.get(skip..skip + digits)?;
    let all = text.chars().all(|c| c.is_digit(radix));
    let code = all.then(|| u32::from_str_radix(text, radix).ok()).flatten()?;
    Some((char::from_u32(code)?, skip + digits))
}

pub(crate) fn syntax(message: &str) -> Fault {
    Fault::new(PackCode::Syntax, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn strings_are_read_as_cel_writes_them() {
        for (text, value) in [
            (r#""a\"b""#, "a\"b"),
            (r"'a\'b'", "a'b"),
            (r"'\x41\u4e2d\U0001F600\101\n'", "A中😀A\n"),
            (r"r'a\n'", r"a\n"),
            ("'''a\n'b'''", "a\n'b"),
        ] {
            assert_eq!(kinds(text), [Kind::Text(value.into()), Kind::End], "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(kinds("0x1F"), [Kind::Int(31), Kind::End]);
        assert_eq!(kinds("007 // seven"), [Kind::Int(7), Kind::End]);
        assert_eq!(kinds("9223372036854775808"), [Kind::Int(1 << 63), Kind::End]);
    }

    #[test]
    fn what_the_language_leaves_out_is_named() {
        for (text, at, message) in [
            ("1.5", 0, "numbers with a fraction are not allowed"),
            ("1e3", 0, "numbers with a fraction are not allowed"),
            (".5", 0, "numbers with a fraction are not allowed"),
            ("5u", 0, "unsigned numbers are not allowed"),
            ("b'x'", 0, "bytes are not part of the language"),
            ("12abc", 2, "a number is followed by letters"),
            ("0x", 0, "this number does not fit 64 bits"),
            ("9223372036854775809", 0, "this number does not fit 64 bits"),
            ("a & b", 2, "this character is not part of the language"),
            ("a = b", 2, "`=` is no operator"),
            ("'abc", 0, "this string is not closed"),
            (r"'\q'", 1, "this escape is unknown"),
            (r"'\ud800'", 1, "this escape is unknown"),
        ] {
            let (place, fault) = tokens(text).unwrap_err();
            assert_eq!((place, fault.message.as_str()), (at, message), "{text}");
        }
    }
}
