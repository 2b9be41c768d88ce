//! The page of quality: how often rules, feeds and areas were right.

use askama::Template;
use serde_json::Value;

use super::bills::text;
use super::words::Lang;

/// The page of quality, as the report says it.
#[derive(Template)]
#[template(path = "quality.html")]
pub(crate) struct QualityPage {
    pub(crate) l: Lang,
    /// The region as it was asked for.
    pub(crate) region: String,
    pub(crate) report: Value,
}

/// One list of the report.
struct Table {
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    share: String,
    counts: [u64; 5],
}

impl QualityPage {
    fn tables(&self) -> Vec<Table> {
        let l = self.l;
        let lists = [
            ("rules", l.t("按规则", "By rule")),
            ("feeds", l.t("按数据源", "By feed")),
            ("feed_rules", l.t("按数据源和规则", "By feed and rule")),
            ("areas", l.t("按地区", "By area")),
        ];
        let table = |(name, title)| Table {
            title,
            lines: self.report[name].as_array().into_iter().flatten().map(line).collect(),
        };
        lists.into_iter().map(table).filter(|table| !table.lines.is_empty()).collect()
    }
}

fn line(counted: &Value) -> Line {
    let names = ["feed", "rule", "area"].map(|name| text(counted, name));
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let precision = &counted["precision"];
    let share = |name: &str| percent(precision[name].as_u64().unwrap_or(0));
    let (low, high) = (share("low_permille"), share("high_permille"));
    Line {
        name: names.join(" · "),
        share: format!("{} % ({low}–{high} %)", share("permille")),
        counts: ["decided", "helped", "no_risk", "already_covered", "wrong_data"]
            .map(|name| counted[name].as_u64().unwrap_or(0)),
    }
}

/// Thousandths as hundredths with one decimal.
fn percent(permille: u64) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}
