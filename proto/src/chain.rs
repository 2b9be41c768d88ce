//! The chain from a clue to help: its steps in order, and which outcome answers which.
//!
//! It refuses to know how long a step may take: that is for a pack to say.

use serde::{Deserialize, Serialize};

use crate::outcome::Kind;

macro_rules! steps {
    ($($variant:ident $word:literal $answer:ident $rank:literal $doc:literal;)*) => {
        /// A step of the chain. A step is answered by its own outcome and by every later one.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Step {
            $(#[doc = $doc] $variant,)*
        }

        impl Step {
            /// All steps.
            pub const ALL: &'static [Step] = &[$(Step::$variant,)*];

            /// The word in packs and alerts.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Step::$variant => $word,)* }
            }

            /// The outcome that is its own answer.
            #[must_use]
            pub fn answer(self) -> Kind {
                match self { $(Step::$variant => Kind::$answer,)* }
            }

            fn rank(self) -> u8 {
                match self { $(Step::$variant => $rank,)* }
            }
        }
    };
}

// The order is the order in the stored form and that of clocks that run out at one instant.
steps! {
    Acknowledge "acknowledge" Acknowledged 1 "Someone has seen it.";
    Visit "visit" Visited 2 "Someone was there.";
    Decide "decide" Identified 7 "It is decided whether the family is identified.";
    Comparison "comparison" Compared 3 "Other departments' data are compared.";
    Meeting "meeting" MeetingHeld 4 "The village meets.";
    Posting "posting" Posted 5 "The result is posted in the village.";
    Township "township" TownshipReviewed 6 "The township reviews.";
    County "county" Identified 7 "The county approves: the family is identified.";
    Entry "entry" Entered 8 "It is entered into the national system.";
    Measures "measures" MeasuresApplied 9 "Measures are in place.";
    RiskRemoved "risk_removed" RiskRemoved 10 "The risk is removed.";
    FollowUp "follow_up" FollowedUp 11 "The family is visited again.";
}

impl Step {
    /// The step of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Step> {
        Step::ALL.iter().copied().find(|step| step.word() == word)
    }

    /// Whether an outcome answers the step. With help first and forms later, measures in place
    /// answer no form.
    #[must_use]
    pub fn answered_by(self, kind: Kind, help_first: bool) -> bool {
        let own = Step::ALL.iter().copied().find(|step| step.answer() == kind);
        let Some(own) = own else { return kind.closes() };
        if help_first && kind == Kind::MeasuresApplied {
            return matches!(self, Step::Acknowledge | Step::Visit | Step::Measures);
        }
        self.rank() <= own.rank()
    }

    /// The chain as people read it: every step once, `decide` left out for `county`.
    pub fn in_order() -> impl Iterator<Item = Step> {
        let mut steps: Vec<Step> =
            Step::ALL.iter().copied().filter(|step| *step != Step::Decide).collect();
        steps.sort_by_key(|step| step.rank());
        steps.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_outcome_answers_what_comes_before_it() {
        let answered = |kind, help_first| -> Vec<&str> {
            let steps = Step::in_order().filter(|step| step.answered_by(kind, help_first));
            steps.map(Step::word).collect()
        };
        assert_eq!(answered(Kind::Acknowledged, false), ["acknowledge"]);
        assert_eq!(answered(Kind::Visited, true), ["acknowledge", "visit"]);
        assert_eq!(answered(Kind::MeasuresApplied, true), ["acknowledge", "visit", "measures"]);
        assert_eq!(answered(Kind::MeasuresApplied, false).len(), 9);
        assert_eq!(answered(Kind::NoRisk, false).len(), 11);
        assert_eq!(answered(Kind::Revoked, false).len(), 0);
        assert!(Step::Decide.answered_by(Kind::Identified, true));
        assert!(!Step::Decide.answered_by(Kind::Visited, false));
        for step in Step::ALL {
            assert_eq!(Step::parse(step.word()), Some(*step));
        }
    }
}
