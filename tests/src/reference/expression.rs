//! Expressions: text to tree, tree to value by walking it. Slow and clear. Knows operators, not
//! households: every name is asked of a `Scope`. Both sides of `&&` and `||` are always computed,
//! so that a failure on one side cannot depend on the order.

use std::collections::BTreeSet;

/// A value of an expression, an event's field or a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Val {
    /// A whole number; money is in fen.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// Text; dates read as `YYYY-MM-DD`.
    Text(String),
}

impl Val {
    /// As `levee_compare.py` writes it.
    pub(crate) fn show(&self) -> String {
        match self {
            Val::Int(n) => n.to_string(),
            Val::Bool(b) => b.to_string(),
            Val::Text(t) => t.clone(),
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Val::Int(n) => (*n).into(),
            Val::Bool(b) => (*b).into(),
            Val::Text(t) => t.clone().into(),
        }
    }
}

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fail {
    /// Does not fit 64 bits.
    Overflow,
    /// Division or remainder by zero.
    Zero,
    /// A table has no row for this household.
    NoRow,
    /// What a checked pack cannot hold: an unknown name or a wrong type.
    Unchecked,
}

/// Where names get their values.
pub(crate) trait Scope {
    /// A fact, a `let`, or a field of an event.
    fn name(&self, name: &str) -> Result<Val, Fail>;
    /// `household.x` or `today.x`.
    fn member(&self, root: &str, field: &str) -> Result<Val, Fail>;
    /// `household.is("x")` or `household.aid("x")`.
    fn ask(&self, method: &str, argument: &str) -> Result<Val, Fail>;
    /// `table("x")`.
    fn table(&self, name: &str) -> Result<Val, Fail>;
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Lit(Val),
    Name(String),
    Member(String, String),
    Ask(String, String),
    Table(String),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Op(&'static str, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

impl Expr {
    /// Parses a text; `None` when it is not an expression.
    pub(crate) fn parse(text: &str) -> Option<Expr> {
        let tokens = tokens(text)?;
        let mut p = Parser { tokens, at: 0 };
        let e = p.choice()?;
        (p.at == p.tokens.len()).then_some(e)
    }

    /// The facts and lets named in it, reached or not.
    pub(crate) fn names(&self, out: &mut BTreeSet<String>) {
        match self {
            Expr::Name(n) => {
                out.insert(n.clone());
            }
            Expr::Lit(_) | Expr::Member(..) | Expr::Ask(..) | Expr::Table(_) => {}
            Expr::Not(a) | Expr::Minus(a) => a.names(out),
            Expr::Op(_, a, b) => {
                a.names(out);
                b.names(out);
            }
            Expr::In(a, list) => {
                a.names(out);
                list.iter().for_each(|e| e.names(out));
            }
            Expr::If(a, b, c) => [a, b, c].iter().for_each(|e| e.names(out)),
        }
    }

    /// The value in a scope.
    pub(crate) fn eval(&self, s: &dyn Scope) -> Result<Val, Fail> {
        match self {
            Expr::Lit(v) => Ok(v.clone()),
            Expr::Name(n) => s.name(n),
            Expr::Member(r, f) => s.member(r, f),
            Expr::Ask(m, a) => s.ask(m, a),
            Expr::Table(t) => s.table(t),
            Expr::Not(a) => match a.eval(s)? {
                Val::Bool(b) => Ok(Val::Bool(!b)),
                _ => Err(Fail::Unchecked),
            },
            Expr::Minus(a) => match a.eval(s)? {
                Val::Int(n) => fit(-i128::from(n)),
                _ => Err(Fail::Unchecked),
            },
            Expr::Op(op @ ("&&" | "||"), a, b) => logic(*op == "||", a.eval(s), b.eval(s)),
            Expr::Op(op, a, b) => apply(op, &a.eval(s)?, &b.eval(s)?),
            Expr::In(a, list) => {
                let v = a.eval(s)?;
                let items: Vec<Val> = list.iter().map(|e| e.eval(s)).collect::<Result<_, _>>()?;
                Ok(Val::Bool(items.contains(&v)))
            }
            Expr::If(a, b, c) => match a.eval(s)? {
                Val::Bool(true) => b.eval(s),
                Val::Bool(false) => c.eval(s),
                _ => Err(Fail::Unchecked),
            },
        }
    }

    /// True when the value is true; a failure is false.
    pub(crate) fn holds(&self, s: &dyn Scope) -> Result<bool, Fail> {
        match self.eval(s)? {
            Val::Bool(b) => Ok(b),
            _ => Err(Fail::Unchecked),
        }
    }
}

/// `&&` (`decisive` false) and `||` (`decisive` true): one decisive side decides, whatever the
/// other does.
fn logic(decisive: bool, a: Result<Val, Fail>, b: Result<Val, Fail>) -> Result<Val, Fail> {
    let decided = Ok(Val::Bool(decisive));
    if a == decided || b == decided {
        return decided;
    }
    match (a?, b?) {
        (Val::Bool(_), Val::Bool(_)) => Ok(Val::Bool(!decisive)),
        _ => Err(Fail::Unchecked),
    }
}

fn fit(n: i128) -> Result<Val, Fail> {
    i64::try_from(n).map(Val::Int).map_err(|_| Fail::Overflow)
}

fn apply(op: &str, a: &Val, b: &Val) -> Result<Val, Fail> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match (a, b) {
        (Val::Int(a), Val::Int(b)) => a.cmp(b),
        (Val::Bool(a), Val::Bool(b)) => a.cmp(b),
        (Val::Text(a), Val::Text(b)) => a.cmp(b),
        _ => return Err(Fail::Unchecked),
    };
    let truth = match op {
        "<" => order == Less,
        "<=" => order != Greater,
        ">" => order == Greater,
        ">=" => order != Less,
        "==" => order == Equal,
        "!=" => order != Equal,
        _ => {
            let (Val::Int(a), Val::Int(b)) = (a, b) else { return Err(Fail::Unchecked) };
            return arithmetic(op, i128::from(*a), i128::from(*b));
        }
    };
    Ok(Val::Bool(truth))
}

fn arithmetic(op: &str, a: i128, b: i128) -> Result<Val, Fail> {
    match op {
        "+" => fit(a + b),
        "-" => fit(a - b),
        "*" => fit(a * b),
        "/" | "%" if b == 0 => Err(Fail::Zero),
        "/" => fit(a / b),
        // the remainder of the smallest number by -1 is an overflow because its quotient is one
        "%" => fit(a / b).and_then(|_| fit(a % b)),
        "min" => fit(a.min(b)),
        "max" => fit(a.max(b)),
        _ => Err(Fail::Unchecked),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(u64),
    Text(String),
    Word(String),
    Sign(&'static str),
}

const SIGNS: [&str; 21] = [
    "&&", "||", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")",
    "[", "]", ",",
];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let used;
        if c.is_ascii_digit() {
            used = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            out.push(Token::Number(rest[..used].parse().ok()?));
        } else if c.is_ascii_alphabetic() || c == '_' {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            used = rest.find(|c| !part(c)).unwrap_or(rest.len());
            out.push(Token::Word(rest[..used].to_owned()));
        } else if c == '"' || c == '\'' {
            let (word, n) = quoted(rest, c)?;
            used = n;
            out.push(Token::Text(word));
        } else {
            let sign = SIGNS.iter().find(|s| rest.starts_with(**s))?;
            used = sign.len();
            out.push(Token::Sign(sign));
        }
        rest = rest[used..].trim_start();
    }
    Some(out)
}

fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((word, at + 1)),
            '\\' => match chars.next()?.1 {
                'n' => word.push('\n'),
                't' => word.push('\t'),
                c @ ('\\' | '"' | '\'') => word.push(c),
                _ => return None,
            },
            _ => word.push(c),
        }
    }
    None
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn sign(&mut self, wanted: &[&str]) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(s)) if wanted.contains(s) => {
                self.at += 1;
                Some(s)
            }
            _ => None,
        }
    }

    fn choice(&mut self) -> Option<Expr> {
        let condition = self.binary(0)?;
        if self.sign(&["?"]).is_none() {
            return Some(condition);
        }
        let yes = self.binary(0)?;
        self.sign(&[":"])?;
        let no = self.choice()?;
        Some(Expr::If(condition.into(), yes.into(), no.into()))
    }

    fn binary(&mut self, rank: usize) -> Option<Expr> {
        const RANKS: [&[&str]; 5] =
            [&["||"], &["&&"], &["<=", ">=", "==", "!=", "<", ">"], &["+", "-"], &["*", "/", "%"]];
        if rank == RANKS.len() {
            return self.unary();
        }
        let mut left = self.binary(rank + 1)?;
        loop {
            if let Some(op) = self.sign(RANKS[rank]) {
                left = Expr::Op(op, left.into(), self.binary(rank + 1)?.into());
            } else if rank == 2 && self.tokens.get(self.at) == Some(&Token::Word("in".into())) {
                self.at += 1;
                self.sign(&["["])?;
                left = Expr::In(left.into(), self.list("]")?);
            } else {
                return Some(left);
            }
        }
    }

    fn list(&mut self, end: &str) -> Option<Vec<Expr>> {
        let mut out = Vec::new();
        while self.sign(&[end]).is_none() {
            out.push(self.choice()?);
            if self.sign(&[","]).is_none() {
                self.sign(&[end])?;
                break;
            }
        }
        Some(out)
    }

    fn unary(&mut self) -> Option<Expr> {
        if self.sign(&["!"]).is_some() {
            return Some(Expr::Not(self.unary()?.into()));
        }
        if self.sign(&["-"]).is_some() {
            if let Some(Token::Number(n)) = self.tokens.get(self.at) {
                let n = i64::try_from(-i128::from(*n)).ok()?;
                self.at += 1;
                return Some(Expr::Lit(Val::Int(n)));
            }
            return Some(Expr::Minus(self.unary()?.into()));
        }
        self.primary()
    }

    fn primary(&mut self) -> Option<Expr> {
        if self.sign(&["("]).is_some() {
            let e = self.choice()?;
            self.sign(&[")"])?;
            return Some(e);
        }
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Number(n) => Some(Expr::Lit(Val::Int(i64::try_from(n).ok()?))),
            Token::Text(t) => Some(Expr::Lit(Val::Text(t))),
            Token::Sign(_) => None,
            Token::Word(w) if self.sign(&["("]).is_some() => self.call(&w),
            Token::Word(w) => Some(match w.as_str() {
                "true" => Expr::Lit(Val::Bool(true)),
                "false" => Expr::Lit(Val::Bool(false)),
                _ => match w.split_once('.') {
                    Some((root, field)) => Expr::Member(root.into(), field.into()),
                    None => Expr::Name(w),
                },
            }),
        }
    }

    fn call(&mut self, function: &str) -> Option<Expr> {
        let mut arguments = self.list(")")?.into_iter();
        let (first, second, third) = (arguments.next()?, arguments.next(), arguments.next());
        match (function, first, second, third) {
            ("min", a, Some(b), None) => Some(Expr::Op("min", a.into(), b.into())),
            ("max", a, Some(b), None) => Some(Expr::Op("max", a.into(), b.into())),
            ("table", Expr::Lit(Val::Text(t)), None, None) => Some(Expr::Table(t)),
            ("household.is", Expr::Lit(Val::Text(t)), None, None) => {
                Some(Expr::Ask("is".into(), t))
            }
            ("household.aid", Expr::Lit(Val::Text(t)), None, None) => {
                Some(Expr::Ask("aid".into(), t))
            }
            _ => None,
        }
    }
}
