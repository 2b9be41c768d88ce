//! The texts that say why: `{name}`, `{name:yuan}`, and `{{`, `}}` for braces.

use crate::{
    error::{Fault, PackCode},
    expr::{
        lex::Located,
        names::{Name, PackNames},
        program::Type,
    },
    limits,
    near::{did_you_mean, shown},
};

/// A value written out: a default, or what a text shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Literal {
    /// A number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// A string.
    Text(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Plain(String),
    Value { name: Name, yuan: bool },
}

/// A checked text with places for values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    pub(crate) fn parse(text: &str, names: &PackNames) -> Result<Template, Located> {
        if text.len() > limits::WHY_BYTES {
            let message = format!("a text is longer than {} bytes", limits::WHY_BYTES);
            return Err((0, Fault::new(PackCode::Limit, message)));
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                plain.push(c);
                at += 2;
            } else if c == '{' {
                let end = rest.find('}').ok_or_else(|| {
                    let fault = Fault::new(PackCode::Syntax, "`{` is not closed");
                    (at, fault.hint("write `{{` for a brace"))
                })?;
                let piece = value(&rest[1..end], names).map_err(|fault| (at + 1, fault))?;
                pieces.extend([Piece::Plain(std::mem::take(&mut plain)), piece]);
                at += end + 1;
            } else if c == '}' {
                let fault = Fault::new(PackCode::Syntax, "`}` without `{`");
                return Err((at, fault.hint("write `}}` for a brace")));
            } else {
                plain.push(c);
                at += c.len_utf8();
            }
        }
        pieces.push(Piece::Plain(plain));
        Ok(Template { pieces })
    }

    /// The names it shows, in order of appearance.
    pub fn names(&self) -> impl Iterator<Item = Name> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value { name, .. } => Some(*name),
            Piece::Plain(_) => None,
        })
    }

    /// The text with values; one that failed shows as `–`.
    pub fn render(&self, mut lookup: impl FnMut(Name) -> Option<Literal>) -> String {
        let plain = self.pieces.iter().map(|piece| match piece {
            Piece::Plain(text) => text.len(),
            Piece::Value { .. } => 12,
        });
        let mut out = String::with_capacity(plain.sum());
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Value { name, yuan } => match lookup(*name) {
                    Some(Literal::Int(fen)) if *yuan => put_yuan(&mut out, fen),
                    Some(Literal::Int(value)) => put(&mut out, value < 0, value.unsigned_abs()),
                    Some(Literal::Bool(value)) => {
                        out.push_str(if value { "true" } else { "false" });
                    }
                    Some(Literal::Text(text)) => out.push_str(&text),
                    None => out.push('–'),
                },
            }
        }
        out
    }
}

fn value(text: &str, names: &PackNames) -> Result<Piece, Fault> {
    let (name, form) = text.split_once(':').map_or((text, None), |(n, f)| (n, Some(f)));
    let Some((known, kind)) = names.values.get(name) else {
        let message = format!("there is no {}", shown(name));
        let hint = did_you_mean(name, names.values.keys().map(String::as_str))
            .or_else(|| Some("a text shows facts and `let`s".to_owned()));
        return Err(Fault::new(PackCode::Name, message).maybe(hint));
    };
    match (form, kind) {
        (None, _) => Ok(Piece::Value { name: *known, yuan: false }),
        (Some("yuan"), Some(Type::Int) | None) => Ok(Piece::Value { name: *known, yuan: true }),
        (Some("yuan"), Some(kind)) => {
            Err(Fault::new(PackCode::Type, format!("`:yuan` shows fen, {} is {kind}", shown(name))))
        }
        (Some(_), _) => {
            Err(Fault::new(PackCode::Value, "this form is unknown").hint("there is `{name:yuan}`"))
        }
    }
}

/// Fen as yuan: decimals only when not 00.
#[must_use]
pub fn in_yuan(fen: i64) -> String {
    let mut out = String::new();
    put_yuan(&mut out, fen);
    out
}

fn put_yuan(out: &mut String, fen: i64) {
    let size = fen.unsigned_abs();
    put(out, fen < 0, size / 100);
    let rest = size % 100;
    if rest > 0 {
        out.push('.');
        out.extend([digit(rest / 10), digit(rest)]);
    }
}

fn put(out: &mut String, negative: bool, size: u64) {
    out.extend(negative.then_some('-'));
    out.push_str(itoa::Buffer::new().format(size));
}

/// The last digit.
fn digit(n: u64) -> char {
    char::from(b'0' + u8::try_from(n % 10).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> PackNames {
        let mut names = PackNames::default();
        names.values.insert("oop".into(), (Name::Fact(0), Some(Type::Int)));
        names.values.insert("where_from".into(), (Name::Let(0), Some(Type::Text)));
        names
    }

    #[test]
    fn values_are_put_in_their_places() {
        let t = Template::parse("{{自付}} {oop:yuan}元 ({oop}) {where_from}", &names()).unwrap();
        let render = |fen| {
            t.render(|name| match name {
                Name::Fact(_) => Some(Literal::Int(fen)),
                Name::Let(_) => None,
            })
        };
        assert_eq!(render(2_712_000), "{自付} 27120元 (2712000) –");
        assert_eq!(render(-105), "{自付} -1.05元 (-105) –");
        assert_eq!(in_yuan(i64::MIN), "-92233720368547758.08");
        assert_eq!(in_yuan(-7), "-0.07");
    }

    #[test]
    fn mistakes_are_placed() {
        for (text, at, message) in [
            ("a {oop", 2, "`{` is not closed"),
            ("a } b", 2, "`}` without `{`"),
            ("{oops}", 1, "there is no `oops`"),
            ("{oop:km}", 1, "this form is unknown"),
            ("{where_from:yuan}", 1, "`:yuan` shows fen, `where_from` is string"),
        ] {
            let (place, fault) = Template::parse(text, &names()).unwrap_err();
            assert_eq!((place, fault.message.as_str()), (at, message), "{text}");
        }
    }
}
