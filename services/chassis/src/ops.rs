//! `/livez`, `/readyz` and `/metrics`: what a supervisor and a scraper ask.
//!
//! It shows what [`Health`] and the metrics registry hold and changes nothing.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};

use crate::health::{Health, Status};

/// The three routes, to be served alone or merged into a service's own router.
pub fn router(health: Health, registry: Registry) -> Router {
    Router::new()
        .route("/livez", get(livez).with_state(health.clone()))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(metrics).with_state(registry))
}

/// 200 while every loop turns; 503 with the names of the silent ones.
async fn livez(State(health): State<Health>) -> Response {
    let silent = health.silent_loops();
    let (status, word) = if silent.is_empty() {
        (StatusCode::OK, "live")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "stuck")
    };
    json(status, &serde_json::json!({"status": word, "silent_loops": silent}))
}

/// 200 when every component is ready; 503 with each one's state and progress.
async fn readyz(State(health): State<Health>) -> Response {
    let report = health.report();
    let status = match report.status {
        Status::Ready => StatusCode::OK,
        Status::Starting | Status::Failing | Status::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &report)
}

async fn metrics(State(registry): State<Registry>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let headers = [(CACHE_CONTROL, "no-store")];
    (status, headers, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;
    use crate::clock::ManualClock;

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readyz_turns_200_only_when_all_components_are_ready() {
        let health = Health::new(Arc::new(ManualClock::at_unix_micros(0)));
        let router = router(health.clone(), Registry::new());
        let (log, fold) = (health.component("log"), health.component("fold"));
        log.ready();
        fold.starting(3, 10);
        let (status, body) = ask(&router, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body["components"]["fold"],
            json!({"state": "starting", "done": 3, "total": 10})
        );
        fold.ready();
        assert_eq!(ask(&router, "/readyz").await.0, StatusCode::OK);
        fold.failing("fold.diverged");
        assert_eq!(ask(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(&router, "/livez").await.0, StatusCode::OK, "ready is not live");
    }

    #[tokio::test]
    async fn livez_names_a_loop_that_is_stuck() {
        let clock = ManualClock::at_unix_micros(0);
        let health = Health::new(Arc::new(clock.clone()));
        let router = router(health.clone(), Registry::new());
        let _pulse = health.pulse("poll", Duration::from_secs(5));
        clock.advance(Duration::from_secs(6));
        let (status, body) = ask(&router, "/livez").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, r#"{"silent_loops":["poll"],"status":"stuck"}"#);
    }

    #[tokio::test]
    async fn metrics_are_the_registry_as_text() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("things_total", "Things.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc_by(3);
        let health = Health::new(Arc::new(ManualClock::at_unix_micros(0)));
        let (status, body) = ask(&router(health, registry), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.lines().any(|line| line == "things_total 3"), "{body}");
    }
}
