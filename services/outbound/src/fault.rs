//! Why a call was not made or brought no answer. It never repeats the URL or the address.

use std::{error::Error, fmt, io};

use proto::codes::Code;

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The URL is not well formed, has a fragment or is longer than 2,048 bytes.
    Url,
    /// The scheme is not `https`, or `http` for a host that is not listed with `http://`.
    Scheme,
    /// The URL holds a user name or a password.
    Userinfo,
    /// The host is not listed.
    Host,
    /// The port is not the scheme's own and not listed.
    Port,
    /// An address that the host stands for is not public and not listed.
    Address,
    /// The name stands for no address.
    Resolve,
    /// No address takes the connection.
    Connect,
    /// The peer cannot prove that it is the host.
    Tls,
    /// There was no whole answer in time.
    Timeout,
    /// The connection broke, or what came is not HTTP.
    Answer,
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Fault::Url => Code::OutboundUrl,
            Fault::Scheme => Code::OutboundScheme,
            Fault::Userinfo => Code::OutboundUserinfo,
            Fault::Host => Code::OutboundHost,
            Fault::Port => Code::OutboundPort,
            Fault::Address => Code::OutboundAddress,
            Fault::Resolve => Code::OutboundResolve,
            Fault::Connect => Code::OutboundConnect,
            Fault::Tls => Code::OutboundTls,
            Fault::Timeout => Code::OutboundTimeout,
            Fault::Answer => Code::OutboundAnswer,
        }
    }

    /// What a chain of errors comes down to.
    pub(crate) fn of(error: &hyper_util::client::legacy::Error) -> Fault {
        if let Some(fault) = causes(error).find_map(|cause| cause.downcast_ref::<Fault>()) {
            return *fault;
        }
        if is_tls(error) {
            return Fault::Tls;
        }
        if error.is_connect() { Fault::Connect } else { Fault::Answer }
    }
}

/// Whether TLS is behind an error: a peer that cannot prove who it is, or speaks something else.
#[must_use]
pub fn is_tls(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<rustls::Error>())
}

/// The error and what is behind it. An I/O error's `source` passes over the error that it holds.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().en())
    }
}

impl Error for Fault {}
