//! permessage-deflate (RFC 7692), with and without context takeover.

use flate2::{Decompress, FlushDecompress, Status};

/// What ends every message and is left out on the wire (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Output is grown by this much at a time.
const STEP: usize = 16 << 10;

/// What the two sides agreed on for one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// No compression.
    None,
    /// permessage-deflate.
    Deflate {
        /// Whether a message may refer to the messages before it.
        takeover: bool,
    },
    /// The handshake was not seen.
    Unknown,
}

impl Extension {
    /// Reads the `Sec-WebSocket-Extensions` of a server's answer: what holds for the client's
    /// messages and what for the server's.
    pub(super) fn negotiated(answer: &[u8]) -> (Self, Self) {
        let answer = String::from_utf8_lossy(answer);
        for extension in answer.split(',') {
            let mut parts = extension.split(';').map(str::trim);
            if parts.next() != Some("permessage-deflate") {
                continue;
            }
            let (mut client, mut server) = (true, true);
            for parameter in parts {
                match parameter.split('=').next().unwrap_or_default().trim() {
                    "client_no_context_takeover" => client = false,
                    "server_no_context_takeover" => server = false,
                    _ => {}
                }
            }
            return (
                Self::Deflate { takeover: client },
                Self::Deflate { takeover: server },
            );
        }
        (Self::None, Self::None)
    }
}

/// What the two sides agreed on.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Agreement {
    pub(super) client: Extension,
    pub(super) server: Extension,
}

impl Agreement {
    /// From the `Sec-WebSocket-Extensions` of the server's answer.
    pub(in crate::net) fn from_answer(extensions: Option<&[u8]>) -> Self {
        let (client, server) =
            extensions.map_or((Extension::None, Extension::None), Extension::negotiated);
        Self { client, server }
    }

    /// The handshake was not seen.
    pub(in crate::net) fn unknown() -> Self {
        Self {
            client: Extension::Unknown,
            server: Extension::Unknown,
        }
    }
}

/// Inflates the messages of one direction.
pub(super) struct Inflater {
    context: Option<Box<Decompress>>,
    /// Whether the sender's window is fully known.
    whole: bool,
    output: Vec<u8>,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It refers to messages that are not known.
    ContextLost,
    /// It is no deflate data.
    Damaged,
    /// It is larger than allowed.
    TooLong,
}

impl Inflater {
    /// `whole`: whether the capture holds this direction from its beginning.
    pub(super) fn new(whole: bool) -> Self {
        Self {
            context: None,
            whole,
            output: Vec::new(),
        }
    }

    /// A message was lost: what follows may refer to bytes that are not known. The window is
    /// emptied, and a reference beyond it is an error, so that nothing wrong comes out.
    pub(super) fn lose_context(&mut self) {
        self.whole = false;
        if let Some(context) = &mut self.context {
            context.reset(false);
        }
    }

    /// Inflates a message of at most `limit` bytes.
    pub(super) fn inflate(
        &mut self,
        message: &[u8],
        extension: Extension,
        limit: usize,
    ) -> Result<&[u8], Failure> {
        let takeover = extension != Extension::Deflate { takeover: false };
        let context = self
            .context
            .get_or_insert_with(|| Box::new(Decompress::new(false)));
        if !takeover {
            context.reset(false);
        }
        self.output.clear();
        let result = run(context, message, limit, &mut self.output);
        match result {
            Ok(()) => Ok(&self.output),
            Err(failure) => {
                let was_whole = self.whole;
                if takeover {
                    self.lose_context();
                }
                Err(match failure {
                    Failure::Damaged if takeover && !was_whole => Failure::ContextLost,
                    other => other,
                })
            }
        }
    }

    /// Gives memory back after a large message.
    pub(super) fn trim(&mut self) {
        if self.output.capacity() > 1 << 20 {
            self.output = Vec::new();
        }
    }
}

fn run(
    context: &mut Decompress,
    message: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<(), Failure> {
    for part in [message, &TAIL] {
        let mut rest = part;
        loop {
            if output.len() > limit {
                return Err(Failure::TooLong);
            }
            if output.capacity() - output.len() < STEP {
                output.reserve(STEP.max(output.len().min(limit)));
            }
            let (consumed, produced) = (context.total_in(), output.len());
            let status = context
                .decompress_vec(rest, output, FlushDecompress::Sync)
                .map_err(|_| Failure::Damaged)?;
            let consumed = usize::try_from(context.total_in() - consumed).unwrap_or(0);
            rest = rest.get(consumed..).unwrap_or_default();
            match status {
                Status::StreamEnd => {
                    // A final block: the sender begins anew.
                    context.reset(false);
                    if part.len() == TAIL.len() || rest.is_empty() || rest == [0] {
                        return Ok(());
                    }
                }
                Status::BufError if consumed == 0 && produced == output.len() => {
                    if rest.is_empty() || output.capacity() > output.len() {
                        break;
                    }
                }
                Status::Ok | Status::BufError => {
                    if rest.is_empty() && output.capacity() > output.len() {
                        break;
                    }
                }
            }
        }
        if !rest.is_empty() {
            return Err(Failure::Damaged);
        }
    }
    Ok(())
}
