//! Reads the parts of a pack in the order in which they need each other.

use proto::catalogue::Catalogue;
use sha2::{Digest, Sha256};

use super::{Let, Pack, circle::circles, header::Header, shape::Fields};
use crate::{
    error::{Fault, Mark, PackCode, PackError, Report},
    expr::{
        compile::{compile, compile_tree},
        lex::Located,
        names::{Name, PackNames, Reach, usable},
        parse::{Tree, parse},
        program::{Expr, Program, Type},
    },
    limits,
    near::shown,
    reads::Needs,
    settle::Settling,
    yaml::{self, Node},
};

/// All keys of a pack.
const KEYS: [&str; 21] = [
    "pack",
    "title",
    "scope",
    "effective",
    "evaluate",
    "close_after",
    "retain",
    "event_types",
    "tables",
    "facts",
    "let",
    "rules",
    "priority",
    "toolbox",
    "measures",
    "contradictions",
    "clocks",
    "calendar",
    "chain",
    "green_channel",
    "quiet_days",
];

/// A `let` and its tree, as far as it has one.
pub(super) type Parsed<'n> = (&'n str, Option<Result<Tree, Located>>);

/// What is known of a pack while it is read.
pub(super) struct Loader<'a> {
    pub(super) report: Report<'a>,
    pub(super) catalogue: Catalogue,
    pub(super) names: PackNames,
    pub(super) program: Program,
    /// The needs of each let.
    pub(super) needs: Vec<Needs>,
    full: bool,
}

pub(super) fn load(
    file: &str,
    bytes: &[u8],
    catalogue: &Catalogue,
) -> Result<Pack, Vec<PackError>> {
    let source = match readable(bytes) {
        Ok(source) => source,
        Err((at, fault)) => {
            let mut report = Report::new(file, "");
            report.add(at, fault);
            return Err(report.into_errors());
        }
    };
    let mut loader = Loader {
        report: Report::new(file, source),
        catalogue: catalogue.clone(),
        names: PackNames::default(),
        program: Program::default(),
        needs: Vec::new(),
        full: false,
    };
    let pack = yaml::read(&mut loader.report).and_then(|node| loader.pack(&node));
    match pack {
        Some(mut pack) if loader.report.count() == 0 => {
            pack.digest = Sha256::digest(bytes).into();
            pack.source = bytes.to_vec();
            pack.catalogue = loader.catalogue;
            pack.program = loader.program;
            Ok(pack)
        }
        _ => Err(loader.report.into_errors()),
    }
}

/// The text of a file within limits.
fn readable(bytes: &[u8]) -> Result<&str, (Mark, Fault)> {
    let start = Mark { line: 1, column: 1 };
    if bytes.len() > limits::FILE_BYTES {
        let message = format!("a pack has at most {} bytes", limits::FILE_BYTES);
        return Err((start, Fault::new(PackCode::Limit, message)));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let at = Mark { line: small(line), column: small(column) };
        (at, Fault::new(PackCode::Yaml, "the file is not utf-8"))
    })
}

impl Loader<'_> {
    fn pack(&mut self, node: &Node) -> Option<Pack> {
        let fields = self.report.fields(node, "a pack", &KEYS)?;
        let header = self.header(&fields);
        let event_types = self.event_types(&fields);
        let (scope, retain) = (header.scope, header.retain_days);
        let tables = self.tables(&fields, scope);
        let facts = self.facts(&fields, retain);
        let lets = self.lets(&fields);
        let mut rules = self.rules(&fields, &facts);
        let settling = Settling::of(&self.program);
        for rule in &mut rules {
            rule.settles = rule.levels.iter().all(|level| settling.falls(level.expr.root));
        }
        let priority = fields.get("priority").and_then(|node| {
            let expr = self.expression(node, "priority", Some(Type::Int));
            expr.ok()
        });
        let toolbox = self.toolbox(&fields);
        let measures = self.measures(&fields);
        let contradictions = self.contradictions(&fields);
        let clocks = self.clocks(&fields);
        let calendar = self.calendar(&fields);
        let chain = self.chain(&fields);
        let green_channel = self.green_channel(&fields);
        let quiet_days = self.quiet_days(&fields);
        let reach = facts.iter().map(|fact| fact.window.reach_days()).max();
        let Header { id, title, scope, from, to, evaluate, close_after_days, retain_days } = header;
        Some(Pack {
            id: id?,
            file: self.report.file.to_owned(),
            title,
            scope: scope?,
            from: from?,
            to,
            evaluate,
            close_after_days,
            retain_days,
            reach_days: reach.unwrap_or(0).max(retain_days),
            digest: [0; 32],
            source: Vec::new(),
            event_types,
            catalogue: Catalogue::shipped(),
            tables,
            facts,
            lets,
            rules,
            priority,
            toolbox,
            measures,
            contradictions,
            clocks,
            calendar,
            chain,
            green_channel,
            quiet_days,
            program: Program::default(),
        })
    }

    /// Compiles a scalar over the names of the pack; `wanted` is the type it must have.
    pub(super) fn expression(
        &mut self,
        node: &Node,
        what: &str,
        wanted: Option<Type>,
    ) -> Result<Expr, ()> {
        let text = self.report.scalar(node, what).ok_or(())?;
        if self.report.full() {
            return Err(());
        }
        let result = compile(text, Reach::Pack(&self.names), &mut self.program);
        self.finish(node, what, wanted, result)
    }

    pub(super) fn finish(
        &mut self,
        node: &Node,
        what: &str,
        wanted: Option<Type>,
        result: Result<Expr, Vec<(usize, Fault)>>,
    ) -> Result<Expr, ()> {
        if self.program.nodes.len() > limits::PROGRAM_NODES && !self.full {
            self.full = true;
            let message = format!("more than {} operators in one pack", limits::PROGRAM_NODES);
            self.report.add(node.at, Fault::new(PackCode::Limit, message));
        }
        match result {
            Ok(expr) if wanted.is_none_or(|wanted| wanted == expr.kind()) => Ok(expr),
            Ok(expr) => {
                let wanted = wanted.map_or(String::new(), |wanted| wanted.to_string());
                let message = format!("{what} must be {wanted}, this is {}", expr.kind());
                self.report.inside(node, 0, Fault::new(PackCode::Type, message));
                Err(())
            }
            Err(faults) => {
                for (offset, fault) in faults {
                    self.report.inside(node, offset, fault);
                }
                Err(())
            }
        }
    }

    /// Takes a name for a fact or let; complains where it cannot be one or is taken.
    pub(super) fn claim(&mut self, at: Mark, name: &str) -> bool {
        if let Err(message) = usable(name) {
            self.report.value(at, message);
            return false;
        }
        if self.names.values.contains_key(name) {
            let message = format!("{} is both a fact and a `let`", shown(name));
            self.report.add(at, Fault::new(PackCode::Duplicate, message));
            return false;
        }
        true
    }

    fn lets(&mut self, fields: &Fields<'_>) -> Vec<Let> {
        let Some(node) = fields.get("let") else { return Vec::new() };
        let Some(entries) = self.report.map(node, "let") else { return Vec::new() };
        let entries = self.report.at_most(node.at, entries, limits::LETS, "lets");
        let trees: Vec<Parsed<'_>> = entries
            .iter()
            .map(|(key, value)| (&*key.name, self.report.scalar(value, "a let").map(parse)))
            .collect();
        self.names.later = entries.iter().map(|(key, _)| key.name.to_string()).collect();
        self.names.circles = circles(&trees);
        let mut lets = Vec::new();
        for ((key, value), (name, tree)) in entries.iter().zip(trees) {
            let usable = self.claim(key.at, name);
            self.names.present = self.names.circles.get(name).copied();
            let result = tree.filter(|_| !self.report.full()).ok_or(()).and_then(|tree| {
                let result = tree.map_err(|fault| vec![fault]).and_then(|tree| {
                    compile_tree(&tree, Reach::Pack(&self.names), &mut self.program)
                });
                self.finish(value, "a let", None, result)
            });
            self.names.later.remove(name);
            if usable {
                let place = Name::Let(lets.len());
                let kind = result.ok().map(Expr::kind);
                self.names.values.insert(name.to_owned(), (place, kind));
            }
            if let (Ok(expr), true) = (result, usable) {
                self.needs.push(Needs::of(&self.program, expr, &self.needs));
                self.program.lets.push(expr);
                lets.push(Let { name: name.to_owned(), expr });
            }
        }
        self.names.later.clear();
        self.names.present = None;
        lets
    }
}
