//! Gathers connections.

use wirectl::net::{self, Both, Summary};
use wirectl::output::Conversation;
use wirectl::source::capture::{Observer, StreamInfo};

/// The connections that are over.
#[derive(Debug, Default)]
pub struct Conversations(Vec<Conversation>);

impl Conversations {
    /// All of them, by number.
    pub fn sorted(mut self) -> Vec<Conversation> {
        self.0.sort_by_key(|conversation| conversation.stream);
        self.0
    }
}

impl Observer for Conversations {
    fn connection(&mut self, summary: &Summary, info: &StreamInfo) {
        self.0.push(Conversation {
            stream: summary.connection,
            client: summary.client,
            server: summary.server,
            transport: summary.transport.into(),
            protocol: info.protocol,
            service: info.service.clone(),
            frames: info.frames,
            bytes: ways(summary.stream_bytes),
            missing: ways(summary.missing_bytes),
            times: [summary.first_ns, summary.last_ns],
            ends: ways(summary.ending).map(net::Ending::as_str),
            errors: info.errors,
            warnings: info.warnings,
        });
    }
}

fn ways<T>(both: Both<T>) -> [T; 2] {
    [both.client_to_server, both.server_to_client]
}
