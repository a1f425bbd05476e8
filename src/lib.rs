//! wirectl: a protocol inspector and traffic tool for NodeDB sync, pushwire and Noxu replication.
#![forbid(unsafe_code)]

pub mod net;
