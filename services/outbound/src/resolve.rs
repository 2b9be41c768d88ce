//! What a name stands for. It judges no answer.

use std::{future::Future, io, net::IpAddr, pin::Pin};

/// The addresses of a name, when they are known.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Where names become addresses. Asked once for each connection, never for an address.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of `name`, which is in lower case, in punycode and without a dot at its end.
    fn resolve<'a>(&'a self, name: &'a str) -> Addresses<'a>;
}

/// The system's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
