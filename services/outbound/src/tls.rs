//! Whom TLS trusts: the system's certificates and those of one more file. The provider is ring, the
//! only one in the workspace. It opens no connection.

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The certificates that may have signed a peer's.
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

/// There are no usable certificates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadRoots;

impl fmt::Display for BadRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the file of trusted certificates cannot be read or holds none")
    }
}

impl std::error::Error for BadRoots {}

impl Roots {
    /// The system's store (`SSL_CERT_FILE` and `SSL_CERT_DIR` name another). A certificate in it
    /// that cannot be read is passed over; an empty store refuses every peer.
    #[must_use]
    pub fn system() -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self(store)
    }

    /// No certificate at all, before others are added.
    #[must_use]
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Adds the certificates of a PEM file: the authority of a government's own network.
    ///
    /// # Errors
    /// The file cannot be read, or not every certificate in it is one.
    pub fn and_file(mut self, pem: &Path) -> Result<Self, BadRoots> {
        let certificates = CertificateDer::pem_file_iter(pem).map_err(|_| BadRoots)?;
        let mut added = 0_usize;
        for certificate in certificates {
            self.0.add(certificate.map_err(|_| BadRoots)?).map_err(|_| BadRoots)?;
            added = added.saturating_add(1);
        }
        if added == 0 { Err(BadRoots) } else { Ok(self) }
    }

    /// TLS 1.2 and 1.3 without a certificate of our own.
    pub(crate) fn config(self) -> Result<ClientConfig, BadRoots> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|_| BadRoots)?;
        Ok(builder.with_root_certificates(self.0).with_no_client_auth())
    }
}
