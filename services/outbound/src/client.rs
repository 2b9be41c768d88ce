//! One call: a body posted, at most so much of the answer read, all of it within one time. It
//! follows nothing, repeats nothing and judges no status.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request,
    body::{Bytes, Incoming},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};

use crate::{
    AllowList, BadRoots, Endpoint, Fault, Resolver, Roots,
    connect::{Connector, Guard},
};

/// Most bytes of an answer's head.
const HEAD: usize = 64 << 10;
/// Most header fields of an answer.
const FIELDS: usize = 100;
/// Most open connections to one origin that wait for the next call.
const IDLE: usize = 4;

/// How long and how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// From asking for the address to the last byte that is read.
    pub total: Duration,
    /// For connecting to one address, before the next one is tried.
    pub connect: Duration,
    /// Most bytes of an answer's body; the rest is not read.
    pub body: usize,
    /// How long a connection waits for the next call. Until then the address is not judged again.
    pub idle: Duration,
}

impl Default for Limits {
    /// 15 s in all, 5 s to connect, 64 KiB, 10 s idle.
    fn default() -> Self {
        Self {
            total: Duration::from_secs(15),
            connect: Duration::from_secs(5),
            body: 64 << 10,
            idle: Duration::from_secs(10),
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; a redirect is one like any other.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, or its beginning.
    pub body: Bytes,
    /// Whether there was more.
    pub cut: bool,
}

/// A client that can reach nothing but what its list holds. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpsConnector<Connector>, Full<Bytes>>,
    guard: Arc<Guard>,
    limits: Limits,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = &self.guard.allow;
        f.debug_struct("Client").field("allow", list).field("limits", &self.limits).finish()
    }
}

impl Client {
    /// A client for these origins.
    ///
    /// # Errors
    /// The TLS library takes none of its own settings.
    pub fn new(
        allow: AllowList,
        resolver: impl Resolver,
        roots: Roots,
        limits: Limits,
    ) -> Result<Client, BadRoots> {
        let guard =
            Arc::new(Guard { allow, resolver: Box::new(resolver), patience: limits.connect });
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(roots.config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector(Arc::clone(&guard)));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle)
            .pool_max_idle_per_host(IDLE)
            .http1_max_buf_size(HEAD)
            .http1_max_headers(FIELDS)
            .build(https);
        Ok(Client { http, guard, limits })
    }

    /// Judges the text of a URL: [`AllowList::check`].
    ///
    /// # Errors
    /// As there.
    pub fn check(&self, url: &str) -> Result<Endpoint, Fault> {
        self.guard.allow.check(url)
    }

    /// The addresses that a call would go to now.
    ///
    /// # Errors
    /// [`Fault::Resolve`], or [`Fault::Address`] when one of them is forbidden.
    pub async fn look_up(&self, to: &Endpoint) -> Result<Vec<SocketAddr>, Fault> {
        self.guard.look_up(&to.origin).await
    }

    /// Posts a body.
    ///
    /// # Errors
    /// There was no whole answer; whether the body arrived is not known.
    pub async fn post(
        &self,
        to: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Fault> {
        let call = self.exchange(to, headers, body);
        tokio::time::timeout(self.limits.total, call).await.unwrap_or(Err(Fault::Timeout))
    }

    async fn exchange(
        &self,
        to: &Endpoint,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Fault> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.uri.clone();
        *request.headers_mut() = headers;
        let answer = self.http.request(request).await.map_err(|error| Fault::of(&error))?;
        let (head, body) = answer.into_parts();
        let (body, cut) = read(body, self.limits.body).await?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, cut })
    }
}

/// At most `most` bytes of a body, and whether there was more.
async fn read(mut body: Incoming, most: usize) -> Result<(Bytes, bool), Fault> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Fault::Answer)?.into_data() else { continue };
        let room = most.saturating_sub(read.len());
        read.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if data.len() > room {
            return Ok((read.into(), true));
        }
    }
    Ok((read.into(), false))
}
