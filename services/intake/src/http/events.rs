//! `POST /v1/events`: CloudEvents in structured, batch, line and binary mode.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use percent_encoding::percent_decode;
use proto::{codes::Code, json::Json};
use serde_json::{Map, Value};

use super::{
    Shared,
    answer::Refusal,
    media::{Media, json_shape, media},
    take::{Asked, Mode, allowed, asked, bring, check, submit},
};
use crate::{
    caller::Caller,
    door::{Noun, Shape},
};

/// Headers of the binary mode begin with this.
const BINARY: &str = "ce-";

pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    query: Asked<Mode>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    allowed(caller.sends())?;
    let mode = asked(query)?;
    let media = media(&headers)?;
    let binary = headers.contains_key("ce-specversion");
    if !matches!(
        (media, binary),
        (Some(Media::Json | Media::Event | Media::Batch | Media::Lines), false)
            | (Some(Media::Json) | None, true)
    ) {
        return Err(Refusal::from(Code::BodyType));
    }
    let brought = bring(&shared, &caller, &headers, body).await?;
    let (bytes, shape) = if binary {
        (structured(&headers, brought.bytes), Shape::One)
    } else {
        let shape = match media {
            Some(Media::Lines) => Shape::Lines,
            Some(Media::Batch) => Shape::Array,
            Some(Media::Json) => json_shape(&brought.bytes),
            _ => Shape::One,
        };
        (brought.bytes, shape)
    };
    let _seat = brought.seat;
    let checked = check(&shared, &caller, bytes, shape, Noun::Event).await?;
    submit(&shared, checked, shape == Shape::One, mode.atomic()).await
}

/// The structured form of an event in binary mode: attributes from `ce-` headers, percent-decoded
/// as the CloudEvents HTTP binding asks, data from the body. What is not JSON stays so.
fn structured(headers: &HeaderMap, data: Vec<u8>) -> Vec<u8> {
    let mut attributes = Map::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(BINARY) else { continue };
        let decoded = percent_decode(value.as_bytes()).decode_utf8();
        // A second header of one name would be a second opinion on one attribute.
        let (Ok(decoded), false) = (decoded, attributes.contains_key(name) || name == "data")
        else {
            return b"\xff".to_vec();
        };
        attributes.insert(name.to_owned(), Value::String(decoded.into_owned()));
    }
    let mut event = serde_json::to_vec(&attributes).unwrap_or_default();
    if data.trim_ascii().is_empty() {
        return event;
    }
    // Data is looked at alone first: joined, it could bring attributes of its own.
    if Json::parse(&data).is_err() {
        return data;
    }
    event.pop();
    event.extend_from_slice(br#","data":"#);
    event.extend_from_slice(&data);
    event.push(b'}');
    event
}
