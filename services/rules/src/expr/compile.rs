//! Checks names and types of a tree and writes it into the program.
//!
//! It reports every independent mistake of one expression, each with its byte.

use super::{
    lex::Located,
    names::{Name, PackNames, Reach, field_type},
    parse::{Id, Shape, Tree, parse},
    program::{Arith, Cmp, Expr, Node, Program, Type},
};
use crate::{
    attr::{Attr, Part},
    error::{Fault, PackCode},
    limits,
    near::{did_you_mean, shown},
};

/// Compiles `text` into `program`; the caller checks the type of the result.
pub(crate) fn compile(
    text: &str,
    reach: Reach<'_>,
    program: &mut Program,
) -> Result<Expr, Vec<Located>> {
    let tree = parse(text).map_err(|fault| vec![fault])?;
    compile_tree(&tree, reach, program)
}

/// The same for a text that is already parsed.
pub(crate) fn compile_tree(
    tree: &Tree,
    reach: Reach<'_>,
    program: &mut Program,
) -> Result<Expr, Vec<Located>> {
    let mut compiler = Compiler { tree, reach, program, faults: Vec::new() };
    match compiler.node(tree.root) {
        Ok((root, kind)) if compiler.faults.is_empty() => Ok(Expr { root, kind }),
        _ => Err(compiler.faults),
    }
}

struct Compiler<'a> {
    tree: &'a Tree,
    reach: Reach<'a>,
    program: &'a mut Program,
    faults: Vec<Located>,
}

/// A fault is in the list already.
struct Reported;

type Typed = Result<(u32, Type), Reported>;

impl Compiler<'_> {
    fn fail<T>(&mut self, at: usize, fault: Fault) -> Result<T, Reported> {
        self.faults.push((at, fault));
        Err(Reported)
    }

    fn emit(&mut self, at: usize, node: Node, kind: Type) -> Typed {
        let (place, height) = self.program.add(node);
        if height > limits::PROGRAM_CHAIN {
            let message =
                format!("more than {} operators hang below one another", limits::PROGRAM_CHAIN);
            let fault = Fault::new(PackCode::Limit, message);
            return self.fail(at, fault.hint("`let`s count with all that they use"));
        }
        Ok((place, kind))
    }

    fn node(&mut self, id: Id) -> Typed {
        let branch = &self.tree.nodes[id];
        let at = branch.start;
        match &branch.shape {
            Shape::Int(value) => self.emit(at, Node::Int(*value), Type::Int),
            Shape::Bool(value) => self.emit(at, Node::Bool(*value), Type::Bool),
            Shape::Text(text) => {
                let text = self.program.text(text);
                self.emit(at, Node::Text(text), Type::Text)
            }
            Shape::Name(name) => self.name(at, name),
            Shape::Member(object, member) => self.member(id, object, member),
            Shape::Call(object, function, args) => self.call(id, object.as_deref(), function, args),
            Shape::Neg(inner) => {
                let inner = self.typed(*inner, Type::Int, "`-` takes")?;
                self.emit(at, Node::Neg(inner), Type::Int)
            }
            Shape::Not(inner) => {
                let inner = self.typed(*inner, Type::Bool, "`!` takes")?;
                self.emit(at, Node::Not(inner), Type::Bool)
            }
            Shape::Binary(op, left, right) => self.binary(at, op, *left, *right),
            Shape::In(needle, items) => self.contained(at, *needle, items),
            Shape::Cond(test, yes, no) => self.cond(at, *test, *yes, *no),
        }
    }

    /// A node that must have a type.
    fn typed(&mut self, id: Id, wanted: Type, who: &str) -> Result<u32, Reported> {
        let (place, kind) = self.node(id)?;
        if kind == wanted {
            return Ok(place);
        }
        let fault = Fault::new(PackCode::Type, format!("{who} {wanted}, this is {kind}"));
        let hint = (kind == Type::Int && wanted == Type::Bool)
            .then(|| "compare it, for example `… > 0`".to_owned());
        self.fail(self.tree.nodes[id].start, fault.maybe(hint))
    }

    fn binary(&mut self, at: usize, op: &'static str, left: Id, right: Id) -> Typed {
        let arith = match op {
            "+" => Some(Arith::Add),
            "-" => Some(Arith::Sub),
            "*" => Some(Arith::Mul),
            "/" => Some(Arith::Div),
            "%" => Some(Arith::Rem),
            _ => None,
        };
        let who = format!("`{op}` takes");
        if let Some(arith) = arith {
            let a = self.typed(left, Type::Int, &who);
            let b = self.typed(right, Type::Int, &who);
            return self.emit(at, Node::Arith(arith, a?, b?), Type::Int);
        }
        if matches!(op, "&&" | "||") {
            let a = self.typed(left, Type::Bool, &who);
            let b = self.typed(right, Type::Bool, &who);
            let node = if op == "&&" { Node::And(a?, b?) } else { Node::Or(a?, b?) };
            return self.emit(at, node, Type::Bool);
        }
        let (a, b) = (self.node(left), self.node(right));
        let ((a, kind), (b, other)) = (a?, b?);
        if kind != other {
            let message = format!("`{op}` compares {kind} with {other}");
            return self.fail(at, Fault::new(PackCode::Type, message));
        }
        let cmp = match op {
            "==" => Cmp::Eq,
            "!=" => Cmp::Ne,
            "<" => Cmp::Lt,
            "<=" => Cmp::Le,
            ">" => Cmp::Gt,
            _ => Cmp::Ge,
        };
        if kind == Type::Bool && !matches!(cmp, Cmp::Eq | Cmp::Ne) {
            let fault = Fault::new(PackCode::Type, format!("`{op}` does not order bool"));
            return self.fail(at, fault.hint("comparisons do not chain: join two with `&&`"));
        }
        self.emit(at, Node::Compare(cmp, kind, a, b), Type::Bool)
    }

    fn contained(&mut self, at: usize, needle: Id, items: &[Id]) -> Typed {
        let needle = self.node(needle);
        let mut places = Vec::with_capacity(items.len());
        let mut sound = true;
        for item in items {
            let Ok((place, kind)) = self.node(*item) else {
                sound = false;
                continue;
            };
            places.push(place);
            if let Ok((_, wanted)) = needle
                && wanted != kind
            {
                let message = format!("this list holds {kind}, what is looked for is {wanted}");
                let at = self.tree.nodes[*item].start;
                sound = self.fail::<()>(at, Fault::new(PackCode::Type, message)).is_ok();
            }
        }
        let (needle, kind) = needle?;
        let (Ok(start), Ok(count)) =
            (u32::try_from(self.program.items.len()), u16::try_from(places.len()))
        else {
            return self.fail(at, Fault::new(PackCode::Limit, "too many list items"));
        };
        if !sound {
            return Err(Reported);
        }
        self.program.items.extend(places);
        self.emit(at, Node::In(kind, count, needle, start), Type::Bool)
    }

    fn cond(&mut self, at: usize, test: Id, yes: Id, no: Id) -> Typed {
        let test = self.typed(test, Type::Bool, "the condition of `?:` must be");
        let (yes, other) = (self.node(yes), self.node(no));
        let ((yes, kind), (no_place, other)) = (yes?, other?);
        if kind != other {
            let message = format!("the branches of `?:` are {kind} and {other}");
            return self.fail(self.tree.nodes[no].start, Fault::new(PackCode::Type, message));
        }
        self.emit(at, Node::Cond(test?, yes, no_place), kind)
    }

    fn name(&mut self, at: usize, name: &str) -> Typed {
        match self.reach {
            Reach::Event(event) => match event.field(name) {
                Some(field) => {
                    let kind = field_type(&event.fields[field].kind);
                    self.emit(at, Node::Field(u16::try_from(field).unwrap_or(u16::MAX)), kind)
                }
                None => {
                    let message = format!("{} has no field {}", event.name, shown(name));
                    let hint = did_you_mean(name, event.fields.iter().map(|f| f.name.as_str()));
                    let seen = || "`where` sees the fields of the event only".to_owned();
                    let hint = hint.or_else(|| Some(seen()));
                    self.fail(at, Fault::new(PackCode::Name, message).maybe(hint))
                }
            },
            Reach::Pack(names) => match names.values.get(name) {
                Some((_, None)) => Err(Reported),
                Some((Name::Fact(i), Some(kind))) => {
                    self.emit(at, Node::Fact(u32::try_from(*i).unwrap_or(u32::MAX)), *kind)
                }
                Some((Name::Let(i), Some(kind))) => {
                    self.emit(at, Node::Let(u32::try_from(*i).unwrap_or(u32::MAX)), *kind)
                }
                None => {
                    let fault = unknown(names, name);
                    self.fail(at, fault)
                }
            },
        }
    }

    fn member(&mut self, id: Id, object: &str, member: &str) -> Typed {
        let at = self.tree.nodes[id].start;
        if let Reach::Event(_) = self.reach {
            let fault = Fault::new(PackCode::Name, "`where` sees the fields of the event only");
            return self.fail(at, fault);
        }
        match object {
            "household" => match Attr::parse(member) {
                Some(attr) => self.emit(at, Node::Attr(attr), attr.kind()),
                None => {
                    let message = format!("household has no {}", shown(member));
                    let hint = match member {
                        "is" | "aid" => Some(format!("write `household.{member}(\"…\")`")),
                        _ => did_you_mean(member, Attr::ALL.iter().map(|a| a.name())),
                    };
                    let at = at + object.len() + 1;
                    self.fail(at, Fault::new(PackCode::Name, message).maybe(hint))
                }
            },
            "today" => match Part::NAMES.iter().find(|(name, _)| *name == member) {
                Some((_, part)) => self.emit(at, Node::Today(*part), Type::Int),
                None => {
                    let fault =
                        Fault::new(PackCode::Name, format!("today has no {}", shown(member)));
                    self.fail(at, fault.hint("there are today.year, today.month and today.day"))
                }
            },
            _ => self.no_object(at, object),
        }
    }

    fn no_object<T>(&mut self, at: usize, object: &str) -> Result<T, Reported> {
        let message = format!("{} has no members", shown(object));
        let hint = did_you_mean(object, ["household", "today"]);
        self.fail(at, Fault::new(PackCode::Name, message).maybe(hint))
    }

    fn call(&mut self, id: Id, object: Option<&str>, function: &str, args: &[Id]) -> Typed {
        let at = self.tree.nodes[id].start;
        match (object, function) {
            (None, "min" | "max") => {
                let [a, b] = args else {
                    let message = format!("`{function}` takes two numbers");
                    return self.fail(at, Fault::new(PackCode::Type, message));
                };
                let who = format!("`{function}` takes");
                let (a, b) = (self.typed(*a, Type::Int, &who), self.typed(*b, Type::Int, &who));
                let op = if function == "min" { Arith::Min } else { Arith::Max };
                self.emit(at, Node::Arith(op, a?, b?), Type::Int)
            }
            _ if matches!(self.reach, Reach::Event(_)) => {
                let fault = Fault::new(PackCode::Name, "`where` knows only `min` and `max`");
                self.fail(at, fault)
            }
            (None, "table") => self.table(at, args),
            (Some("household"), "is" | "aid") => {
                let text = self.literal(at, function, args)?.to_owned();
                if !(1..=64).contains(&text.len()) {
                    let fault = Fault::new(PackCode::Value, "a code has 1 to 64 bytes");
                    return self.fail(at, fault);
                }
                let text = self.program.text(&text);
                let node = if function == "is" { Node::Is(text) } else { Node::Aid(text) };
                self.emit(at, node, Type::Bool)
            }
            (Some("household"), _) => {
                let message = format!("household has no function {}", shown(function));
                let hint = "there are household.is(\"…\") and household.aid(\"…\")";
                self.fail(at, Fault::new(PackCode::Name, message).hint(hint))
            }
            (Some(object), _) => self.no_object(at, object),
            (None, _) => {
                let message = format!("there is no function {}", shown(function));
                let hint = did_you_mean(function, ["min", "max", "table"])
                    .or_else(|| Some("there are min, max and table".to_owned()));
                self.fail(at, Fault::new(PackCode::Name, message).maybe(hint))
            }
        }
    }

    fn literal(&mut self, at: usize, function: &str, args: &[Id]) -> Result<&str, Reported> {
        let tree = self.tree;
        if let [arg] = args
            && let Shape::Text(text) = &tree.nodes[*arg].shape
        {
            return Ok(text);
        }
        let message = format!("`{function}` takes one literal string");
        self.fail(at, Fault::new(PackCode::Type, message))
    }

    fn table(&mut self, at: usize, args: &[Id]) -> Typed {
        let Reach::Pack(names) = self.reach else { return Err(Reported) };
        let name = self.literal(at, "table", args)?;
        match names.tables.get(name) {
            Some(index) => {
                let index = u32::try_from(*index).unwrap_or(u32::MAX);
                self.emit(at, Node::Table(index), Type::Int)
            }
            None => {
                let message = format!("there is no table {}", shown(name));
                let hint = did_you_mean(name, names.tables.keys().map(String::as_str));
                self.fail(at, Fault::new(PackCode::Name, message).maybe(hint))
            }
        }
    }
}

fn unknown(names: &PackNames, name: &str) -> Fault {
    if names.later.contains(name) {
        if names.present.is_some() && names.circles.get(name).copied() == names.present {
            let message = format!("{} cannot be found: it needs this `let` itself", shown(name));
            return Fault::new(PackCode::Cycle, message);
        }
        let message = format!("{} is defined later", shown(name));
        let hint = "a `let` sees only those above it: move it up";
        return Fault::new(PackCode::Name, message).hint(hint);
    }
    let message = format!("there is no {}", shown(name));
    let hint = match name {
        "household" => Some("name an attribute, for example household.size".to_owned()),
        "today" => Some("there are today.year, today.month and today.day".to_owned()),
        "and" | "or" | "not" => Some("write `&&`, `||`, `!`".to_owned()),
        _ if names.tables.contains_key(name) => Some(format!("write `table(\"{name}\")`")),
        _ if Attr::parse(name).is_some() => Some(format!("did you mean `household.{name}`?")),
        _ => did_you_mean(name, names.values.keys().map(String::as_str)),
    };
    Fault::new(PackCode::Name, message).maybe(hint)
}
