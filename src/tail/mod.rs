//! Traffic as it happens: growing files, proxies, connections of our own, network interfaces.
//!
//! Whoever moves bytes only hands copies of them to bounded queues ([`Feed`]); decoding and
//! recording read those in threads of their own. What they cannot keep up with is left out and
//! counted; bytes on their way are never held up by it.

mod client;
mod decode;
mod feed;
mod growing;
#[cfg(target_os = "linux")]
mod interface;
mod piped;
mod proxy;
mod record;
mod relay;
mod stop;
mod tap;

pub use client::{
    ClientError, ClientOptions, End, Listener, NoxuFeeder, Once, Outgoing, Role, Rps, RpsOptions,
    SyncClient, SyncOptions, Wishes, watch,
};
pub use decode::{Told, decode};
pub use feed::{Feed, Taken};
pub use growing::{Growing, Incarnation, Restart};
#[cfg(target_os = "linux")]
pub use interface::{
    Captured, Interface, InterfaceError, PacketFilter, decode_packets, record_packets,
};
pub use piped::Piped;
pub use proxy::{Proxy, ProxyOptions};
pub use record::{RecordError, Recorder, Rotation, record};
pub use stop::Stop;
pub use tap::{Figures, Item, Tap, Wire};
