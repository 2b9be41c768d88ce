//! Words that stand in many households, kept once: classes, categories, programmes, feeds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A word by its place in the table.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub(crate) struct Word(pub u16);

/// A table of words; a word keeps its place for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Box<str>>", into = "Vec<Box<str>>")]
pub(crate) struct Words {
    list: Vec<Box<str>>,
    places: BTreeMap<Box<str>, Word>,
}

impl Words {
    /// Most words in a table; what comes later reads as [`Words::OTHER`].
    pub(crate) const LIMIT: usize = 60_000;
    /// What a word beyond the limit reads as. No word of a profile or feed has this form.
    pub(crate) const OTHER: &'static str = "(other)";

    /// The place of a word, added if it is new.
    pub(crate) fn place(&mut self, text: &str) -> Word {
        if let Some(word) = self.places.get(text) {
            return *word;
        }
        let next = match u16::try_from(self.list.len()) {
            Ok(next) if usize::from(next) < Self::LIMIT => Word(next),
            _ => return self.places.get(Self::OTHER).copied().unwrap_or_default(),
        };
        if usize::from(next.0) + 1 == Self::LIMIT {
            self.add(Self::OTHER, next);
            return next;
        }
        self.add(text, next);
        next
    }

    fn add(&mut self, text: &str, word: Word) {
        self.list.push(text.into());
        self.places.insert(text.into(), word);
    }

    /// The place of a word that is there.
    #[must_use]
    pub(crate) fn find(&self, text: &str) -> Option<Word> {
        self.places.get(text).copied()
    }

    /// The text of a word of this table.
    #[must_use]
    pub(crate) fn text(&self, word: Word) -> &str {
        self.list.get(usize::from(word.0)).map_or(Self::OTHER, |text| text)
    }
}

impl Words {
    /// All words in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|text| &**text)
    }
}

impl From<Words> for Vec<Box<str>> {
    fn from(words: Words) -> Vec<Box<str>> {
        words.list
    }
}

impl From<Vec<Box<str>>> for Words {
    fn from(list: Vec<Box<str>>) -> Words {
        let places = (0u16..).zip(&list).map(|(at, text)| (text.clone(), Word(at))).collect();
        Words { list, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_place_and_the_table_its_limit() {
        let mut words = Words::default();
        let dibao = words.place("dibao");
        assert_eq!(words.place("dibao"), dibao);
        assert_eq!(words.find("none"), None);
        for n in 0..Words::LIMIT + 10 {
            words.place(&format!("w{n}"));
        }
        assert_eq!(words.list.len(), Words::LIMIT);
        let late = words.place("late");
        assert_eq!(words.text(late), Words::OTHER);
        assert_eq!(words.text(dibao), "dibao");
    }
}
