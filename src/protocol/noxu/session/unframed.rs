//! Restore requests and responses that lie in the stream without frames.

use super::{Damage, NoxuSession};
use crate::protocol::noxu::guess;
use crate::protocol::noxu::restore;
use crate::protocol::{Framing, Input};

impl NoxuSession {
    /// The request is its magic number; the response ends where its arithmetic says.
    pub(super) fn unframed(&mut self, input: &Input<'_>) -> Framing {
        let bytes = input.bytes;
        if bytes.starts_with(&restore::MAGIC) {
            return Framing::Frame(restore::MAGIC.len());
        }
        if let Some(reading) = guess::whole_restore(bytes, input.ended) {
            if let Some(cut) = &mut self.cut {
                cut.layout = reading.layout;
            }
            return Framing::Frame(reading.end);
        }
        if input.ended {
            return self.damaged(Damage::Incomplete, bytes.len());
        }
        if bytes.len() > self.settings.most_frame {
            return self.damaged(Damage::Oversize, bytes.len());
        }
        Framing::Need(bytes.len() + 1)
    }
}
