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
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = cause {
            if let Some(fault) = error.downcast_ref::<Fault>() {
                return *fault;
            }
            if error.is::<rustls::Error>() {
                return Fault::Tls;
            }
            // An I/O error's `source` passes over the error that it holds.
            let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            cause = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
        }
        if error.is_connect() { Fault::Connect } else { Fault::Answer }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().en())
    }
}

impl Error for Fault {}
