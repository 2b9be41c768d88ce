//! What is said about an alert to people, in Chinese and in English, before a channel gives it a
//! form.
//!
//! It takes its words from the alert and knows neither names nor diagnoses: there are none in it.
//! What would pass for an ID number is not said, whoever wrote it.

use std::sync::Arc;

use planner::{
    Notice,
    notice::{Clocks, Overdue},
};
use proto::{alert::Severity, person::holds_id_number};

/// Most characters of one text that a pack or a profile wrote.
const LONGEST: usize = 160;
/// Most signals that are said; the pages show all.
const SIGNALS: usize = 4;
/// Most measures that are said.
const MEASURES: usize = 8;

/// The language of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lang {
    Zh,
    En,
}

/// One alert in words: texts of one line each, without a mark of any format.
pub(crate) struct Said {
    /// Level, risks and change.
    pub(crate) title: String,
    /// Label and text.
    pub(crate) lines: Vec<(&'static str, String)>,
}

impl Lang {
    fn t<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// Between a label and its text.
    pub(crate) fn colon(self) -> &'static str {
        self.t("：", ": ")
    }

    /// What stands below every message.
    pub(crate) fn notice(self) -> &'static str {
        self.t(
            "这是信号，不是结论：请入户核实。",
            "This is a signal, not a decision: it asks for a visit.",
        )
    }

    fn comma(self) -> &'static str {
        self.t("、", ", ")
    }

    fn level(self, level: Severity) -> &'static str {
        match level {
            Severity::Red => self.t("红", "red"),
            Severity::Yellow => self.t("黄", "yellow"),
            Severity::Green => self.t("绿", "green"),
            Severity::None => self.t("解除", "none"),
        }
    }

    fn change(self, change: &str) -> &str {
        match change {
            "opened" => self.t("新预警", "opened"),
            "closed" => self.t("结案", "closed"),
            "raised" => self.t("升级", "raised"),
            "lowered" => self.t("降级", "lowered"),
            "changed" => self.t("有变化", "changed"),
            "overdue" => self.t("逾期", "overdue"),
            other => other,
        }
    }

    /// A word of the contract; a pack may have others, which stand for themselves.
    fn word(self, word: &str) -> &str {
        let known = WORDS.iter().find(|(name, _, _)| *name == word);
        known.map_or(word, |(_, zh, en)| self.t(zh, en))
    }
}

/// Risks, levels of government, and the steps of the chain.
const WORDS: [(&str, &str, &str); 25] = [
    ("illness", "因病", "illness"),
    ("accident", "意外事故", "accident"),
    ("employment", "就业", "employment"),
    ("disaster", "因灾", "disaster"),
    ("industry", "产业失败", "industry"),
    ("education", "因学", "education"),
    ("disability", "因残", "disability"),
    ("labour", "缺劳动力", "labour"),
    ("guarantee", "三保障和饮水", "guarantees"),
    ("income", "收入", "income"),
    ("village", "村", "village"),
    ("township", "乡镇", "township"),
    ("county", "县", "county"),
    ("city", "市", "city"),
    ("province", "省", "province"),
    ("acknowledge", "签收", "acknowledge"),
    ("visit", "入户", "visit"),
    ("decide", "研判", "decide"),
    ("comparison", "信息比对", "comparison"),
    ("meeting", "村级评议", "meeting"),
    ("posting", "公示", "posting"),
    ("entry", "系统录入", "entry"),
    ("measures", "落实帮扶", "measures"),
    ("risk_removed", "风险消除", "risk removed"),
    ("follow_up", "回访", "follow-up"),
];

/// What is said about one alert.
pub(crate) fn said(alert: &Notice, lang: Lang) -> Said {
    let data = &alert.data;
    let Some(household) = alert.subject.strip_prefix("household/") else {
        return of_no_household(alert, lang);
    };
    let risks: Vec<_> = data.risks.iter().map(|risk| plain(lang.word(risk))).collect();
    let level = lang.level(data.level);
    let change = plain(lang.change(&data.change));
    let risks = risks.join(lang.comma());
    let title = match (lang, risks.is_empty()) {
        (Lang::Zh, false) => format!("【{level}】{risks}：{change}"),
        (Lang::Zh, true) => format!("【{level}】{change}"),
        (Lang::En, false) => format!("[{level}] {risks}: {change}"),
        (Lang::En, true) => format!("[{level}] {change}"),
    };
    let mut lines = vec![(lang.t("地区", "region"), plain(&data.region))];
    if let Some(site) = &data.site {
        lines.push((lang.t("安置点", "site"), plain(site)));
    }
    lines.push((lang.t("户编号", "household"), plain(household)));
    for signal in data.signals.iter().take(SIGNALS) {
        let why = lang.t(&signal.why.zh, &signal.why.en);
        let why = if why.is_empty() { &signal.rule } else { why };
        lines.push((lang.t("情况", "why"), plain(why)));
    }
    let measures = measures(alert, lang);
    if !measures.is_empty() {
        lines.push((lang.t("可用帮扶", "can be offered"), measures));
    }
    if let Some(overdue) = &data.overdue {
        lines.push((lang.t("逾期", "overdue"), passed_on(overdue, lang)));
    }
    let due = due(&data.clocks, lang);
    if !due.is_empty() {
        lines.push((lang.t("期限", "due"), due));
    }
    Said { title, lines }
}

/// An alert about an area or a feed.
fn of_no_household(alert: &Notice, lang: Lang) -> Said {
    let (kind, about) = alert.subject.split_once('/').unwrap_or(("", &alert.subject));
    let title = match kind {
        "area" => lang.t("【区域预警】新增户数异常", "[area] more new cases than expected"),
        "feed" => lang.t("【数据预警】数据来源异常", "[feed] a source of data is not as usual"),
        _ => lang.t("【预警】", "[alert]"),
    };
    let lines = vec![
        (lang.t("对象", "about"), plain(about)),
        (lang.t("时间", "time"), minute(&alert.time.to_string())),
    ];
    Said { title: title.to_owned(), lines }
}

/// How many alerts of which level a group holds.
pub(crate) fn digest_title(alerts: &[Arc<Notice>], lang: Lang) -> String {
    let levels = [Severity::Red, Severity::Yellow, Severity::Green, Severity::None];
    let count = |level| alerts.iter().filter(|alert| alert.data.level == level).count();
    let counted = levels.iter().map(|level| (*level, count(*level))).filter(|(_, n)| *n > 0);
    let parts: Vec<_> = counted.map(|(level, n)| format!("{} {n}", lang.level(level))).collect();
    let (all, parts) = (alerts.len(), parts.join(lang.comma()));
    match lang {
        Lang::Zh => format!("{all} 条预警：{parts}"),
        Lang::En => format!("{all} alerts: {parts}"),
    }
}

fn measures(alert: &Notice, lang: Lang) -> String {
    let titled = alert.data.measures.iter().map(|measure| {
        let title = lang.t(&measure.zh, &measure.en);
        plain(if title.is_empty() { &measure.code } else { title })
    });
    let mut said: Vec<String> = titled.collect();
    for code in alert.data.signals.iter().flat_map(|signal| &signal.measures) {
        let known = alert.data.measures.iter().any(|measure| measure.code == *code);
        let code = plain(code);
        if !known && !said.contains(&code) {
            said.push(code);
        }
    }
    said.truncate(MEASURES);
    said.join(lang.comma())
}

/// Which answer is missing and who is asked now.
fn passed_on(overdue: &Overdue, lang: Lang) -> String {
    let [clock, from, to] =
        [&overdue.clock, &overdue.from, &overdue.to].map(|word| plain(lang.word(word)));
    match lang {
        Lang::Zh => format!("{clock}超时，由{from}转{to}"),
        Lang::En => format!("no answer to {clock}, passed on from {from} to {to}"),
    }
}

fn due(clocks: &Clocks, lang: Lang) -> String {
    let steps = [
        (&clocks.acknowledge_by, "签收", "acknowledge"),
        (&clocks.visit_by, "入户", "visit"),
        (&clocks.decide_by, "研判", "decide"),
    ];
    let due = steps.iter().filter_map(|(by, zh, en)| {
        let by = plain(&minute(by.as_deref()?));
        Some(match lang {
            Lang::Zh => format!("{by}前{zh}"),
            Lang::En => format!("{en} by {by}"),
        })
    });
    due.collect::<Vec<_>>().join(lang.comma())
}

/// The date and minute of an RFC 3339 instant in +08:00.
fn minute(instant: &str) -> String {
    instant.get(..16).unwrap_or(instant).replace('T', " ")
}

/// One line of visible text, cut where it is long. What would pass for an ID number is left out.
pub(crate) fn plain(text: &str) -> String {
    if holds_id_number(text) {
        return "***".to_owned();
    }
    // Marks of direction and of no width could make a text look like another.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    let visible: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_visible_line() {
        for (text, line) in [
            ("", ""),
            ("近12个月 自付\n27120元", "近12个月 自付 27120元"),
            (" a\r\n\tb\u{202e}c\u{200b} ", "a b c"),
            ("\u{0}\u{7f}\u{85}", ""),
            ("no: 990102199001010010", "***"),
            ("99010219900101001x", "***"),
            ("990102003004", "990102003004"),
        ] {
            assert_eq!(plain(text), line, "{text:?}");
        }
        let long = plain(&"长".repeat(500));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST, true));
    }

    #[test]
    fn an_overdue_alert_says_what_is_missing_and_who_is_asked() {
        let mut notice = (*crate::sample::one().alerts[0]).clone();
        notice.data.change = "overdue".into();
        let [clock, from, to] = ["visit", "village", "township"].map(Into::into);
        notice.data.overdue = Some(Overdue { clock, from, to });
        let zh = said(&notice, Lang::Zh);
        assert_eq!(zh.title, "【红】因病、就业：逾期");
        assert!(zh.lines.contains(&("逾期", "入户超时，由村转乡镇".to_owned())));
        let en = said(&notice, Lang::En);
        let text = "no answer to visit, passed on from village to township";
        assert!(en.lines.contains(&("overdue", text.to_owned())));
    }

    #[test]
    fn an_area_and_a_feed_are_said_without_a_household() {
        let alert = |subject: &str| {
            let text = format!(
                r#"{{"id":"a1","type":"levee.area.v1","time":"2026-03-04T00:00:00+08:00",
                    "subject":"{subject}","data":{{"days":7}}}}"#
            );
            Notice::parse(text.as_bytes()).unwrap()
        };
        let said = said(&alert("area/990102"), Lang::Zh);
        assert_eq!(said.title, "【区域预警】新增户数异常");
        assert_eq!(said.lines[0], ("对象", "990102".to_owned()));
        assert_eq!(said.lines[1], ("时间", "2026-03-04 00:00".to_owned()));
        let feed = super::said(&alert("feed/99/ybj"), Lang::En);
        assert_eq!(
            (&*feed.title, &*feed.lines[0].1),
            ("[feed] a source of data is not as usual", "99/ybj")
        );
    }
}
