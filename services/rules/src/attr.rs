//! What expressions may ask of a household's profile and of the calendar.
//!
//! Names and types only; the values come from whoever evaluates.

use crate::expr::program::Type;

macro_rules! attrs {
    ($($variant:ident $name:literal $kind:ident $doc:literal;)*) => {
        /// An attribute `household.NAME`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Attr {
            $(#[doc = $doc] $variant,)*
        }

        impl Attr {
            /// All attributes.
            pub const ALL: &'static [Attr] = &[$(Attr::$variant,)*];

            /// The name after `household.`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Attr::$variant => $name,)* }
            }

            /// The type of its value.
            #[must_use]
            pub fn kind(self) -> Type {
                match self { $(Attr::$variant => Type::$kind,)* }
            }
        }
    };
}

attrs! {
    Class "class" Text "The class word.";
    Size "size" Int "Persons in the household.";
    Region "region" Text "The 12 digits of the registered region.";
    Site "site" Text "The resettlement site, or an empty string.";
    Labour "labour" Text "`full`, `weak`, `none` or `unknown`; changes with the year.";
    NetIncome "net_income_fen" Int "Net income in fen.";
    Members "members" Int "How many members are known.";
    Away "away" Int "How many members work away.";
    Insured "insured" Bool "Whether all members are insured.";
    Housing "housing" Text "The state of the house, or an empty string.";
    Water "water" Text "The state of the water supply, or an empty string.";
    Savings "savings_fen" Int "Savings in fen.";
    Support "support_fen" Int "Support by others in fen.";
    Workers "workers" Int "Members of working age who can and do work; changes with the year.";
    Students "students" Int "How many members are students.";
    Disabled "disabled" Int "The lowest disability grade above 0, else 0.";
    Chronic "chronic" Int "Members with chronic or severe health.";
    AgeDays "age_days" Int "Days since `updated_at`; grows by one each day.";
    WatchDays "watch_days" Int "Days since the risk was removed while the household is watched for relapse, else -1.";
}

impl Attr {
    /// The attribute of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Attr> {
        Attr::ALL.iter().copied().find(|attr| attr.name() == name)
    }
}

/// A part of today's date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Year,
    Month,
    Day,
}

impl Part {
    /// All names after `today.`.
    pub(crate) const NAMES: [(&'static str, Part); 3] =
        [("year", Part::Year), ("month", Part::Month), ("day", Part::Day)];
}
