//! Reads YAML values as the simple things a pack is made of, and places every complaint.

use proto::region::Prefix;

use crate::{
    error::{Fault, Mark, PackCode, Report},
    limits,
    near::{did_you_mean, shown},
    yaml::{self, Key, Node, Value},
};

/// The entries of a mapping whose keys are known words.
pub(crate) struct Fields<'n> {
    pub(crate) at: Mark,
    entries: Vec<(&'n str, Mark, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a key; an empty one counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        let found = self.entries.iter().find(|(name, _, _)| *name == key);
        found.map(|(_, _, node)| *node).filter(|node| !node.is_null())
    }

    /// Where a key stands.
    pub(crate) fn key_at(&self, key: &str) -> Mark {
        let found = self.entries.iter().find(|(name, _, _)| *name == key);
        found.map_or(self.at, |(_, at, _)| *at)
    }
}

impl Report<'_> {
    pub(crate) fn value(&mut self, at: Mark, message: impl Into<String>) {
        self.add(at, Fault::new(PackCode::Value, message));
    }

    /// A fault at a byte of a scalar's text.
    pub(crate) fn inside(&mut self, node: &Node, offset: usize, fault: Fault) {
        if self.count() < Report::SHOWN {
            let at = yaml::place(self.source, node, offset);
            self.add(at, fault);
        }
    }

    /// A mapping with any keys.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ if node.is_null() => Some(&[]),
            _ => {
                self.value(node.at, format!("{what} must be a mapping"));
                None
            }
        }
    }

    /// A mapping with the keys that have a meaning here; others are complained about.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, what)?;
        let mut fields = Fields { at: node.at, entries: Vec::with_capacity(entries.len()) };
        for (key, value) in entries {
            if known.contains(&&*key.name) {
                fields.entries.push((&key.name, key.at, value));
            } else if !self.full() {
                let message = format!("{what} has no key {}", shown(&key.name));
                let torn = key.name.contains([')', '>', '<', '=', '"', '[', ']']);
                let hint = if torn {
                    Some("quote an expression that holds `,` inside `{…}`".to_owned())
                } else {
                    did_you_mean(&key.name, known.iter().copied())
                };
                let hint = hint.or_else(|| Some(format!("there are {}", known.join(", "))));
                self.add(key.at, Fault::new(PackCode::Key, message).maybe(hint));
            }
        }
        Some(fields)
    }

    pub(crate) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        what: &str,
        key: &str,
    ) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            let message = format!("{what} needs `{key}`");
            self.add(fields.at, Fault::new(PackCode::Missing, message));
        }
        found
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ if node.is_null() => Some(&[]),
            _ => {
                self.value(node.at, format!("{what} must be a list"));
                None
            }
        }
    }

    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => {
                let fault = Fault::new(PackCode::Value, format!("{what} must be one value"));
                let hint = "an expression that starts with `[` or `{` must be quoted";
                self.add(node.at, fault.hint(hint));
                None
            }
        }
    }

    pub(crate) fn int(&mut self, node: &Node, what: &str) -> Option<i64> {
        let text = self.scalar(node, what)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let value = plain.then(|| text.parse().ok()).flatten();
        if value.is_none() {
            let fault = Fault::new(PackCode::Value, format!("{what} must be a whole number"));
            let hint = "digits only, within 64 bits; money is in fen";
            self.add(node.at, fault.hint(hint));
        }
        value
    }

    pub(crate) fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.scalar(node, what)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.value(node.at, format!("{what} must be true or false"));
                None
            }
        }
    }

    /// A word of `a-z`, digits and the further characters, of 1 to 64 bytes.
    pub(crate) fn word(&mut self, node: &Node, what: &str, further: &str) -> Option<String> {
        let text = self.scalar(node, what)?;
        self.check_word(node.at, text, what, further).then(|| text.to_owned())
    }

    pub(crate) fn check_word(&mut self, at: Mark, text: &str, what: &str, further: &str) -> bool {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || further.contains(c);
        let good = (1..=64).contains(&text.len()) && text.chars().all(fits);
        if !good {
            let spelled: Vec<String> = further.chars().map(|c| format!("`{c}`")).collect();
            let message =
                format!("{what} is made of 1 to 64 of a-z, 0-9 and {}", spelled.join(", "));
            self.value(at, message);
        }
        good
    }

    pub(crate) fn one_of<'k>(
        &mut self,
        node: &Node,
        what: &str,
        known: &[&'k str],
    ) -> Option<&'k str> {
        let text = self.scalar(node, what)?;
        let found = known.iter().copied().find(|word| *word == text);
        if found.is_none() {
            let message = format!("{what} is one of {}", known.join(", "));
            let hint = did_you_mean(text, known.iter().copied());
            self.add(node.at, Fault::new(PackCode::Value, message).maybe(hint));
        }
        found
    }

    /// `Nd`: a whole number of days.
    pub(crate) fn days(&mut self, node: &Node, what: &str, least: u32) -> Option<u32> {
        let text = self.scalar(node, what)?;
        let value = text.strip_suffix('d').and_then(|digits| {
            let plain =
                (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        });
        let value = value.filter(|days| (least..=limits::DAYS_MOST).contains(days));
        if value.is_none() {
            let message = format!("{what} is {least}d to {}d", limits::DAYS_MOST);
            self.value(node.at, message);
        }
        value
    }

    pub(crate) fn prefix(&mut self, node: &Node, what: &str) -> Option<Prefix> {
        let text = self.scalar(node, what)?;
        let prefix = Prefix::parse(text);
        if prefix.is_none() {
            let fault = Fault::new(PackCode::Value, format!("{what} is a region prefix"));
            let hint = "2, 4, 6, 9 or 12 digits, quoted where they start with 0";
            self.add(node.at, fault.hint(hint));
        }
        prefix
    }

    /// Complains about everything beyond a limit; gives what is within it.
    pub(crate) fn at_most<'n, T>(
        &mut self,
        at: Mark,
        items: &'n [T],
        most: usize,
        what: &str,
    ) -> &'n [T] {
        if items.len() > most {
            self.add(at, Fault::new(PackCode::Limit, format!("more than {most} {what}")));
        }
        &items[..items.len().min(most)]
    }
}
