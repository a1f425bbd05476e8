//! WebSocket: the upgrade and messages.

use super::stream::{ReadHalf, SendError, WriteHalf};
use super::{ConnectError, Options, Received, Target, is_timeout};
use std::io;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderName, HeaderValue, Request};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket, client::client_with_config};

/// So much of a refusal's body is shown.
const EXCERPT: usize = 200;

/// Sends messages.
#[derive(Debug)]
pub(super) struct WebSocketSender {
    socket: WebSocket<WriteHalf>,
    writer: WriteHalf,
}

/// Receives messages; answers pings and closes.
#[derive(Debug)]
pub(super) struct WebSocketReceiver {
    socket: WebSocket<ReadHalf>,
    /// How the peer closed.
    closed: Option<String>,
}

/// Asks the server for a WebSocket.
pub(super) fn upgrade(
    target: &Target,
    options: &Options,
    reader: ReadHalf,
    writer: WriteHalf,
) -> Result<(WebSocketSender, WebSocketReceiver), ConnectError> {
    let request = request(target, options)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(options.most_message))
        .max_frame_size(Some(options.most_message));
    match client_with_config(request, reader, Some(config)) {
        Ok((socket, _)) => {
            let receiver = WebSocketReceiver {
                socket,
                closed: None,
            };
            let sender = WebSocketSender {
                socket: WebSocket::from_raw_socket(writer.clone(), Role::Client, Some(config)),
                writer,
            };
            Ok((sender, receiver))
        }
        Err(HandshakeError::Interrupted(_)) => Err(ConnectError::TimedOut {
            target: target.clone(),
            step: "WebSocket upgrade",
        }),
        Err(HandshakeError::Failure(error)) => Err(refused(target, error)),
    }
}

impl WebSocketSender {
    pub(super) fn queue(&mut self, bytes: &[u8], text: bool) -> Result<(), SendError> {
        let bytes = Bytes::copy_from_slice(bytes);
        let message = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(content) if text => Message::Text(content),
            _ => Message::Binary(bytes),
        };
        self.socket.write(message).map_err(send_error)
    }

    pub(super) fn flush(&mut self) -> Result<(), SendError> {
        self.socket.flush().map_err(send_error)
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        let result = match self.socket.close(None) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
            Err(error) => Err(io_error(error)),
        };
        self.writer.silence();
        result
    }
}

impl WebSocketReceiver {
    pub(super) fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.get_ref().set_timeout(timeout)
    }

    pub(super) fn receive(&mut self, out: &mut Vec<u8>) -> io::Result<Received> {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => {
                    out.extend_from_slice(&bytes);
                    return Ok(Received::Message { text: false });
                }
                Ok(Message::Text(text)) => {
                    out.extend_from_slice(text.as_bytes());
                    return Ok(Received::Message { text: true });
                }
                Ok(Message::Close(frame)) => {
                    self.closed = frame.map(|frame| match frame.reason.as_str() {
                        "" => format!("WebSocket code {}", u16::from(frame.code)),
                        reason => {
                            // It goes to a terminal.
                            let reason = reason.escape_debug();
                            format!("WebSocket code {}: {reason}", u16::from(frame.code))
                        }
                    });
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    let how = self.closed.take();
                    return Ok(Received::Closed { how });
                }
                // After its close, how the connection goes away no longer matters.
                Err(Error::Io(error)) if !is_timeout(&error) && self.closed.is_some() => {
                    let how = self.closed.take();
                    return Ok(Received::Closed { how });
                }
                Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                    let how = Some("without a WebSocket close".to_owned());
                    return Ok(Received::Closed { how });
                }
                Err(Error::Io(error)) if is_timeout(&error) => return Ok(Received::Nothing),
                Err(error) => return Err(io_error(error)),
            }
        }
    }
}

fn request(target: &Target, options: &Options) -> Result<Request<()>, ConnectError> {
    let mut request = target
        .to_string()
        .into_client_request()
        .map_err(|error| handshake(target, &error))?;
    for header in &options.headers {
        let wrong = || ConnectError::Header {
            header: header.clone(),
        };
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn refused(target: &Target, error: Error) -> ConnectError {
    let target = target.clone();
    match error {
        Error::Http(response) => {
            let status = response.status();
            let excerpt = response.body().as_deref().map_or(String::new(), excerpt);
            ConnectError::Upgrade {
                target,
                status: status.to_string(),
                code: status.as_u16(),
                excerpt,
            }
        }
        Error::Io(error) if is_timeout(&error) => ConnectError::TimedOut {
            target,
            step: "WebSocket upgrade",
        },
        Error::Io(source) => ConnectError::Connect { target, source },
        error => handshake(&target, &error),
    }
}

fn handshake(target: &Target, error: &Error) -> ConnectError {
    ConnectError::Handshake {
        target: target.clone(),
        what: error.to_string(),
    }
}

/// The start of a body on one line; nothing that could steer a terminal.
fn excerpt(body: &[u8]) -> String {
    let body = body.get(..EXCERPT).unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match text.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

fn send_error(error: Error) -> SendError {
    SendError {
        taken: 0,
        source: io_error(error),
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
