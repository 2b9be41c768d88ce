//! YAML as packs may use it: one document of scalars, lists and mappings with places.
//!
//! Anchors, aliases, tags, further documents and repeated keys are refused, and so is anything
//! beyond a limit. It refuses to know what a key means.

use std::collections::HashSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::{
    error::{Fault, Mark, PackCode, Report},
    limits,
};

/// A value and where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Mark,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Scalar { text: Box<str>, quoted: bool },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) at: Mark,
    pub(crate) name: Box<str>,
}

impl Node {
    /// Whether nothing was written here.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false }
            if matches!(&**text, "" | "~" | "null"))
    }
}

/// What stops the reading of a file at once.
struct Stop(Mark, Fault);

/// Reads the one document of `report.source`; nothing after the first error.
pub(crate) fn read(report: &mut Report<'_>) -> Option<Node> {
    let mut reader =
        Reader { parser: Parser::new_from_str(report.source), left: limits::YAML_NODES };
    match reader.document() {
        Ok(node) => Some(node),
        Err(Stop(at, fault)) => {
            let hint = fault.hint.clone().or_else(|| quoting_hint(report.source, at.line));
            report.add(at, fault.maybe(hint));
            None
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    left: usize,
}

type Spanned<'a> = (Event<'a>, Span);

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Stop> {
        let first = loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => {
                    return Err(stop(span.start, PackCode::Yaml, "the file is empty"));
                }
                _ => break (event, span),
            }
        };
        let node = self.node(first, 0)?;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(node),
                _ => return Err(stop(span.start, PackCode::Yaml, "a pack is one document")),
            }
        }
    }

    fn next(&mut self) -> Result<Spanned<'a>, Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let message = format!("not readable as yaml: {}", error.info());
                Err(stop(*error.marker(), PackCode::Yaml, message))
            }
            None => Err(stop(Marker::new(0, 1, 0), PackCode::Yaml, "the file ends too early")),
        }
    }

    fn node(&mut self, (event, span): Spanned<'a>, depth: usize) -> Result<Node, Stop> {
        let at = span.start;
        if depth > limits::YAML_DEPTH {
            let message = format!("values are nested deeper than {}", limits::YAML_DEPTH);
            return Err(stop(at, PackCode::Limit, message));
        }
        if self.left == 0 {
            let message = format!("more than {} values", limits::YAML_NODES);
            return Err(stop(at, PackCode::Limit, message));
        }
        self.left -= 1;
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                plain(at, anchor, tag.is_some())?;
                let quoted = style != ScalarStyle::Plain;
                Value::Scalar { text: text.into_owned().into_boxed_str(), quoted }
            }
            Event::SequenceStart(anchor, tag) => {
                plain(at, anchor, tag.is_some())?;
                self.list(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                plain(at, anchor, tag.is_some())?;
                self.map(depth)?
            }
            Event::Alias(_) => return Err(stop(at, PackCode::Yaml, "aliases are not allowed")),
            _ => return Err(stop(at, PackCode::Yaml, "a value is expected")),
        };
        Ok(Node { at: mark(at), value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen: HashSet<Box<str>> = HashSet::new();
        loop {
            let event = self.next()?;
            if matches!(event.0, Event::MappingEnd) {
                return Ok(Value::Map(entries));
            }
            let start = event.1.start;
            let key = self.node(event, depth + 1)?;
            let Value::Scalar { text: name, .. } = key.value else {
                return Err(stop(start, PackCode::Yaml, "a key must be a plain word"));
            };
            if !seen.insert(name.clone()) {
                return Err(stop(start, PackCode::Duplicate, "this key stands twice"));
            }
            let value = self.next()?;
            let value = self.node(value, depth + 1)?;
            entries.push((Key { at: key.at, name }, value));
        }
    }
}

fn plain(at: Marker, anchor: usize, tagged: bool) -> Result<(), Stop> {
    if anchor != 0 {
        return Err(stop(at, PackCode::Yaml, "anchors are not allowed"));
    }
    if tagged {
        let Stop(at, fault) = stop(at, PackCode::Yaml, "tags are not allowed");
        return Err(Stop(at, fault.hint("quote an expression that starts with `!`")));
    }
    Ok(())
}

fn stop(at: Marker, code: PackCode, message: impl Into<String>) -> Stop {
    Stop(mark(at), Fault::new(code, message))
}

fn mark(at: Marker) -> Mark {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Mark { line: small(at.line()).max(1), column: small(at.col()).saturating_add(1) }
}

/// Advice where the line of a YAML error shows a known trap.
fn quoting_hint(source: &str, line: u32) -> Option<String> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    let text = source.lines().nth(index)?;
    let (_, value) = text.split_once(": ")?;
    let value = value.trim_start();
    if value.starts_with(['"', '\'']) {
        return Some("an expression that starts with a quote must be quoted as a whole".into());
    }
    value
        .contains(": ")
        .then(|| "an expression that holds `: ` must be quoted as a whole".to_owned())
}

/// The place in the file of the character at byte `offset` of a scalar's text.
///
/// The text is aligned with the file by its visible characters, so that quotes, doubled quotes,
/// escapes and folded lines do not shift the place by more than blanks.
pub(crate) fn place(source: &str, node: &Node, offset: usize) -> Mark {
    let Value::Scalar { text, quoted } = &node.value else { return node.at };
    let raw = characters(source, node.at);
    let mut at = 0;
    if *quoted {
        at = match raw.first() {
            Some(('|' | '>', _)) => raw.iter().position(|(c, _)| *c == '\n').unwrap_or(0) + 1,
            Some(('"' | '\'', _)) => 1,
            _ => 0,
        };
    }
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let find = |from: usize, c: char| {
        raw.iter().skip(from).position(|(r, _)| *r == c).map(|found| from + found)
    };
    for c in before.chars().filter(|c| !c.is_whitespace()) {
        match find(at, c) {
            Some(found) => at = found + 1,
            None => return node.at,
        }
    }
    if let Some(c) = after.chars().find(|c| !c.is_whitespace()) {
        at = find(at, c).unwrap_or(at);
    }
    raw.get(at).map_or(node.at, |(_, mark)| *mark)
}

/// The characters of the file from `at` on, as far as an expression can reach, with their places.
fn characters(source: &str, at: Mark) -> Vec<(char, Mark)> {
    let lines = usize::try_from(at.line - 1).unwrap_or(0);
    let columns = usize::try_from(at.column - 1).unwrap_or(0);
    let mut place = at;
    source
        .split_inclusive('\n')
        .skip(lines)
        .flat_map(str::chars)
        .skip(columns)
        .take(limits::EXPR_BYTES * 4)
        .map(|c| {
            let here = place;
            place = match c {
                '\n' => Mark { line: place.line + 1, column: 1 },
                _ => Mark { column: place.column + 1, ..place },
            };
            (c, here)
        })
        .collect()
}
