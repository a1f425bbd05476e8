//! pushwire: `pushwire-core` writes and reads RP frames.

mod notation;
mod payloads;

use crate::random::{Random, Sample};
use crate::wirectl::{Conversation, Frame, Read};
use notation::{Any, notation};
use payloads::{Channel, Flat, ModeSwitchSignal, Shapes};
use pushwire_core::{
    BinaryEnvelope, BinaryFlags, BinaryFrame, CompressionConfig, CompressionDictionary,
    PayloadEncoding, RtcMessage, SystemOp, decode_frame_with_dictionaries,
    encode_frame_with_compression, train_dictionary,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use std::rc::Rc;

/// Payloads of all shapes, not compressed.
pub fn check_plain(encoding: PayloadEncoding) {
    let mut writer = Writer::new(encoding, usize::MAX, None);
    writer.write_all();
    writer.check(&[]);
}

/// The same, compressed wherever that makes them smaller.
pub fn check_compressed(encoding: PayloadEncoding) {
    let mut writer = Writer::new(encoding, 0, None);
    writer.write_all();
    writer.check(&[]);
}

/// The same with a trained dictionary, and with one of raw content, which `directory` will hold.
pub fn check_compressed_with_dictionaries(encoding: PayloadEncoding, directory: &Path) {
    let mut random = Random::new(crate::seed());
    let samples: Vec<String> = (0..200).map(|_| payloads::prose(&mut random)).collect();
    let samples: Vec<&[u8]> = samples.iter().map(|sample| sample.as_bytes()).collect();
    let trained = train_dictionary(&samples, 4096, 0x0102_0304).expect("the samples suffice");
    let content = CompressionDictionary::new(9, payloads::prose(&mut random).into_bytes());
    for dictionary in [trained, content] {
        let name = format!("{encoding:?}-{}.dictionary", dictionary.id);
        let path = directory.join(name);
        std::fs::write(&path, &dictionary.bytes).expect("the directory can be written");
        let argument = format!("{}={}", dictionary.id, path.display());
        let mut writer = Writer::new(encoding, 0, Some(dictionary));
        writer.write_all();
        writer.check(&["--dictionary", &argument]);
    }
}

/// Shards of whole messages.
pub fn check_shards(encoding: PayloadEncoding) {
    let mut writer = Writer::new(encoding, usize::MAX, None);
    writer.fragmented = true;
    for total in 1..12 {
        for shard in payloads::shards(&mut Random::new(total.into()), total) {
            writer.write(&shard);
        }
    }
    writer.check(&[]);
}

/// Makes frames, one after the other.
struct Writer {
    random: Random,
    encoding: PayloadEncoding,
    compression: CompressionConfig,
    dictionaries: Rc<[CompressionDictionary]>,
    fragmented: bool,
    sequence: u32,
    frames: Vec<Frame>,
}

impl Writer {
    fn new(
        encoding: PayloadEncoding,
        threshold: usize,
        dictionary: Option<CompressionDictionary>,
    ) -> Self {
        Self {
            random: Random::new(crate::seed()),
            encoding,
            dictionaries: dictionary.iter().cloned().collect(),
            compression: CompressionConfig {
                threshold,
                dictionary,
            },
            fragmented: false,
            sequence: 0,
            frames: Vec::new(),
        }
    }

    fn write_all(&mut self) {
        self.write_samples::<SystemOp<Channel>>(13);
        self.write_samples::<RtcMessage>(8);
        self.write_samples::<BinaryEnvelope>(2);
        self.write_samples::<ModeSwitchSignal>(2);
        self.write_samples::<Flat>(2);
        self.write_samples::<Shapes>(2);
        self.write_samples::<u64>(2);
        self.write_samples::<i64>(2);
        self.write_samples::<f32>(2);
        self.write_samples::<String>(2);
        self.write_samples::<bool>(1);
        self.write_samples::<Option<u16>>(1);
        self.write_samples::<Vec<Option<String>>>(2);
        for _ in 0..crate::samples() {
            let (frame, prose) = (
                payloads::frame(&mut self.random),
                payloads::prose(&mut self.random),
            );
            self.write(&frame);
            self.write(&prose);
            self.write(&[frame, pushwire_core::Frame::new(Channel(0), prose.into())]);
        }
        self.random.assert_every_variant_was_made();
    }

    fn write_samples<T: Sample + Serialize + DeserializeOwned + 'static>(&mut self, each: usize) {
        for at in 0..crate::samples() * each {
            self.random.begin_sample(at / each);
            let payload = T::sample(&mut self.random);
            self.write(&payload);
        }
    }

    /// Adds a frame. Single values are all on one channel, so that the frames before them show the
    /// encoding where their bytes are valid in both.
    fn write<T: Serialize + DeserializeOwned + 'static>(&mut self, payload: &T) {
        let by_name = self.encoding == PayloadEncoding::Cbor;
        let body = notation(payload, by_name);
        let tells = body.is_array() || body.is_object();
        let channel = if tells && !self.sequence.is_multiple_of(4) {
            self.random.below(256)
        } else {
            0
        };
        self.sequence += 1;
        let frame = BinaryFrame {
            channel: Channel(channel as u8),
            flags: BinaryFlags {
                compressed: false,
                fragmented: self.fragmented,
                ack_required: self.sequence.is_multiple_of(7),
            },
            sequence: self.sequence,
            payload,
        };
        let bytes = encode_frame_with_compression(&frame, self.encoding, &self.compression)
            .expect("the crate encodes it");
        let flags = BinaryFlags::from_byte(bytes[3]);
        let used = self
            .compression
            .dictionary
            .as_ref()
            .map_or(0, |dictionary| dictionary.id);
        let mut header = json!({
            "version": 1,
            "channel": channel,
            "sequence": self.sequence,
            "dictionary": flags.compressed.then_some(used),
        });
        // 0 to 23 are the same byte in both encodings.
        if body.as_u64().is_none_or(|value| value > 23) {
            header["encoding"] = if by_name { "cbor" } else { "msgpack" }.into();
        }
        let read = self.reader::<T>(&bytes, &body);
        self.frames.push(Frame {
            bytes,
            kind: None,
            body,
            header,
            values_suffice: false,
            read,
        });
    }

    /// The crate reads the type, or where it cannot read its own (fields left out of an array),
    /// anything.
    fn reader<T: Serialize + DeserializeOwned + 'static>(
        &self,
        bytes: &[u8],
        body: &Value,
    ) -> Read {
        let (encoding, dictionaries) = (self.encoding, Rc::clone(&self.dictionaries));
        let by_name = encoding == PayloadEncoding::Cbor;
        let typed = {
            let dictionaries = Rc::clone(&dictionaries);
            move |bytes: &[u8]| {
                decode_frame_with_dictionaries::<Channel, T>(bytes, encoding, &dictionaries)
                    .map(|frame| notation(&frame.payload, by_name))
                    .map_err(|error| error.to_string())
            }
        };
        if typed(bytes).is_ok_and(|read| crate::body::difference(body, &read).is_none()) {
            return Box::new(typed);
        }
        Box::new(move |bytes| {
            decode_frame_with_dictionaries::<Channel, Any>(bytes, encoding, &dictionaries)
                .map(|frame| frame.payload.0)
                .map_err(|error| error.to_string())
        })
    }

    fn check(&self, arguments: &[&str]) {
        let is_compressed = |frame: &Frame| BinaryFlags::from_byte(frame.bytes[3]).compressed;
        let wanted = self.compression.threshold == 0;
        assert_eq!(self.frames.iter().any(is_compressed), wanted);
        Conversation {
            protocol: "rp",
            arguments,
            frames: &self.frames,
        }
        .check();
    }
}
