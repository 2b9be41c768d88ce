//! Connects to the very address that was judged: between looking and connecting no name is asked
//! again, so an answer that changes meanwhile changes nothing. It speaks neither TLS nor HTTP.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::{
    AllowList, Fault, Resolver,
    allow::{Host, Origin},
};

/// Which addresses may be connected to.
pub(crate) struct Guard {
    pub(crate) allow: AllowList,
    pub(crate) resolver: Box<dyn Resolver>,
    /// How long one address may take.
    pub(crate) patience: Duration,
}

impl Guard {
    /// The addresses of an origin, all of them judged: one that is forbidden refuses the name.
    pub(crate) async fn look_up(&self, origin: &Origin) -> Result<Vec<SocketAddr>, Fault> {
        let found = match &origin.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|_| Fault::Resolve)?,
        };
        if found.is_empty() {
            return Err(Fault::Resolve);
        }
        let (scheme, port) = (origin.scheme, origin.port);
        if !found.iter().all(|address| self.allow.permits(scheme, *address, port)) {
            return Err(Fault::Address);
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    async fn connect(&self, uri: Uri) -> Result<TcpStream, Fault> {
        // The URI was made by `AllowList::check`; judging it again costs little and holds whoever
        // calls.
        let endpoint = self.allow.check(&uri.to_string())?;
        for address in self.look_up(&endpoint.origin).await? {
            let connecting = tokio::time::timeout(self.patience, TcpStream::connect(address));
            if let Ok(Ok(stream)) = connecting.await {
                // Without it a small body waits for the acknowledgement of its headers.
                stream.set_nodelay(true).map_err(|_| Fault::Connect)?;
                return Ok(stream);
            }
        }
        Err(Fault::Connect)
    }
}

#[derive(Clone)]
pub(crate) struct Connector(pub(crate) Arc<Guard>);

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, Fault>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Fault;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let guard = Arc::clone(&self.0);
        Box::pin(async move { guard.connect(uri).await.map(TokioIo::new) })
    }
}
