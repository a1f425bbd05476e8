//! The message types, in tables: those of `rp`, named as their tags.
//!
//! Source: protocol page `rp`, sections 3 to 6.

use crate::protocol::rp::messages as shared;
use crate::schema::{MessageType, Struct};

/// The type of a message with a `client_id`, a `channel` and a `cursor`: a POST acknowledgement.
pub const ACK: &str = "ack";

/// How many types of `rp` there are but the last, which is any value.
const COUNT: usize = shared::VALUE_TYPE;

/// All message types, as records of `rps` name them; in the order of those of `rp`.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub static MESSAGES: [MessageType; COUNT] = {
    let mut messages = [const { renamed(0) }; COUNT];
    let mut index = 0;
    while index < COUNT {
        messages[index] = renamed(index);
        index += 1;
    }
    messages
};

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn renamed(index: usize) -> MessageType {
    let known = &shared::MESSAGES[index];
    let word = shared::TAGS[index].word;
    let name = match index {
        shared::FRAME_TYPE => "frame",
        shared::SHARD_TYPE => "fragment_shard",
        shared::MODE_SWITCH_TYPE => "mode_switch_signal",
        shared::CREDENTIAL_TYPE => "turn_credential",
        shared::DELTA_TYPE => "payload_delta",
        _ => word,
    };
    MessageType {
        code: known.code,
        name,
        way: known.way,
        way_varies: known.way_varies,
        when: known.when,
        body: Struct {
            name: known.body.name,
            fields: known.body.fields,
            keyed: true,
        },
        about: known.about,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own() {
        for (index, message) in MESSAGES.iter().enumerate() {
            assert!(!message.name.is_empty());
            let earlier = MESSAGES.iter().take(index);
            assert!(earlier.into_iter().all(|other| other.name != message.name));
        }
    }
}
