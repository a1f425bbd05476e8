//! Files that grow, and standard input.

use super::session::Session;
use super::{InputForm, Tail};
use crate::cli::{complain, stdin};
use anyhow::Context;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use wirectl::model::Origin;
use wirectl::net::{Capture, CaptureError, Merge, decompress};
use wirectl::pipeline::{Connection, Flow, Pipeline};
use wirectl::source::capture::{NoObserver, TrafficOptions, decode_captures};
use wirectl::source::{LineForm, decode_bytes, decode_lines};
use wirectl::tail::{Growing, Piped, Restart};

/// The first bytes, which tell a capture.
const MAGIC: usize = 4;

/// Shows a file as it grows, or standard input.
pub fn run(tail: &Tail, session: Session, options: &TrafficOptions) -> anyhow::Result<u8> {
    let output = tail.output.ready(tail.name())?;
    let mut sink = output.sink(io::stdout());
    let mut pipeline = Pipeline::new(sink.as_mut(), tail.selection.ready()?);
    let options = &options.wanting(pipeline.wanted());
    session.on_stop(|| ())?;
    let result = match tail.source.as_deref() {
        None | Some("-") => {
            let usual = "wirectl tail FILE, or PROGRAM | wirectl tail";
            let input = stdin::open("bytes", usual)?;
            let mut input = Piped::new(input, session.stop.clone())?;
            follow(tail, &mut input, options, &mut pipeline).map(drop)
        }
        Some(path) => grow(tail, Path::new(path), &session, options, &mut pipeline),
    };
    complain::filter_failures(&pipeline);
    session.totals(pipeline.totals());
    drop(pipeline);
    sink.finish()?;
    result.with_context(|| tail.name().to_owned())?;
    Ok(session.finish())
}

fn grow(
    tail: &Tail,
    path: &Path,
    session: &Session,
    options: &TrafficOptions,
    pipeline: &mut Pipeline<'_>,
) -> anyhow::Result<()> {
    let mut file = Growing::open(path, session.stop.clone())?;
    loop {
        let flow = follow(tail, &mut file.incarnation(), options, pipeline)?;
        session.totals(pipeline.totals());
        let what = match file.restart() {
            _ if flow == Flow::Stop => return Ok(()),
            None => return Ok(()),
            Some(Restart::Truncated) => "was cut short",
            Some(Restart::Replaced) => "was replaced",
        };
        pipeline.flush()?;
        session.tell(&format!(
            "{} {what}: reading it from its beginning",
            path.display()
        ));
    }
}

/// Decodes `input` to its end.
fn follow<R: Read + Send>(
    tail: &Tail,
    input: &mut R,
    options: &TrafficOptions,
    pipeline: &mut Pipeline<'_>,
) -> anyhow::Result<Flow> {
    let mut start = Vec::with_capacity(MAGIC);
    input.by_ref().take(MAGIC as u64).read_to_end(&mut start)?;
    let is_capture = is_capture(&start);
    let mut input = Cursor::new(start).chain(input);
    let origin = Origin::default();
    let mut connection = Connection::new(options.forced, options.settings.clone());
    let flow = match tail.input {
        InputForm::Raw if is_capture => return capture(input, options, pipeline),
        InputForm::Raw => decode_bytes(&mut input, &origin, &mut connection, pipeline),
        InputForm::HexLines => {
            let mut lines = BufReader::new(input);
            decode_lines(
                &mut lines,
                LineForm::Hex,
                &origin,
                &mut connection,
                pipeline,
            )
        }
        InputForm::Base64Lines => {
            let mut lines = BufReader::new(input);
            decode_lines(
                &mut lines,
                LineForm::Base64,
                &origin,
                &mut connection,
                pipeline,
            )
        }
    };
    Ok(flow?)
}

fn capture(
    input: impl Read + Send,
    options: &TrafficOptions,
    pipeline: &mut Pipeline<'_>,
) -> anyhow::Result<Flow> {
    let capture = match Capture::new(decompress(input)?) {
        Ok(capture) => capture,
        Err(CaptureError::Empty) => return Ok(Flow::Continue),
        Err(error) => return Err(error.into()),
    };
    let mut captures = Merge::new([capture]);
    Ok(decode_captures(
        &mut captures,
        options,
        pipeline,
        &mut NoObserver,
    )?)
}

/// Whether these are the first bytes of a capture, compressed or not.
fn is_capture(start: &[u8]) -> bool {
    matches!(
        start,
        [0xd4, 0xc3, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0xc3, 0xd4]
            | [0x4d, 0x3c, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0x3c, 0x4d]
            | [0x0a, 0x0d, 0x0d, 0x0a]
            | [0x1f, 0x8b, 0x08, _]
            | [0x28, 0xb5, 0x2f, 0xfd]
            | [0x04, 0x22, 0x4d, 0x18]
            | [0xfd, b'7', b'z', b'X']
    )
}
