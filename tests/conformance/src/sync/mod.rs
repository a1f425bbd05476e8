//! NodeDB sync: `nodedb-types` writes and reads whole frames.

use crate::random::Random;
use crate::wirectl::{Conversation, Frame};

#[cfg(feature = "sync-0-0-0-beta-1")]
pub mod v0_0_0_beta_1;
#[cfg(feature = "sync-0-0-4")]
pub mod v0_0_4;
#[cfg(feature = "sync-0-0-6")]
pub mod v0_0_6;
#[cfg(feature = "sync-0-2")]
pub mod v0_2;
#[cfg(feature = "sync-0-3")]
pub mod v0_3;
#[cfg(feature = "sync-0-4")]
pub mod v0_4;
#[cfg(feature = "sync-0-6")]
pub mod v0_6;

/// Frames of a version, told to wirectl with `--sync-version`.
pub fn check_version_told(schema: &str, frames: fn(&mut Random) -> Vec<Frame>) {
    let mut frames = generate(frames);
    for frame in &mut frames {
        frame.header["schema"] = schema.into();
    }
    Conversation {
        protocol: "sync",
        arguments: &["--sync-version", schema],
        frames: &frames,
    }
    .check();
}

/// Frames of a version that wirectl has to find out.
pub fn check_version_found(frames: fn(&mut Random) -> Vec<Frame>) {
    let frames = generate(frames);
    Conversation {
        protocol: "sync",
        arguments: &[],
        frames: &frames,
    }
    .check_decoding();
}

fn generate(frames: fn(&mut Random) -> Vec<Frame>) -> Vec<Frame> {
    let mut random = Random::new(crate::seed());
    let frames = frames(&mut random);
    random.assert_every_variant_was_made();
    frames
}

/// The messages of a version, by the names of their types in records and in the crate.
#[macro_export]
macro_rules! messages {
    (
        header: $header:literal, schema: $schema:literal;
        $($name:ident: $type:ident),* $(,)?
    ) => {
        /// The version's name in records and for `--sync-version`.
        pub const SCHEMA: &str = $schema;

        /// Frames of all message types.
        pub fn frames(random: &mut $crate::random::Random) -> Vec<$crate::wirectl::Frame> {
            let mut frames = Vec::new();
            $(for index in 0..$crate::samples() {
                random.begin_sample(index);
                let value = <$type as $crate::random::Sample>::sample(random);
                let code = SyncMessageType::$name;
                let frame = SyncFrame::new_msgpack(code, &value);
                frames.push($crate::wirectl::Frame {
                    bytes: frame.expect("the crate encodes its own").to_bytes(),
                    kind: Some(stringify!($name).to_owned()),
                    body: $crate::body::Body::body(&value),
                    header: serde_json::json!({ "version": $header, "code": code as u8 }),
                    values_suffice: true,
read: Box::new(read),
                });
            })*
            frames
        }

        /// The body of a frame, as the crate reads it.
        pub fn read(bytes: &[u8]) -> Result<serde_json::Value, String> {
            let frame = SyncFrame::from_bytes(bytes).ok_or("not a frame")?;
            match frame.msg_type {
                $(SyncMessageType::$name => {
                    let value: Option<$type> = frame.decode_body();
                    value.map(|value| $crate::body::Body::body(&value))
                        .ok_or_else(|| format!("not a body of {}", stringify!($name)))
                })*
                #[allow(unreachable_patterns, reason = "the enum is open in some versions")]
                other => Err(format!("type {other:?} is not listed")),
            }
        }
    };
}
