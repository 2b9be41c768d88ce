//! The one way out: HTTP calls to hosts that the operator listed, at addresses that were looked at.
//!
//! Whoever may create a subscription names a URL, so a URL is hostile until it is checked twice:
//! [`AllowList::check`] judges its text, [`Client::look_up`] what its name stands for at the moment
//! of connecting, and the connection goes to that very address. It knows no alert, no signature
//! and no retry, follows no redirect and asks the environment for no proxy.

mod address;
mod allow;
mod client;
mod connect;
mod fault;
mod resolve;
mod tls;

pub use address::is_public;
pub use allow::{AllowList, BadEntry, Endpoint};
pub use client::{Answer, Client, Limits};
pub use fault::{Fault, is_tls};
pub use hyper::{HeaderMap, body::Bytes, header};
pub use resolve::{Addresses, Resolver, SystemResolver};
pub use tls::{BadRoots, Roots};
