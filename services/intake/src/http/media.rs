//! Content types and encodings: which shape a body has.
//!
//! It refuses what it does not know, and any charset but UTF-8.

use axum::http::{HeaderMap, header};
use proto::codes::Code;

use crate::door::Shape;

/// The type of a body, in the words of this door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Media {
    /// `application/json`: an array or one record.
    Json,
    /// `application/cloudevents+json`.
    Event,
    /// `application/cloudevents-batch+json`.
    Batch,
    /// `application/x-ndjson`.
    Lines,
    /// YAML under one of its names.
    Yaml,
}

/// Reads `Content-Type`; nothing when the header is absent.
pub(super) fn media(headers: &HeaderMap) -> Result<Option<Media>, Code> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Code::BodyType)?.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let media = match parts.next().unwrap_or_default() {
        "application/json" => Media::Json,
        "application/cloudevents+json" => Media::Event,
        "application/cloudevents-batch+json" => Media::Batch,
        "application/x-ndjson" | "application/ndjson" => Media::Lines,
        "application/yaml" | "application/x-yaml" | "text/yaml" => Media::Yaml,
        _ => return Err(Code::BodyType),
    };
    let charset = parts.filter_map(|part| part.strip_prefix("charset="));
    let utf8 = |name: &str| matches!(name.trim_matches('"'), "utf-8" | "utf8");
    if charset.into_iter().all(utf8) { Ok(Some(media)) } else { Err(Code::BodyType) }
}

/// The shape of `application/json`: an array if its first character opens one.
pub(super) fn json_shape(body: &[u8]) -> Shape {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.trim_ascii_start().starts_with(b"[") { Shape::Array } else { Shape::One }
}

/// How the body is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// As it is.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
}

/// Reads `Content-Encoding`: none, `identity` or one `gzip`.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Code> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(Encoding::Identity) };
    let text = value.to_str().map_err(|_| Code::BodyEncoding)?.trim().to_ascii_lowercase();
    match (text.as_str(), values.next()) {
        ("identity" | "", None) => Ok(Encoding::Identity),
        ("gzip" | "x-gzip", None) => Ok(Encoding::Gzip),
        _ => Err(Code::BodyEncoding),
    }
}
