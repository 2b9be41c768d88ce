//! Reads a body within its limits, and unpacks it within the same ones.
//!
//! It refuses early: by the announced length before the first byte, then at the first byte above.

use std::io::Read;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use proto::codes::Code;

use super::{
    gate::Seat,
    media::{Encoding, encoding},
};

/// How many bytes one packed byte may become. Text packs about tenfold; a bomb a thousandfold.
const RATIO: usize = 100;
/// Unpacked in pieces of this size, each counted before the next.
const PIECE: usize = 64 * 1024;

/// Reads and unpacks a body of at most `most` bytes; its room is held by `seat`.
pub(super) async fn collect(
    headers: &HeaderMap,
    mut body: Body,
    seat: &mut Seat,
    most: usize,
) -> Result<Vec<u8>, Code> {
    let encoding = encoding(headers)?;
    if announced(headers).is_some_and(|length| length > most) {
        return Err(Code::LimitBody);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Code::BodyBroken)?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > most {
            return Err(Code::LimitBody);
        }
        seat.hold(bytes.len() + data.len())?;
        bytes.extend_from_slice(data);
    }
    match encoding {
        Encoding::Identity => Ok(bytes),
        Encoding::Gzip => unpack(&bytes, seat, most),
    }
}

/// The announced length; one that is not a number is hyper's to refuse.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unpack(packed: &[u8], seat: &mut Seat, most: usize) -> Result<Vec<u8>, Code> {
    let most = most.min(packed.len().saturating_mul(RATIO));
    let mut reader = MultiGzDecoder::new(packed);
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = reader.read(&mut piece).map_err(|_| Code::BodyBroken)?;
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() + read > most {
            return Err(Code::LimitBody);
        }
        seat.hold(packed.len() + bytes.len() + read)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}
