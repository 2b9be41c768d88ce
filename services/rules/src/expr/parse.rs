//! The tree of an expression: a precedence climber with spans and limits.
//!
//! The grammar is CEL's; it refuses to know names and types.

use super::lex::{Kind, Located, Token, syntax, tokens};
use crate::{
    error::{Fault, PackCode},
    limits,
    near::shown,
};

/// The place of a node in [`Tree`].
pub(crate) type Id = usize;

/// A node: what it is, its bytes in the text, and how deep the tree below it is.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) shape: Shape,
    pub(crate) start: usize,
    height: usize,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Int(i64),
    Bool(bool),
    Text(String),
    Name(String),
    Member(String, String),
    Call(Option<String>, String, Vec<Id>),
    Neg(Id),
    Not(Id),
    Binary(&'static str, Id, Id),
    In(Id, Vec<Id>),
    Cond(Id, Id, Id),
}

/// A parsed expression.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Branch>,
    pub(crate) root: Id,
}

impl Tree {
    /// The free names an expression mentions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.shape {
            Shape::Name(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// Parses `text`.
pub(crate) fn parse(text: &str) -> Result<Tree, Located> {
    if text.len() > limits::EXPR_BYTES {
        let message = format!("an expression is longer than {} bytes", limits::EXPR_BYTES);
        return Err((0, Fault::new(PackCode::Limit, message)));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, nodes: Vec::new(), depth: 0 };
    if parser.peek().kind == Kind::End {
        return Err((0, syntax("an expression is expected")));
    }
    let root = parser.expression()?;
    let rest = parser.peek();
    if rest.kind != Kind::End {
        return Err((rest.start, parser.unexpected("the expression should end here")));
    }
    Ok(Tree { nodes: parser.nodes, root })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    nodes: Vec<Branch>,
    depth: usize,
}

/// Operators from the loosest to the tightest; `?:` binds looser than all.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn word(&self, token: &Token) -> &str {
        &self.text[token.start..token.end]
    }

    fn op(&self) -> &str {
        match &self.peek().kind {
            Kind::Op(op) => op,
            Kind::Name => self.word(self.peek()),
            _ => "",
        }
    }

    fn take(&mut self, op: &str) -> bool {
        let found = matches!(&self.peek().kind, Kind::Op(o) if *o == op);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, op: &'static str) -> Result<(), Located> {
        if self.take(op) {
            return Ok(());
        }
        let message = format!("`{op}` is expected");
        Err((self.peek().start, self.unexpected(&message)))
    }

    fn unexpected(&self, message: &str) -> Fault {
        let fault = syntax(message);
        match &self.peek().kind {
            Kind::Op("?") => fault.hint("put an inner `?:` in parentheses"),
            Kind::Op("," | "]") => fault.hint("quote an expression that holds `,` inside `{…}`"),
            Kind::End => fault.hint(
                "the text ends here: quote an expression that holds ` #` or, inside `{…}`, `,`",
            ),
            Kind::Name => match self.word(self.peek()) {
                "and" => fault.hint("write `&&`"),
                "or" => fault.hint("write `||`"),
                "not" => fault.hint("write `!`"),
                _ => fault,
            },
            _ => fault,
        }
    }

    fn add(&mut self, shape: Shape, start: usize, below: &[Id]) -> Result<Id, Located> {
        let height = 1 + below.iter().map(|id| self.nodes[*id].height).max().unwrap_or(0);
        if height > limits::EXPR_CHAIN {
            let message = format!("a chain of more than {} operators", limits::EXPR_CHAIN);
            return Err((start, Fault::new(PackCode::Limit, message).hint("split it into `let`s")));
        }
        self.nodes.push(Branch { shape, start, height });
        Ok(self.nodes.len() - 1)
    }

    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Located>,
    ) -> Result<T, Located> {
        if self.depth >= limits::EXPR_DEPTH {
            let message = format!("an expression is nested deeper than {}", limits::EXPR_DEPTH);
            return Err((self.peek().start, Fault::new(PackCode::Limit, message)));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// `or ? or : expression`; the chain of else-branches is built from its end.
    fn expression(&mut self) -> Result<Id, Located> {
        let mut steps = Vec::new();
        let last = loop {
            let start = self.peek().start;
            let test = self.level(0)?;
            if !self.take("?") {
                break test;
            }
            let yes = self.level(0)?;
            self.expect(":")?;
            steps.push((start, test, yes));
        };
        steps.into_iter().rev().try_fold(last, |no, (start, test, yes)| {
            self.add(Shape::Cond(test, yes, no), start, &[test, yes, no])
        })
    }

    fn level(&mut self, level: usize) -> Result<Id, Located> {
        let Some(ops) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = ops.iter().find(|op| **op == self.op()) {
            let start = self.peek().start;
            self.at += 1;
            left = if *op == "in" {
                let items = self.items()?;
                let below: Vec<Id> = items.iter().copied().chain([left]).collect();
                self.add(Shape::In(left, items), start, &below)?
            } else {
                let right = self.level(level + 1)?;
                self.add(Shape::Binary(op, left, right), start, &[left, right])?
            };
        }
        Ok(left)
    }

    /// The list after `in`.
    fn items(&mut self) -> Result<Vec<Id>, Located> {
        let start = self.peek().start;
        if !self.take("[") {
            let fault = syntax("`in` takes a list").hint("write `x in [\"a\", \"b\"]`");
            return Err((start, fault));
        }
        self.nested(|p| p.arguments("]"))
    }

    fn arguments(&mut self, end: &'static str) -> Result<Vec<Id>, Located> {
        let mut out = Vec::new();
        while !self.take(end) {
            if !out.is_empty() {
                self.expect(",")?;
                if end == "]" && self.take(end) {
                    break;
                }
            }
            out.push(self.expression()?);
        }
        Ok(out)
    }

    /// `!…` or `-…`: an even number of signs is none, as in CEL.
    fn unary(&mut self) -> Result<Id, Located> {
        let start = self.peek().start;
        for op in ["!", "-"] {
            let mut signs = 0;
            while self.take(op) {
                signs += 1;
            }
            if signs == 0 {
                continue;
            }
            if signs > limits::EXPR_DEPTH {
                return Err((start, Fault::new(PackCode::Limit, "too many signs in a row")));
            }
            let odd = signs % 2 == 1;
            if op == "-" && odd && matches!(self.peek().kind, Kind::Int(_)) {
                return self.integer(start, true);
            }
            let inner = self.nested(Self::unary)?;
            return match (odd, op) {
                (true, "!") => self.add(Shape::Not(inner), start, &[inner]),
                (true, _) => self.add(Shape::Neg(inner), start, &[inner]),
                // Even signs vanish, but the operand must still have the operator's type.
                (false, "!") => {
                    let once = self.add(Shape::Not(inner), start, &[inner])?;
                    self.add(Shape::Not(once), start, &[once])
                }
                (false, _) => Ok(inner),
            };
        }
        self.primary()
    }

    fn integer(&mut self, start: usize, minus: bool) -> Result<Id, Located> {
        let Kind::Int(size) = self.peek().kind else { return self.primary() };
        let value = if minus { 0i64.checked_sub_unsigned(size) } else { i64::try_from(size).ok() };
        let range = || (start, Fault::new(PackCode::Value, "this number does not fit 64 bits"));
        let value = value.ok_or_else(range)?;
        self.at += 1;
        self.add(Shape::Int(value), start, &[])
    }

    fn primary(&mut self) -> Result<Id, Located> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Int(_) => self.integer(token.start, false),
            Kind::Text(text) => {
                self.at += 1;
                let id = self.add(Shape::Text(text), token.start, &[])?;
                self.no_suffix(id)
            }
            Kind::Name => self.name(&token),
            Kind::Op("(") => {
                self.at += 1;
                let inner = self.nested(Self::expression)?;
                self.expect(")")?;
                self.no_suffix(inner)
            }
            Kind::Op("[") => Err((token.start, syntax("a list stands only after `in`"))),
            _ => Err((token.start, self.unexpected("a value is expected here"))),
        }
    }

    fn no_suffix(&self, id: Id) -> Result<Id, Located> {
        match self.op() {
            "." | "[" => Err((self.peek().start, syntax("this value has no members"))),
            _ => Ok(id),
        }
    }

    fn name(&mut self, token: &Token) -> Result<Id, Located> {
        self.at += 1;
        let first = self.word(token).to_owned();
        if matches!(first.as_str(), "true" | "false") {
            return self.add(Shape::Bool(first == "true"), token.start, &[]);
        }
        if first == "in" {
            return Err((token.start, syntax("a value is expected before `in`")));
        }
        if self.take("(") {
            let args = self.nested(|p| p.arguments(")"))?;
            let below = args.clone();
            let id = self.add(Shape::Call(None, first, args), token.start, &below)?;
            return self.no_suffix(id);
        }
        if !self.take(".") {
            return match self.op() {
                "[" => Err((self.peek().start, syntax("nothing here can be indexed"))),
                _ => self.add(Shape::Name(first), token.start, &[]),
            };
        }
        let member = self.peek().clone();
        if member.kind != Kind::Name {
            let fault = syntax("a name is expected after `.`");
            return Err((member.start, fault));
        }
        self.at += 1;
        let second = self.word(&member).to_owned();
        if self.op() == "." {
            let message = format!("{} has no members", shown(&second));
            return Err((member.start, Fault::new(PackCode::Name, message)));
        }
        if self.take("(") {
            let args = self.nested(|p| p.arguments(")"))?;
            let below = args.clone();
            let id = self.add(Shape::Call(Some(first), second, args), token.start, &below)?;
            return self.no_suffix(id);
        }
        self.add(Shape::Member(first, second), token.start, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(tree: &Tree, id: Id) -> String {
        let s = |id: &Id| spell(tree, *id);
        let all = |ids: &[Id]| ids.iter().map(s).collect::<Vec<_>>().join(",");
        match &tree.nodes[id].shape {
            Shape::Int(v) => v.to_string(),
            Shape::Bool(v) => v.to_string(),
            Shape::Text(v) => format!("'{v}'"),
            Shape::Name(n) => n.clone(),
            Shape::Member(a, b) => format!("{a}.{b}"),
            Shape::Call(None, f, a) => format!("{f}({})", all(a)),
            Shape::Call(Some(o), f, a) => format!("{o}.{f}({})", all(a)),
            Shape::Neg(a) => format!("(-{})", s(a)),
            Shape::Not(a) => format!("(!{})", s(a)),
            Shape::Binary(op, a, b) => format!("({}{op}{})", s(a), s(b)),
            Shape::In(a, l) => format!("({} in [{}])", s(a), all(l)),
            Shape::Cond(c, x, y) => format!("({}?{}:{})", s(c), s(x), s(y)),
        }
    }

    #[test]
    fn operators_bind_as_in_cel() {
        for (text, tree) in [
            ("a || b && c == d + e * f", "(a||(b&&(c==(d+(e*f)))))"),
            ("a - b - c", "((a-b)-c)"),
            ("a / b * c % d", "(((a/b)*c)%d)"),
            ("a < b == c", "((a<b)==c)"),
            ("!a && -b < 1", "((!a)&&((-b)<1))"),
            ("a ? b : c ? d : e", "(a?b:(c?d:e))"),
            ("a || b ? 1 : 2", "((a||b)?1:2)"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("--5", "5"),
            ("---x", "(-x)"),
            ("x in [1, 2,] && y", "((x in [1,2])&&y)"),
            ("min(a, max(b, 1))", "min(a,max(b,1))"),
            ("household.is(\"x\")", "household.is('x')"),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!(spell(&parsed, parsed.root), tree, "{text}");
        }
    }

    #[test]
    fn mistakes_are_placed() {
        for (text, at, message) in [
            ("", 0, "an expression is expected"),
            ("a +", 3, "a value is expected here"),
            ("(a", 2, "`)` is expected"),
            ("a b", 2, "the expression should end here"),
            ("a ? b", 5, "`:` is expected"),
            ("a ? b ? 1 : 2 : 3", 6, "`:` is expected"),
            ("x in y", 5, "`in` takes a list"),
            ("[1]", 0, "a list stands only after `in`"),
            ("a.b.c", 2, "`b` has no members"),
            ("a[0]", 1, "nothing here can be indexed"),
            ("'a'.size()", 3, "this value has no members"),
            ("household.5", 9, "numbers with a fraction are not allowed"),
            ("9223372036854775808", 0, "this number does not fit 64 bits"),
        ] {
            let (place, fault) = parse(text).map(|_| ()).unwrap_err();
            assert_eq!((place, fault.message.as_str()), (at, message), "{text}");
        }
    }

    #[test]
    fn nesting_and_chains_have_limits() {
        let deep = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&deep(limits::EXPR_DEPTH)).is_ok());
        let refused = |text: &str| parse(text).map(|_| ()).unwrap_err().1.code;
        assert_eq!(refused(&deep(limits::EXPR_DEPTH + 1)), PackCode::Limit);
        assert_eq!(refused(&"[".repeat(4096)), PackCode::Syntax);
        assert_eq!(refused(&"(".repeat(4096)), PackCode::Limit);
        assert_eq!(refused(&"!-".repeat(2000)), PackCode::Limit);
        assert_eq!(refused(&vec!["a"; 400].join("+")), PackCode::Limit);
        assert!(parse(&vec!["a"; 200].join("||")).is_ok());
        assert_eq!(refused(&"a".repeat(limits::EXPR_BYTES + 1)), PackCode::Limit);
    }
}
