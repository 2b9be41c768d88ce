//! Which URLs may be called at all. It knows no DNS: what a name stands for is judged when
//! connecting.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use hyper::Uri;
use url::{Host as Parsed, Position, Url};

use crate::{Fault, address::is_public};

/// Longest URL, in bytes.
const LONGEST: usize = 2_048;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Scheme {
    Http,
    Https,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Host {
    /// In lower case, in punycode, without a dot at its end.
    Name(String),
    Address(IpAddr),
}

/// Scheme, host and port: what a connection is made to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// A URL whose text was judged. Its host may still stand for a forbidden address.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) origin: Origin,
    pub(crate) uri: Uri,
}

impl Endpoint {
    /// Scheme, host and port as they are called, the scheme's own port left out.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        format!("{scheme}://{}", self.uri.authority().map_or("", |authority| authority.as_str()))
    }
}

impl fmt::Debug for Endpoint {
    /// Without path and query: these may be the receiver's secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.origin).finish()
    }
}

/// An entry of the list is neither a host nor `scheme://host[:port]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadEntry {
    /// Its place in the list, from 0.
    pub index: usize,
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.index.saturating_add(1);
        write!(f, "entry {number} is neither a host nor scheme://host[:port], as in ")?;
        f.write_str("hooks.example.gov, https://hooks.example.gov:8443 or http://127.0.0.1:9000")
    }
}

impl std::error::Error for BadEntry {}

/// The origins that may be called. Empty: none.
#[derive(Clone, Default, Debug)]
pub struct AllowList(BTreeSet<Origin>);

impl AllowList {
    /// From entries. A bare host means `https` at port 443; a scheme without port means its own
    /// port. An entry whose host is an address also lets names that are listed stand for it, at
    /// the entry's scheme and port; without one no name may stand for an address that is not public.
    ///
    /// # Errors
    /// An entry is neither a host nor `scheme://host[:port]`.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, BadEntry> {
        let origin =
            |(index, entry): (usize, S)| entry_of(entry.as_ref()).ok_or(BadEntry { index });
        entries.into_iter().enumerate().map(origin).collect::<Result<_, _>>().map(Self)
    }

    /// Judges the text of a URL.
    ///
    /// # Errors
    /// [`Fault::Url`], [`Fault::Userinfo`], [`Fault::Scheme`], [`Fault::Host`], [`Fault::Port`], or
    /// [`Fault::Address`] for an address in the place of the host that is neither public nor listed.
    pub fn check(&self, text: &str) -> Result<Endpoint, Fault> {
        let url = parse(text)?;
        let origin = origin_of(&url)?;
        if !self.0.contains(&origin) {
            return Err(self.why_not(&origin));
        }
        let host = url.host_str().ok_or(Fault::Url)?.trim_end_matches('.');
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let builder = Uri::builder().scheme(url.scheme()).authority(authority);
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let uri = builder.path_and_query(target).build().map_err(|_| Fault::Url)?;
        Ok(Endpoint { origin, uri })
    }

    /// Whether `address` may be connected to in the place of a listed host.
    pub(crate) fn permits(&self, scheme: Scheme, address: IpAddr, port: u16) -> bool {
        is_public(address)
            || self.0.contains(&Origin { scheme, host: Host::Address(address), port })
    }

    fn why_not(&self, origin: &Origin) -> Fault {
        let mut same_host = self.0.iter().filter(|listed| listed.host == origin.host).peekable();
        if same_host.peek().is_none() {
            return match origin.host {
                Host::Address(address) if !is_public(address) => Fault::Address,
                Host::Address(_) | Host::Name(_) => Fault::Host,
            };
        }
        if same_host.any(|listed| listed.scheme == origin.scheme) {
            Fault::Port
        } else {
            Fault::Scheme
        }
    }
}

/// The WHATWG parser forgives much, so that its answer may differ from what a person reads: what
/// it would drop or rewrite between scheme and host is refused before.
fn parse(text: &str) -> Result<Url, Fault> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#');
    if text.len() > LONGEST || text.contains(odd) {
        return Err(Fault::Url);
    }
    let (scheme, rest) = text.split_once("://").ok_or(Fault::Url)?;
    if rest.starts_with('/') {
        return Err(Fault::Url);
    }
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(Fault::Scheme);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err(Fault::Userinfo);
    }
    Url::parse(text).map_err(|_| Fault::Url)
}

fn origin_of(url: &Url) -> Result<Origin, Fault> {
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(Fault::Scheme),
    };
    let host = match url.host().ok_or(Fault::Url)? {
        Parsed::Ipv4(address) => Host::Address(address.into()),
        Parsed::Ipv6(address) => Host::Address(address.into()),
        Parsed::Domain(name) => Host::Name(plain_name(name).ok_or(Fault::Url)?),
    };
    let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(Fault::Port)?;
    Ok(Origin { scheme, host, port })
}

/// A name without the dot at its end, if it is one that DNS could hold.
fn plain_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |label: &str| {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    (name.len() <= 253 && name.split('.').all(plain)).then(|| name.to_owned())
}

fn entry_of(entry: &str) -> Option<Origin> {
    let entry = entry.trim();
    let text = match entry.parse::<std::net::Ipv6Addr>() {
        Ok(bare) => format!("https://[{bare}]"),
        Err(_) if entry.contains("://") => entry.to_owned(),
        Err(_) if entry.contains(':') && !entry.starts_with('[') => return None,
        Err(_) => format!("https://{entry}"),
    };
    let url = parse(&text).ok()?;
    let only_origin = url.query().is_none() && matches!(url.path(), "" | "/");
    origin_of(&url).ok().filter(|_| only_origin)
}
