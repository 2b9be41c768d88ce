//! The page of quality. Its JSON is given at the door, which knows the feeds of a caller.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::cases::area;
use super::pages::{Stop, admitted, answer, opened};
use super::{Console, Refusal};
use crate::page::{self, Message, QualityPage};

#[derive(Deserialize, Default)]
pub(super) struct Asked {
    region: Option<String>,
    lang: Option<String>,
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let (lang, asked) = opened(asked, |asked| asked.lang.as_deref());
    answer(lang, async {
        let caller = admitted(&console, &headers)?;
        let asked = asked?;
        let (area, site) = area(asked.region.as_deref(), caller)?;
        if site.is_some() {
            return Err(Stop(StatusCode::BAD_REQUEST, Message::QUERY));
        }
        let report = console.households.quality(area).await.map_err(Refusal)?;
        let region = asked.region.unwrap_or_default();
        Ok(page::html(StatusCode::OK, &QualityPage { l: lang, region, report }))
    })
    .await
}
