//! Servers on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Bytes read at a time.
const PIECE: usize = 256 << 10;

/// A server whose connections are served by `act`, each in a thread.
///
/// # Panics
/// If there is no free port.
pub fn serve(act: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || act(stream));
        }
    });
    address
}

/// Reads to the end, then says how much it was.
pub fn swallow(mut stream: TcpStream) {
    let total = read_all(&mut stream);
    let _ = stream.write_all(&total.to_le_bytes());
}

/// Reads to the end.
pub fn discard(mut stream: TcpStream) {
    read_all(&mut stream);
}

fn read_all(stream: &mut TcpStream) -> u64 {
    let mut buffer = vec![0; PIECE];
    let mut total = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        total += count as u64;
    }
    total
}
