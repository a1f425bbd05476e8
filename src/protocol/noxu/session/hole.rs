//! What follows a hole.

use super::{NoxuSession, Side, UNKNOWN};
use crate::model::Direction;
use crate::protocol::noxu::guess::{self, Shape};
use crate::protocol::noxu::reading::Family;
use crate::protocol::noxu::resume::{self, Known, Next};
use crate::protocol::{Framing, Input};

impl NoxuSession {
    /// Bytes of `direction` are missing before those that come next.
    pub(super) fn tear(&mut self, direction: Direction) {
        let side = self.side(Some(direction));
        *side = match side.shape {
            // Without prefixes, nothing but the messages themselves tells where they start.
            Some(Shape::Bare) => UNKNOWN,
            _ => Side {
                torn: true,
                looked_through: 0,
                ..*side
            },
        };
    }

    /// Behind a hole.
    pub(super) fn resume(&mut self, input: &Input<'_>) -> Framing {
        const WHY: &str = "no Noxu frame starts here, behind missing bytes";
        if let Some(framing) = self.bare_name(input) {
            return framing;
        }
        let service = self.conversation.service();
        let side = *self.side(input.direction);
        if side.shape == Some(Shape::Unframed) || service.is_some_and(|service| service.unframed) {
            return Framing::Skip(input.bytes.len(), WHY);
        }
        let named = service.and_then(|service| service.family);
        let shown = named
            .or_else(|| {
                side.family
                    .filter(|_| side.settled && side.shape == Some(Shape::Prefixed))
            })
            .or_else(|| self.shown_by_other_side(input.direction));
        let families = match &shown {
            Some(family) => std::slice::from_ref(family),
            None if service.is_some() => &[],
            None => self.families,
        };
        let known = Known {
            families,
            role: self.conversation.role(input.direction),
            last: self.conversation.last_vlsn(input.direction),
            hint: self.hint,
        };
        match resume::next(input, &known) {
            Next::At(0, family, settled) => {
                let settled = shown.is_some() || settled && family.is_some();
                let side = self.side(input.direction);
                side.torn = false;
                side.shape = Some(Shape::Prefixed);
                side.family = family;
                side.settled = settled;
                self.known(input)
            }
            Next::At(position, ..) | Next::Behind(position) => Framing::Skip(position, WHY),
            Next::Need(size) => Framing::Need(size),
        }
    }

    /// A service name whose length is lost: no frame, but it says what follows.
    pub(super) fn bare_name(&mut self, input: &Input<'_>) -> Option<Framing> {
        if input.direction != Some(Direction::ClientToServer) || !self.conversation.is_untouched() {
            return None;
        }
        if input.ended && input.bytes.len() == 4 {
            let length = guess::prefix(input.bytes);
            let is_long = |(name, _): &&(&str, Family)| Some(name.len()) == length;
            let service = guess::SERVICES.iter().find(is_long);
            self.hint = service.map(|(_, family)| *family).or(self.hint);
        }
        let (name, family) = resume::bare_name(input)?;
        self.conversation.named(name, family);
        *self.side(input.direction) = Side {
            shape: Some(Shape::Prefixed),
            family: Some(family),
            settled: true,
            ..UNKNOWN
        };
        Some(Framing::Skip(
            name.len(),
            "a service name without its length",
        ))
    }
}
