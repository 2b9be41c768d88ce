//! The words of the pages in both languages, and how money and instants are written.

use std::fmt::Write;

use proto::alert::{Severity, Value};

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lang {
    /// Chinese, the default.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    pub(crate) fn of(asked: Option<&str>) -> Lang {
        if asked == Some("en") { Lang::En } else { Lang::Zh }
    }

    /// The `lang` attribute.
    pub(crate) fn tag(self) -> &'static str {
        self.t("zh-CN", "en")
    }

    pub(crate) fn t<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// A path in this language.
    pub(crate) fn href(self, path: &str) -> String {
        let with = if path.contains('?') { '&' } else { '?' };
        match self {
            Lang::Zh => path.to_owned(),
            Lang::En => format!("{path}{with}lang=en"),
        }
    }

    /// The path of a case's page.
    pub(crate) fn case(self, case: &str) -> String {
        self.href(&format!("/cases/{case}"))
    }

    /// The path of a household's page.
    pub(crate) fn household(self, household: &str) -> String {
        self.href(&format!("/households/{household}"))
    }

    pub(crate) fn level(self, level: Severity) -> &'static str {
        match level {
            Severity::Red => self.t("红", "red"),
            Severity::Yellow => self.t("黄", "yellow"),
            Severity::Green => self.t("绿", "green"),
            Severity::None => self.t("无", "none"),
        }
    }

    pub(crate) fn change(self, change: &str) -> &str {
        match change {
            "opened" => self.t("新个案", "opened"),
            "closed" => self.t("结案", "closed"),
            "raised" => self.t("升级", "raised"),
            "lowered" => self.t("降级", "lowered"),
            "changed" => self.t("有变化", "changed"),
            "overdue" => self.t("逾期", "overdue"),
            other => other,
        }
    }

    /// A step of the chain.
    pub(crate) fn step(self, step: &str) -> &str {
        let found = STEPS.iter().find(|(name, _, _)| *name == step);
        found.map_or(step, |(_, zh, en)| self.t(zh, en))
    }

    /// A word of the contract: risks, measures, levels of government, classes, fields.
    pub(crate) fn word(self, word: &str) -> &str {
        let found = WORDS.iter().find(|(name, _, _)| *name == word);
        found.map_or(word, |(_, zh, en)| self.t(zh, en))
    }
}

/// The steps of the chain; their words mean other things elsewhere.
const STEPS: &[(&str, &str, &str)] = &[
    ("acknowledge", "确认", "acknowledge"),
    ("visit", "入户", "visit"),
    ("decide", "认定", "decide"),
    ("comparison", "信息比对", "comparison"),
    ("meeting", "村级评议", "village meeting"),
    ("posting", "公示", "posting"),
    ("township", "乡镇审核", "township review"),
    ("county", "县级审定", "county approval"),
    ("entry", "系统录入", "entry"),
    ("measures", "落实帮扶", "measures"),
    ("risk_removed", "风险消除", "risk removed"),
    ("follow_up", "回访", "follow-up"),
];

const WORDS: &[(&str, &str, &str)] = &[
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
    ("ordinary", "一般农户", "ordinary"),
    ("low_income", "低收入", "low income"),
    ("registered_poor", "脱贫户", "registered poor"),
    ("unstable_lifted", "脱贫不稳定户", "unstable lifted"),
    ("marginal", "边缘易致贫户", "marginal"),
    ("sudden_difficulty", "突发严重困难户", "sudden difficulty"),
    ("dibao", "低保", "dibao"),
    ("tekun", "特困", "tekun"),
    ("dibao_edge", "低保边缘", "dibao edge"),
    ("medical_aid", "医疗救助", "medical aid"),
    ("near_home_work", "就近就业", "work near home"),
    ("micro_credit", "小额信贷", "micro-credit"),
    ("public_post", "公益岗位", "public post"),
    ("temporary_aid", "临时救助", "temporary aid"),
    ("job_placement", "就业推荐", "job placement"),
    ("disaster_relief", "灾害救助", "disaster relief"),
    ("house_repair", "危房改造", "house repair"),
    ("education_grant", "教育资助", "education grant"),
    ("no_disabled_member", "户内没有残疾人", "nobody in the family is disabled"),
    ("nobody_can_work", "户内没有劳动力", "nobody in the family can work"),
    ("nobody_at_work", "户内无人务工", "nobody in the family is at work"),
    ("no_risk", "无风险", "no risk"),
    ("already_covered", "已有帮扶", "already covered"),
    ("wrong_data", "数据有误", "wrong data"),
    ("risk_removed", "风险消除", "risk removed"),
    ("household_removed", "户档案已删除", "household removed"),
    ("total_fen", "总费用", "total"),
    ("fund_paid_fen", "基金支付", "paid by the fund"),
    ("serious_illness_paid_fen", "大病保险", "serious illness insurance"),
    ("medical_aid_paid_fen", "医疗救助", "medical aid"),
    ("commercial_paid_fen", "商业保险", "commercial insurance"),
    ("self_paid_fen", "合规自付", "self-paid"),
    ("self_paid_other_fen", "目录外自付", "self-paid, other"),
    ("amount_fen", "金额", "amount"),
    ("cost_fen", "费用", "cost"),
    ("loss_fen", "损失", "loss"),
    ("monthly_fen", "每月", "a month"),
    ("monthly_wage_fen", "月工资", "monthly wage"),
];

/// The sign beside a level's word: told apart without colour.
pub(crate) fn shape(level: Severity) -> &'static str {
    match level {
        Severity::Red => "▲",
        Severity::Yellow => "◆",
        Severity::Green => "●",
        Severity::None => "○",
    }
}

/// Fen as yuan with separators: `27,120` or `27,120.50`.
pub(crate) fn yuan(fen: i64) -> String {
    let (whole, cents) = (fen.unsigned_abs() / 100, fen.unsigned_abs() % 100);
    let mut text = grouped(whole);
    if cents > 0 {
        // Writing into a String cannot fail.
        let _ = write!(text, ".{cents:02}");
    }
    if fen < 0 { format!("-{text}") } else { text }
}

/// From here on a number of an alert is taken for fen: a pack does not say which are money.
const MONEY: u64 = 10_000;

/// A value as people read it.
pub(crate) fn value(lang: Lang, value: &Value<'_>) -> String {
    match value {
        Value::Bool(yes) => {
            lang.t(if *yes { "是" } else { "否" }, if *yes { "yes" } else { "no" }).into()
        }
        Value::Int(n) if n.unsigned_abs() >= MONEY => {
            lang.t("{} 元", "{} yuan").replace("{}", &yuan(*n))
        }
        Value::Int(n) => n.to_string(),
        Value::Text(text) => text.to_string(),
    }
}

/// A value as it stands in the alert.
pub(crate) fn raw(value: &Value<'_>) -> String {
    match value {
        Value::Bool(yes) => yes.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Text(text) => text.to_string(),
    }
}

/// The date and minute of an RFC 3339 instant in +08:00.
pub(crate) fn minute(instant: &str) -> String {
    instant.get(..16).unwrap_or(instant).replace('T', " ")
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_become_yuan_with_separators() {
        let cases = [(0, "0"), (5, "0.05"), (100_000, "1,000"), (-271_205_010, "-2,712,050.10")];
        for (fen, text) in cases {
            assert_eq!(yuan(fen), text);
        }
        assert_eq!(yuan(i64::MIN), "-92,233,720,368,547,758.08");
    }

    #[test]
    fn small_numbers_are_no_money() {
        assert_eq!(value(Lang::Zh, &Value::Int(9_999)), "9999");
        assert_eq!(value(Lang::Zh, &Value::Int(-10_000)), "-100 元");
        assert_eq!(value(Lang::En, &Value::Bool(true)), "yes");
    }

    #[test]
    fn an_unknown_word_stands_for_itself() {
        assert_eq!(Lang::Zh.word("illness"), "因病");
        assert_eq!(Lang::En.word("new_risk"), "new_risk");
    }
}
