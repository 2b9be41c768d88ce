//! The pages: what an alert, a case and a household look like to the people who visit.
//!
//! Everything is rendered on the server and escaped by the templates; a page works without its
//! script. Nothing here is a decision, and no number is computed that an alert does not hold.

mod alert;
mod bills;
mod course;
mod front;
mod household;
mod quality;
mod queue;
mod words;

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

pub(crate) use alert::Shown;
pub(crate) use bills::Bills;
pub(crate) use course::{Course, Dot, Step};
pub(crate) use front::{Front, Look};
pub(crate) use household::{CasePage, ChainStep, HouseholdPage, View};
pub(crate) use quality::QualityPage;
pub(crate) use queue::QueuePage;
pub(crate) use words::Lang;

/// A page that says one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    zh: (&'static str, &'static str),
    en: (&'static str, &'static str),
    /// A command that helps.
    command: Option<&'static str>,
}

const LINK: Option<&str> = Some("levee link --data DIR");

impl Message {
    pub(crate) const SIGNED_OUT: Message = Message {
        zh: (
            "请先登录",
            "在运行 levee 的机器上执行下面的命令，用浏览器打开它给出的链接（15分钟内有效，只能用一次）。",
        ),
        en: (
            "Sign in first",
            "Run this where levee runs and open the link it prints; it works once, for 15 minutes.",
        ),
        command: LINK,
    };
    pub(crate) const BAD_CODE: Message = Message {
        zh: ("登录链接无效", "链接已用过、已过期或不完整。请执行下面的命令取得新链接。"),
        en: (
            "This link does not work",
            "It was used before, is too old, or incomplete. This command gives another:",
        ),
        command: LINK,
    };
    pub(crate) const UNKNOWN: Message = Message {
        zh: ("没有找到", "没有此个案或此户，或者不在您的辖区内。"),
        en: ("Not found", "There is no such case or household, or it is outside your area."),
        command: None,
    };
    pub(crate) const FORBIDDEN: Message = Message {
        zh: ("不在您的辖区内", "请选择您辖区内的地区代码。"),
        en: ("Outside your area", "Choose a region code inside your own area."),
        command: None,
    };
    pub(crate) const QUERY: Message = Message {
        zh: ("筛选条件有误", "地区代码为2、4、6、9或12位数字，或安置点编号。"),
        en: (
            "A filter is not understood",
            "A region has 2, 4, 6, 9 or 12 digits, or is the id of a site.",
        ),
        command: None,
    };
    pub(crate) const STARTING: Message = Message {
        zh: ("正在恢复数据", "服务正在读取预警记录，请稍后刷新。"),
        en: ("Restoring", "The service is reading its alerts. Reload in a moment."),
        command: None,
    };
    pub(crate) const UNCARRIED: Message = Message {
        zh: ("暂时无法取得", "承载该户数据的服务正在交接，请稍后刷新。"),
        en: (
            "Not reached",
            "The service that holds this is being handed over. Reload in a moment.",
        ),
        command: None,
    };
    pub(crate) const ELSEWHERE: Message = Message {
        zh: ("此处没有", "此信息由 watcher 提供：请在本服务配置的 [view] 中列出其地址。"),
        en: (
            "Not here",
            "The watchers know that: list their addresses under [view] of this service's configuration.",
        ),
        command: None,
    };
    pub(crate) const FAULT: Message = Message {
        zh: ("服务故障", "请稍后重试。"),
        en: ("The service failed", "Try again in a moment."),
        command: None,
    };
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    l: Lang,
    message: &'a Message,
}

/// A page that says one thing, with its status.
pub(crate) fn message(status: StatusCode, lang: Lang, message: &Message) -> Response {
    html(status, &MessagePage { l: lang, message })
}

/// A page with its status.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
