//! wirectl: a protocol inspector and traffic tool for NodeDB sync, pushwire and Noxu replication.
#![forbid(unsafe_code)]

pub mod codec;
pub mod connect;
pub mod encode;
pub mod explain;
pub mod filter;
pub mod model;
pub mod net;
pub mod output;
pub mod pipeline;
pub mod protocol;
pub mod replay;
pub mod schema;
pub mod source;
pub mod tail;
