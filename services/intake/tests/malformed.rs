//! Malformed requests in great number, by seed: no panic, no 5xx, every answer from the code list.

use axum::{body::Body, http::Request};
use proto::codes::Code;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::desk::{Desk, EVENT, PROFILE};

const REQUESTS: u64 = 20_000;

struct Maker(ChaCha8Rng);

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// A record whose structure is mostly right: some values are replaced, some bytes are cut.
    fn record(&mut self) -> Vec<u8> {
        let mut text = self.pick(&[EVENT, PROFILE, "{}", "[]", "null", ""]).to_owned();
        for _ in 0..self.below(4) {
            let from = self.pick(&[
                "\"1.0\"",
                "e1",
                "99/ybj",
                "household/H1",
                "2026-03-04",
                "2026-03-03",
                "734500",
                "inpatient",
                "H1",
                "\"data\"",
                "990102003004",
                "3",
                "medical.settlement",
                ":",
                "}",
            ]);
            let to = self.pick(&[
                "null",
                "\"\"",
                "1e400",
                "-0",
                "0.5",
                "9223372036854775808",
                "\"\\ud800\"",
                "\u{202e}",
                "person/990000199001010017",
                "area/99",
                "area/site-7",
                "[[[[[]]]]]",
                "9999-12-31",
                "0000-00-00",
                "true",
                "{",
                "\"void\":true,",
                "\n",
                "\\u0000",
                "é",
                "990000199001010017",
                "civil.birth",
                "disaster.warning",
            ]);
            text = text.replacen(from, to, 1);
        }
        let mut bytes = text.into_bytes();
        for _ in 0..self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(self.below(256)).unwrap()),
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        bytes
    }

    fn body(&mut self) -> Vec<u8> {
        let records: Vec<_> = (0..self.below(5)).map(|_| self.record()).collect();
        match self.below(4) {
            0 => records.join(&b'\n'),
            1 => [b"[".as_slice(), &records.join(&b','), b"]"].concat(),
            2 => "[".repeat(self.below(200)).into_bytes(),
            _ => self.record(),
        }
    }

    fn request(&mut self) -> Request<Body> {
        let method = self.pick(&["POST", "POST", "POST", "PUT", "DELETE", "GET", "PATCH", "X"]);
        let path = self.pick(&[
            "/v1/events",
            "/v1/events",
            "/v1/events?mode=atomic",
            "/v1/events?mode=x",
            "/v1/households",
            "/v1/households/H1",
            "/v1/households/%ff",
            "/v1/households/a%20b",
            "/v1/households/H1?updated_at=2026-03-04T10:20:30Z",
            "/v1/households/H1?updated_at=x",
            "/v1/batches/1",
            "/v1/batches/-1",
            "/v1/packs",
            "/v1/packs/a",
            "/v1/packs/%ff",
            "/v2",
        ]);
        let mut request = Request::builder().method(method).uri(path);
        let token = self.pick(&["operator", "operator", "operator", "city", "worker", "feed", "?"]);
        request = request.header("authorization", format!("Bearer {token}"));
        let kind = self.pick(&[
            "application/json",
            "application/cloudevents+json",
            "application/x-ndjson",
            "application/cloudevents-batch+json",
            "application/yaml",
            "text/plain",
            ";;",
            "",
        ]);
        request = request.header("content-type", kind);
        if self.below(4) == 0 {
            let encoding = self.pick(&["gzip", "br", "identity", "gzip, gzip", ""]);
            request = request.header("content-encoding", encoding);
        }
        if self.below(6) == 0 {
            for name in ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-data"] {
                let value = self.pick(&["1.0", "%ff", "%e5%bc%a0", "99/ybj", "civil.birth", "\""]);
                request = request.header(name, value);
            }
        }
        request.body(Body::from(self.body())).unwrap()
    }
}

#[test]
fn every_malformed_request_has_an_answer_from_the_list() {
    let desk = Desk::new();
    let mut maker = Maker(ChaCha8Rng::seed_from_u64(7));
    let mut refused = 0;
    for n in 0..REQUESTS {
        let answer = desk.ask(maker.request());
        assert!(answer.status < 500, "request {n}: {}", answer.status);
        assert!(!answer.text.contains("990000199001010017"), "request {n}");
        if answer.status >= 400 {
            refused += 1;
            let code = Code::parse(&answer.code());
            let code = code.unwrap_or_else(|| panic!("request {n} has no known code"));
            assert_eq!(code.status(), answer.status, "request {n}");
        } else if answer.text.starts_with("{\"accepted\"") {
            for line in answer.json()["results"].as_array().unwrap() {
                let known = line["code"].as_str().is_none_or(|c| Code::parse(c).is_some());
                assert!(known, "request {n}");
            }
        }
    }
    assert!(refused > REQUESTS / 4 && refused < REQUESTS, "{refused} refused: a dull generator");
    let kept = format!("{:?}", desk.journal.state().submissions);
    assert!(!kept.contains("990000199001010017"), "an id number went through the door");
}
