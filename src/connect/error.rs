//! Why no connection came about, and what to do.

use super::Target;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why no connection came about.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The host name has no address.
    #[error("cannot find the host {host}: {source}")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// Nobody listens there, or it cannot be reached.
    #[error("cannot connect to {target}: {source}")]
    Connect {
        /// Where.
        target: Target,
        /// Why not.
        source: io::Error,
    },
    /// The peer takes too long.
    #[error("{target} did not answer the {step} in time")]
    TimedOut {
        /// Where.
        target: Target,
        /// What was waited for.
        step: &'static str,
    },
    /// A file of certificates cannot be used.
    #[error("{}: {what}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The TLS handshake failed.
    #[error("TLS with {target} failed: {what}")]
    Tls {
        /// Where.
        target: Target,
        /// Why.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// The HTTP server answered the upgrade with something else.
    #[error("{target} refused the WebSocket: HTTP {status}{excerpt}")]
    Upgrade {
        /// Where.
        target: Target,
        /// The answer's status code and reason.
        status: String,
        /// The status code.
        code: u16,
        /// The start of the answer's body, after a colon; empty if there is none.
        excerpt: String,
    },
    /// What came back is no WebSocket handshake.
    #[error("{target} does not speak WebSocket: {what}")]
    Handshake {
        /// Where.
        target: Target,
        /// What is wrong.
        what: String,
    },
    /// A header is no HTTP header.
    #[error("{header:?} is no header")]
    Header {
        /// As given.
        header: String,
    },
}

impl ConnectError {
    /// What the user can do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Lookup { .. } => "check the name's spelling; an address works, too".to_owned(),
            Self::Connect { source, target } => connect_help(source, target),
            Self::TimedOut { .. } => {
                "is it the right port? --connect-timeout waits longer".to_owned()
            }
            Self::Certificates { .. } => {
                "expected a PEM file with at least one certificate".to_owned()
            }
            Self::Tls { help, .. } => (*help).to_owned(),
            Self::Upgrade { code, .. } => upgrade_help(*code).to_owned(),
            Self::Handshake { .. } => {
                "is it a WebSocket server? For plain TCP write tcp://HOST:PORT".to_owned()
            }
            Self::Header { .. } => "expected NAME: VALUE".to_owned(),
        }
    }

    /// Whether the same might succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Lookup { .. } | Self::Connect { .. } | Self::TimedOut { .. } => true,
            Self::Upgrade { code, .. } => matches!(code, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }
}

fn connect_help(error: &io::Error, target: &Target) -> String {
    match (error.kind(), target) {
        (io::ErrorKind::ConnectionRefused, Target::Unix(_)) => {
            "the socket is there, but nobody listens on it".to_owned()
        }
        (io::ErrorKind::ConnectionRefused, _) => "nobody listens there: is the peer running, and \
             is it the right port? --reconnect tries again"
            .to_owned(),
        (io::ErrorKind::NotFound, Target::Unix(_)) => "there is no such socket".to_owned(),
        (io::ErrorKind::PermissionDenied, _) => "you may not use it".to_owned(),
        (io::ErrorKind::TimedOut, _) => {
            "is a firewall between? --connect-timeout waits longer".to_owned()
        }
        _ => "is the peer running, and can it be reached from here?".to_owned(),
    }
}

fn upgrade_help(code: u16) -> &'static str {
    match code {
        401 | 403 => "it wants credentials: --header 'Authorization: Bearer …'",
        404 => "check the URL's path",
        426 => "it wants another WebSocket version or sub-protocol; see --header",
        301 | 302 | 303 | 307 | 308 => "it redirects: use the URL that it names",
        500.. => "the server failed; look at its log",
        _ => "check the URL and the headers",
    }
}
