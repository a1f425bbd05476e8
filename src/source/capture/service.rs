//! What the client of a connection asks for: a path, or a name.

use crate::net::{Control, Headers};
use std::net::SocketAddr;

/// Paths that are told apart.
const MOST_PATHS: usize = 16;
/// Longer names are cut to so many characters.
const MOST_CHARACTERS: usize = 200;

/// Gathers what the transports of a connection say.
#[derive(Debug, Default)]
pub struct Asked {
    paths: Vec<String>,
    more: bool,
    /// The path of the request that was seen last.
    last: Option<usize>,
    /// The one whose answer is a stream of events or messages.
    chosen: Option<usize>,
    server_name: Option<String>,
}

impl Asked {
    /// Takes what a transport says.
    pub fn control(&mut self, control: &Control<'_>, server: SocketAddr) {
        match control {
            Control::Request {
                target, headers, ..
            } => self.request(target, headers, server),
            Control::Response {
                status, headers, ..
            } if *status == 101 || streams_events(headers) => {
                self.chosen = self.chosen.or(self.last);
            }
            Control::Tls(names) => {
                let name = names.server_name.as_deref().filter(|name| !name.is_empty());
                self.server_name = self.server_name.take().or_else(|| name.map(cut));
            }
            _ => {}
        }
    }

    /// It in words, if it is known.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let first = self.paths.get(self.chosen.unwrap_or(0));
        let Some(path) = first else {
            return self.server_name.clone();
        };
        Some(match self.paths.len() - 1 {
            0 => path.clone(),
            others if self.more => format!("{path} +{others}…"),
            others => format!("{path} +{others}"),
        })
    }

    fn request(&mut self, target: &str, headers: &Headers<'_>, server: SocketAddr) {
        let host = header(headers, "host").unwrap_or_default();
        let host = if is_address(host, server) { "" } else { host };
        let name = cut(&format!("{host}{}", path(target)));
        self.last = self.paths.iter().position(|known| *known == name);
        if self.last.is_some() {
            return;
        }
        if self.paths.len() < MOST_PATHS {
            self.last = Some(self.paths.len());
            self.paths.push(name);
        } else {
            self.more = true;
        }
    }
}

/// The path alone: what follows may hold secrets, and differs from request to request.
fn path(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    match target.split_once("://") {
        Some((_, rest)) => rest
            .find('/')
            .and_then(|start| rest.get(start..))
            .unwrap_or("/"),
        None => target,
    }
}

/// Whether `host` says nothing that the server's address does not.
fn is_address(host: &str, server: SocketAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.is_empty() || address.parse() == Ok(server.ip())
}

fn streams_events(headers: &Headers<'_>) -> bool {
    header(headers, "content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
}

fn header<'h>(headers: &Headers<'h>, name: &str) -> Option<&'h str> {
    let (_, value) = headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok().map(str::trim)
}

fn cut(name: &str) -> String {
    name.chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(requests: &[(&str, &str)]) -> Option<String> {
        let server = "10.0.0.1:80".parse().unwrap();
        let mut asked = Asked::default();
        for (target, host) in requests {
            let request = Control::Request {
                method: "GET",
                target,
                headers: &[("Host", host.as_bytes())],
            };
            asked.control(&request, server);
        }
        asked.name()
    }

    #[test]
    fn a_path_is_named_without_its_secrets() {
        assert_eq!(asked(&[("/sync?token=x", "")]).as_deref(), Some("/sync"));
        assert_eq!(
            asked(&[("http://a.example/sync", "10.0.0.1:80")]).as_deref(),
            Some("/sync")
        );
        assert_eq!(
            asked(&[("/sync", "a.example:80")]).as_deref(),
            Some("a.example:80/sync")
        );
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn further_paths_are_counted() {
        assert_eq!(
            asked(&[("/a", ""), ("/b", ""), ("/a?1", "")]).as_deref(),
            Some("/a +1")
        );
        let paths: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
        let many: Vec<_> = paths.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(asked(&many).as_deref(), Some("/0 +15…"));
    }

    #[test]
    fn the_path_of_a_stream_comes_first() {
        let server = "10.0.0.1:80".parse().unwrap();
        let mut asked = Asked::default();
        for (target, kind) in [("/ack", "text/plain"), ("/events", "text/event-stream")] {
            let request = Control::Request {
                method: "GET",
                target,
                headers: &[],
            };
            asked.control(&request, server);
            let response = Control::Response {
                status: 200,
                reason: "OK",
                headers: &[("content-type", kind.as_bytes())],
            };
            asked.control(&response, server);
        }
        assert_eq!(asked.name().as_deref(), Some("/events +1"));
    }
}
