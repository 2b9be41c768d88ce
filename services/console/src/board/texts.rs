//! Words that many cases share, kept once: sites, and lists of rules and risks.

use std::collections::HashMap;
use std::sync::Arc;

/// Stands between the words of a list; a control character, which no name may hold.
const BETWEEN: char = '\u{1f}';

/// Texts by number; number 0 is the empty text.
#[derive(Debug)]
pub(super) struct Texts {
    all: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Default for Texts {
    fn default() -> Self {
        let empty: Arc<str> = Arc::from("");
        Texts { all: vec![Arc::clone(&empty)], numbers: HashMap::from([(empty, 0)]) }
    }
}

impl Texts {
    pub(super) fn one(&mut self, text: Option<&str>) -> u32 {
        self.number(text.unwrap_or_default())
    }

    pub(super) fn list<T: AsRef<str>>(&mut self, words: &[T]) -> u32 {
        let mut joined = String::new();
        for (i, word) in words.iter().enumerate() {
            if i > 0 {
                joined.push(BETWEEN);
            }
            joined.push_str(word.as_ref());
        }
        self.number(&joined)
    }

    pub(super) fn get_one(&self, number: u32) -> Option<&str> {
        self.text(number).filter(|text| !text.is_empty())
    }

    pub(super) fn get_list(&self, number: u32) -> Vec<String> {
        self.words(number).map(str::to_owned).collect()
    }

    /// For each number whether its list holds `word`.
    pub(super) fn holding(&self, word: &str) -> Vec<bool> {
        self.all.iter().map(|text| text.split(BETWEEN).any(|w| w == word)).collect()
    }

    fn words(&self, number: u32) -> impl Iterator<Item = &str> {
        self.get_one(number).into_iter().flat_map(|text| text.split(BETWEEN))
    }

    fn text(&self, number: u32) -> Option<&str> {
        self.all.get(number as usize).map(|text| &**text)
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // Beyond 2^32 different texts the empty one stands in; memory ends long before.
        let Ok(number) = u32::try_from(self.all.len()) else { return 0 };
        let text: Arc<str> = Arc::from(text);
        self.all.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}
