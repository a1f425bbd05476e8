//! Where to connect to, as the user writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// A live peer: `host:port`, `tcp://`, `tls://`, `ws://`, `wss://` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host's port.
    Network {
        /// What is spoken below the messages.
        scheme: Scheme,
        /// Host name or address; IPv6 without brackets.
        host: String,
        /// TCP port.
        port: u16,
        /// Path and query of a WebSocket URL, from `/` on; empty for others.
        path: String,
    },
    /// A Unix domain socket.
    Unix(PathBuf),
}

/// What is spoken below the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

/// What is wrong with a target, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{target:?} is no target: {what}")]
pub struct TargetError {
    target: String,
    what: String,
    help: String,
}

impl Target {
    /// Reads a target.
    ///
    /// # Errors
    /// If `text` names none; the error says what would.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        parse(text).map_err(|(what, help)| TargetError {
            target: text.to_owned(),
            what,
            help,
        })
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(
            self,
            Self::Network {
                scheme: Scheme::Tls | Scheme::Wss,
                ..
            }
        )
    }

    /// Whether messages travel in WebSocket frames.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        matches!(
            self,
            Self::Network {
                scheme: Scheme::Ws | Scheme::Wss,
                ..
            }
        )
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::parse(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Network {
                scheme,
                host,
                port,
                path,
            } => {
                let scheme = scheme.name();
                if host.contains(':') {
                    write!(formatter, "{scheme}://[{host}]:{port}{path}")
                } else {
                    write!(formatter, "{scheme}://{host}:{port}{path}")
                }
            }
        }
    }
}

impl Scheme {
    /// The name before `://`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The port that is meant if none is given.
    const fn default_port(self) -> Option<u16> {
        match self {
            Self::Tcp | Self::Tls => None,
            Self::Ws => Some(80),
            Self::Wss => Some(443),
        }
    }
}

impl TargetError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// What is wrong, and what to write instead.
type Complaint = (String, String);

fn complain<T>(what: impl Into<String>, help: impl Into<String>) -> Result<T, Complaint> {
    Err((what.into(), help.into()))
}

fn parse(text: &str) -> Result<Target, Complaint> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.is_empty() {
            complain("the socket's path is missing", "unix:/run/peer.sock")
        } else {
            Ok(Target::Unix(PathBuf::from(path)))
        };
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((name, rest)) => (scheme(name, rest)?, rest),
        None => (Scheme::Tcp, text),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_websocket = matches!(scheme, Scheme::Ws | Scheme::Wss);
    if !is_websocket && !matches!(path, "" | "/") {
        let help = format!("leave {path:?} out, or write ws://{authority}{path}");
        return complain("only WebSocket targets have a path", help);
    }
    if authority.contains('@') {
        let help = "leave it out and give --header 'Authorization: …'";
        return complain("it holds a user name or password", help);
    }
    let (host, port) = split_port(authority, scheme)?;
    Ok(Target::Network {
        scheme,
        host,
        port,
        path: path_of(path, is_websocket),
    })
}

fn scheme(name: &str, rest: &str) -> Result<Scheme, Complaint> {
    let known = [Scheme::Tcp, Scheme::Tls, Scheme::Ws, Scheme::Wss];
    let found = known
        .into_iter()
        .find(|scheme| scheme.name().eq_ignore_ascii_case(name));
    match (found, name.to_ascii_lowercase().as_str()) {
        (Some(scheme), _) => Ok(scheme),
        (None, "http") => complain("HTTP carries no frames", format!("ws://{rest}")),
        (None, "https") => complain("HTTP carries no frames", format!("wss://{rest}")),
        (None, "ssl") => complain("unknown scheme", format!("tls://{rest}")),
        (None, _) => complain(
            format!("unknown scheme {name:?}"),
            "known are tcp://, tls://, ws://, wss:// and unix:PATH",
        ),
    }
}

fn split_port(authority: &str, scheme: Scheme) -> Result<(String, u16), Complaint> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((host, after)) = rest.split_once(']') else {
                return complain("\"]\" is missing", "[::1]:9090");
            };
            if host.parse::<std::net::Ipv6Addr>().is_err() && !host.contains('%') {
                return complain(format!("{host:?} is no IPv6 address"), "[::1]:9090");
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return complain("\":PORT\" must follow \"]\"", "[::1]:9090"),
            }
        }
        None => match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return complain("an IPv6 address needs brackets", format!("[{host}]:PORT"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match (port, scheme.default_port()) {
        (Some(port), _) => match port.parse::<u16>().ok().filter(|port| *port > 0) {
            Some(number) => number,
            None => return complain(format!("{port:?} is no port"), "a port from 1 to 65535"),
        },
        (None, Some(port)) => port,
        (None, None) if host.parse::<u16>().is_ok() => {
            return complain("the host is missing", format!("localhost:{host}"));
        }
        (None, None) => return complain("the port is missing", format!("{authority}:PORT")),
    };
    if host.is_empty() {
        return complain("the host is missing", format!("localhost:{port}"));
    }
    if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return complain("a host name has no spaces", "host:port");
    }
    Ok((host.to_owned(), port))
}

/// Path and query as they go into the request; a fragment stays here.
fn path_of(path: &str, is_websocket: bool) -> String {
    if !is_websocket {
        return String::new();
    }
    let path = path.split('#').next().unwrap_or_default();
    match path.strip_prefix('/') {
        Some(_) => path.to_owned(),
        None => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        match Target::parse(text) {
            Ok(target) => target.to_string(),
            Err(error) => format!("{error}; {}", error.help()),
        }
    }

    #[test]
    fn targets_are_read_and_written() {
        for (text, target) in [
            ("localhost:9090", "tcp://localhost:9090"),
            ("tcp://127.0.0.1:1/", "tcp://127.0.0.1:1"),
            ("[::1]:7000", "tcp://[::1]:7000"),
            ("TLS://host:443", "tls://host:443"),
            ("ws://host", "ws://host:80/"),
            ("wss://[::1]/sync?a=b#c", "wss://[::1]:443/sync?a=b"),
            ("ws://host:8080?x=1", "ws://host:8080/?x=1"),
            ("unix:/run/a b.sock", "unix:/run/a b.sock"),
            ("unix:///run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(canonical(text), target);
            assert_eq!(canonical(target), target);
        }
    }

    #[test]
    fn what_is_no_target_is_told_with_what_would_be() {
        for (text, what, help) in [
            ("9090", "the host is missing", "localhost:9090"),
            (":9090", "the host is missing", "localhost:9090"),
            ("host", "the port is missing", "host:PORT"),
            ("::1:9090", "needs brackets", "[::1]:PORT"),
            ("[::1", "is missing", "[::1]:9090"),
            ("[x]:1", "no IPv6 address", "[::1]:9090"),
            ("host:99999", "is no port", "1 to 65535"),
            ("host:0", "is no port", "1 to 65535"),
            ("http://h/x", "HTTP carries no frames", "ws://h/x"),
            ("ftp://h", "unknown scheme", "tcp://"),
            ("host:1/path", "have a path", "ws://host:1/path"),
            ("ws://me:secret@h", "password", "--header"),
            ("unix:", "path is missing", "unix:/"),
            ("a b:1", "no spaces", "host:port"),
        ] {
            let told = canonical(text);
            assert!(told.contains(what) && told.contains(help), "{text}: {told}");
        }
    }
}
