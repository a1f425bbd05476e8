//! The fast way to parse a record that stands on one line: by SIMD, without positions. What this
//! refuses, the careful parser reads again, and says where the mistake is.

use super::{Document, Item, Kind};
use simd_json::{Buffers, Node, StaticNode};

/// simd-json numbers positions in 32 bits and copies its input; longer lines are not for it.
const MOST_LINE: usize = 16 << 20;

/// What is kept from line to line for its memory.
#[derive(Default)]
pub(super) struct Scratch {
    line: Vec<u8>,
    buffers: Buffers,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Scratch")
    }
}

impl Document {
    /// Parses a line that is one JSON text. False if it is not, or not for this way; values then
    /// have no meaning. Values parsed so have no positions.
    pub fn parse_line(&mut self, line: &[u8]) -> bool {
        if line.len() > MOST_LINE {
            return false;
        }
        self.items.clear();
        self.unescaped.clear();
        let Scratch {
            line: scratch,
            buffers,
        } = &mut self.scratch;
        scratch.clear();
        scratch.extend_from_slice(line);
        let Ok(tape) = simd_json::to_tape_with_buffers(scratch, buffers) else {
            return false;
        };
        for (index, node) in tape.0.iter().enumerate() {
            let mut end = index + 1;
            let kind = match node {
                Node::String(text) => {
                    let start = self.unescaped.len() as u32;
                    self.unescaped.push_str(text);
                    Kind::Unescaped(start, self.unescaped.len() as u32)
                }
                Node::Object { len, count } => {
                    end += count;
                    Kind::Object(2 * *len as u32)
                }
                Node::Array { len, count } => {
                    end += count;
                    Kind::List(*len as u32)
                }
                Node::Static(StaticNode::Null) => Kind::Null,
                Node::Static(StaticNode::Bool(value)) => Kind::Bool(*value),
                Node::Static(StaticNode::U64(value)) => Kind::Unsigned(*value),
                Node::Static(StaticNode::I64(value)) => match u64::try_from(*value) {
                    Ok(value) => Kind::Unsigned(value),
                    Err(_) => Kind::Signed(*value),
                },
                Node::Static(StaticNode::F64(value)) => Kind::Float(*value),
            };
            self.items.push(Item {
                kind,
                at: 0,
                end: end as u32,
            });
        }
        true
    }
}
