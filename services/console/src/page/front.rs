//! The first page: the newest alerts, with what a village worker needs at a glance.

use askama::Template;
use proto::alert::Severity;

use super::alert::Shown;
use super::words::{self, Lang};

/// What the reader chose to look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) region: String,
    pub(crate) level: Severity,
    pub(crate) lang: Lang,
}

impl Look {
    /// The first page with this choice in another language.
    pub(crate) fn other(&self) -> String {
        match self.lang {
            Lang::Zh => Lang::En.href(&self.path(None)),
            Lang::En => self.path(None),
        }
    }

    pub(crate) fn path(&self, before: Option<u64>) -> String {
        let mut parts = Vec::new();
        if !self.region.is_empty() {
            parts.push(format!("region={}", self.region));
        }
        if self.level != Severity::None {
            parts.push(format!("level={}", self.level.word()));
        }
        if let Some(before) = before {
            parts.push(format!("before={before}"));
        }
        if parts.is_empty() { "/".into() } else { format!("/?{}", parts.join("&")) }
    }
}

#[derive(Template)]
#[template(path = "front.html")]
pub(crate) struct Front {
    pub(crate) l: Lang,
    pub(crate) look: Look,
    pub(crate) alerts: Vec<Shown>,
    /// Where the next page goes on.
    pub(crate) next: Option<u64>,
    /// The stream that tells of more; none on later pages.
    pub(crate) live: Option<String>,
}

impl Front {
    fn older(&self) -> Option<String> {
        self.next.map(|next| self.l.href(&self.look.path(Some(next))))
    }

    fn chosen(&self, level: &Severity) -> bool {
        self.look.level == *level
    }
}
