//! Geometries, shown as GeoJSON does: longitude first.
//!
//! Source: protocol page `sync`, section 6.3.

use super::content::{self, Unreadable};
use super::nested::Nested;
use crate::model::{Label, Message, NodeId, Value};

static TYPE: Label = Label::new("type");
static COORDINATES: Label = Label::new("coordinates");
static GEOMETRIES: Label = Label::new("geometries");

/// `SpatialInsert.geometry_bytes`.
pub fn read(frame: &[u8], field: NodeId, message: &mut Message) -> bool {
    content::read(frame, field, message, |content, message| {
        content.bounded()?;
        let mut nested = Nested::new(content, message);
        nested.geometry(None)?;
        nested.finish()
    })
}

impl Nested<'_, '_> {
    /// One geometry.
    pub fn geometry(&mut self, label: Option<&'static Label>) -> Result<(), Unreadable> {
        self.deeper(|nested| {
            let start = nested.reader.position();
            nested.array_of(2)?;
            nested.container(label, Value::Struct, start, Self::named_geometry)
        })
    }

    fn named_geometry(&mut self) -> Result<(), Unreadable> {
        let start = self.reader.position();
        let name = self.text_span()?;
        self.leaf(Some(&TYPE), Value::Text(name), start);
        // Lists around the positions.
        let depth = match name.of(self.reader.bytes()) {
            b"Point" => 0,
            b"LineString" | b"MultiPoint" => 1,
            b"Polygon" | b"MultiLineString" => 2,
            b"MultiPolygon" => 3,
            b"GeometryCollection" => {
                self.array_of(1)?;
                return self.list(Some(&GEOMETRIES), |nested| nested.geometry(None));
            }
            _ => return Err(Unreadable::new(start, "no such geometry")),
        };
        self.array_of(1)?;
        self.positions(Some(&COORDINATES), depth)
    }

    fn positions(&mut self, label: Option<&'static Label>, depth: u32) -> Result<(), Unreadable> {
        if depth > 0 {
            return self.list(label, |nested| nested.positions(None, depth - 1));
        }
        let start = self.reader.position();
        self.array_of(2)?;
        self.container(label, Value::List, start, |nested| {
            nested.float(None)?;
            nested.float(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read, read_hex};

    #[test]
    fn geometries_are_shown_as_geojson_does() {
        assert_eq!(
            read_hex(
                super::read,
                "92a5506f696e749192cb404222947ae147aecb40497acf5c28f5c3"
            ),
            "(type=\"Point\" coordinates=(36.27015625 50.959453125))"
        );
        assert_eq!(
            read_hex(
                super::read,
                "92b247656f6d65747279436f6c6c656374696f6e919192aa4d756c7469506f696e749190"
            ),
            "(type=\"GeometryCollection\" geometries=((type=\"MultiPoint\" coordinates=())))"
        );
    }

    #[test]
    fn collections_in_collections_end_somewhere() {
        let one = b"\x92\xb2GeometryCollection\x91\x91";
        assert_eq!(read(super::read, &one.repeat(1000)), "!opaque-undecodable");
    }
}
