//! Evaluation of `where` over the fields of one event: plain values, no outlook.

use proto::catalogue::{EventType, Kind};

use crate::expr::{
    program::{Arith, Cmp, Expr, Node, Program},
    walk::{self, Machine},
};

/// The fields of one event. An optional field that the event lacks reads as 0, false or "".
pub trait Record {
    /// A money or int field.
    fn int(&self, field: usize) -> i64;
    /// A bool field.
    fn bool(&self, field: usize) -> bool;
    /// A date, text or enum field.
    fn text(&self, field: usize) -> &str;
    /// The place of an enum field's word in the type's list; nothing where the record lacks the
    /// field or does not know places.
    fn word(&self, _field: usize) -> Option<usize> {
        None
    }
}

/// What a condition over one enum field gives for each word, computed once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WordTest {
    field: usize,
    passes: Box<[bool]>,
}

impl WordTest {
    /// The answers of a condition that reads one enum field, nothing else, and never fails.
    pub(crate) fn of(p: &Program, expr: Expr, kind: &EventType) -> Option<WordTest> {
        let field = only_field(p, expr)?;
        let Kind::Enum(words) = &kind.fields.get(field)?.kind else { return None };
        let passes = words.iter().map(|word| passes(p, expr, &Word(word)));
        Some(WordTest { field, passes: passes.collect::<Option<_>>()? })
    }

    /// The answer for a record, where it says which word it has.
    pub(crate) fn answer<R: Record>(&self, record: &R) -> Option<bool> {
        self.passes.get(record.word(self.field)?).copied()
    }
}

/// The field that an expression reads, if it reads no other.
fn only_field(p: &Program, expr: Expr) -> Option<usize> {
    let (mut open, mut found) = (vec![expr.root], None);
    while let Some(at) = open.pop() {
        match p.nodes[at as usize] {
            Node::Field(field) if found.is_none_or(|known| known == field) => found = Some(field),
            Node::Field(_) => return None,
            node => open.extend(p.below(node)),
        }
    }
    found.map(usize::from)
}

/// A record with a word in every field.
struct Word<'a>(&'a str);

impl Record for Word<'_> {
    fn int(&self, _: usize) -> i64 {
        0
    }
    fn bool(&self, _: usize) -> bool {
        false
    }
    fn text(&self, _: usize) -> &str {
        self.0
    }
}

/// Whether the record passes; nothing if the expression fails (overflow, division by zero).
pub(crate) fn passes<R: Record>(p: &Program, expr: Expr, record: &R) -> Option<bool> {
    walk::truth(&mut Plain { record }, p, expr.root)
}

struct Plain<'a, R> {
    record: &'a R,
}

/// A string without its characters.
#[derive(Clone, Copy)]
enum Source {
    Literal(u32),
    Field(u16),
}

impl<R: Record> Plain<'_, R> {
    fn spell<'a>(&'a self, p: &'a Program, source: Source) -> &'a str {
        match source {
            Source::Literal(at) => &p.texts[at as usize],
            Source::Field(at) => self.record.text(at.into()),
        }
    }
}

/// Every value may be missing: it failed.
impl<R: Record> Machine for Plain<'_, R> {
    type Number = Option<i64>;
    type Truth = Option<bool>;
    type Text = Option<Source>;

    fn int(&self, value: i64) -> Option<i64> {
        Some(value)
    }

    fn bool(&self, value: bool) -> Option<bool> {
        Some(value)
    }

    fn literal(&self, text: u32) -> Option<Source> {
        Some(Source::Literal(text))
    }

    fn leaf_number(&mut self, _: &Program, leaf: Node) -> Option<i64> {
        match leaf {
            Node::Field(at) => Some(self.record.int(at.into())),
            _ => None,
        }
    }

    fn leaf_truth(&mut self, _: &Program, leaf: Node) -> Option<bool> {
        match leaf {
            Node::Field(at) => Some(self.record.bool(at.into())),
            _ => None,
        }
    }

    fn leaf_text(&mut self, _: &Program, leaf: Node) -> Option<Source> {
        match leaf {
            Node::Field(at) => Some(Source::Field(at)),
            _ => None,
        }
    }

    fn neg(&self, a: Option<i64>) -> Option<i64> {
        a?.checked_neg()
    }

    fn arith(&self, op: Arith, a: Option<i64>, b: Option<i64>) -> Option<i64> {
        let (a, b) = (a?, b?);
        match op {
            Arith::Add => a.checked_add(b),
            Arith::Sub => a.checked_sub(b),
            Arith::Mul => a.checked_mul(b),
            Arith::Div => a.checked_div(b),
            Arith::Rem => a.checked_rem(b),
            Arith::Min => Some(a.min(b)),
            Arith::Max => Some(a.max(b)),
        }
    }

    fn compare(&self, op: Cmp, a: Option<i64>, b: Option<i64>) -> Option<bool> {
        Some(op.holds(a?.cmp(&b?)))
    }

    fn compare_text(
        &self,
        p: &Program,
        op: Cmp,
        a: Option<Source>,
        b: Option<Source>,
    ) -> Option<bool> {
        Some(op.holds(self.spell(p, a?).cmp(self.spell(p, b?))))
    }

    fn compare_truth(&self, op: Cmp, a: Option<bool>, b: Option<bool>) -> Option<bool> {
        Some(op.holds(a?.cmp(&b?)))
    }

    fn not(&self, a: Option<bool>) -> Option<bool> {
        a.map(|a| !a)
    }

    fn settled_and(&self, a: Option<bool>) -> Option<Option<bool>> {
        (a == Some(false)).then_some(a)
    }

    fn and(&self, a: Option<bool>, b: Option<bool>) -> Option<bool> {
        match (a, b) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            _ => Some(a? && b?),
        }
    }

    fn settled_or(&self, a: Option<bool>) -> Option<Option<bool>> {
        (a == Some(true)).then_some(a)
    }

    fn or(&self, a: Option<bool>, b: Option<bool>) -> Option<bool> {
        match (a, b) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            _ => Some(a? || b?),
        }
    }

    fn either(&self, a: Option<bool>, b: Option<bool>) -> Option<bool> {
        Some(a? | b?)
    }

    fn branch(&self, test: Option<bool>) -> Option<bool> {
        test
    }

    fn chosen_number(&self, _: Option<bool>, branch: Option<Option<i64>>) -> Option<i64> {
        branch.flatten()
    }

    fn chosen_truth(&self, _: Option<bool>, branch: Option<Option<bool>>) -> Option<bool> {
        branch.flatten()
    }

    fn chosen_text(&self, _: Option<bool>, branch: Option<Option<Source>>) -> Option<Source> {
        branch.flatten()
    }
}
