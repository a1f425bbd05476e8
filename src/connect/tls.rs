//! TLS: whom to trust.

use super::{ConnectError, Options, Target};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, InvalidMessage,
    RootCertStore, SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;

/// A client that is about to greet `host`.
pub(super) fn client(
    target: &Target,
    host: &str,
    options: &Options,
) -> Result<ClientConnection, ConnectError> {
    let failed = |error: &Error| failed(target, error);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Tls {
        target: target.clone(),
        what: format!("{host:?} is no name that a certificate could have"),
        help: "use the host's name or its address",
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let config = if options.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
            .with_no_client_auth()
    } else {
        builder
            .with_root_certificates(roots(options.ca_file.as_deref())?)
            .with_no_client_auth()
    };
    ClientConnection::new(Arc::new(config), name).map_err(|error| failed(&error))
}

/// What a failed handshake means.
pub(super) fn failed(target: &Target, error: &Error) -> ConnectError {
    let help = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "give the issuer's certificate with --ca FILE, or --insecure to trust anyone"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "connect by a name that is in the certificate, or --insecure to trust anyone",
        Error::InvalidCertificate(_) => "--insecure trusts any certificate",
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS there: write tcp:// or ws://"
        }
        Error::AlertReceived(_) => "the peer refuses: its log says more",
        _ => "does the peer speak TLS 1.2 or 1.3 on that port?",
    };
    ConnectError::Tls {
        target: target.clone(),
        what: error.to_string(),
        help,
    }
}

/// The certificates of `file`, or else those that the system trusts.
fn roots(file: Option<&Path>) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let wrong = |what: String| ConnectError::Certificates {
        path: path.to_owned(),
        what,
    };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// Trusts any certificate; signatures are still checked.
#[derive(Debug)]
struct TrustAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
