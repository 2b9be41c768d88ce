//! The page of the queue: village by village, who is visited this week and who would be next.

use askama::Template;

use super::words::{self, Lang};
use crate::board::{By, Queue, Sought, Waiting, Week};

/// The page of the queue.
#[derive(Template)]
#[template(path = "queue.html")]
pub(crate) struct QueuePage {
    pub(crate) l: Lang,
    /// The region as it was asked for.
    pub(crate) region: String,
    /// The budget as it was asked for.
    pub(crate) asked_budget: Option<String>,
    pub(crate) sought: Sought,
    pub(crate) queue: Queue,
    /// Whether it is known who was visited.
    pub(crate) known: bool,
}

impl QueuePage {
    fn of<'q>(&'q self, week: &Week) -> Vec<&'q Waiting> {
        self.queue.places.iter().filter(|waits| waits.desk == week.desk).collect()
    }

    fn chosen(&self, by: &By) -> bool {
        self.sought.by == *by
    }

    fn budget(&self) -> &str {
        self.asked_budget.as_deref().unwrap_or_default()
    }

    fn next(&self) -> Option<String> {
        let stand = self.queue.next?;
        let mut path = format!("/queue?by={}&cursor={stand}", self.sought.by.word());
        if !self.region.is_empty() {
            path.push_str(&format!("&region={}", self.region));
        }
        if let Some(budget) = &self.asked_budget {
            path.push_str(&format!("&budget={budget}"));
        }
        Some(self.l.href(&path))
    }
}
