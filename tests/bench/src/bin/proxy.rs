//! What the proxy of `wirectl tail` costs: bytes a second through it, and time added to a round
//! trip, beside the same without it. Loopback only.
//!
//! `cargo run --release --bin proxy -- PATH/TO/wirectl MEGABYTES [options of wirectl tail]`

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wirectl_bench::peers::{serve, swallow};

/// Bytes written at a time.
const PIECE: usize = 256 << 10;
/// Round trips, and the bytes of each way.
const TRIPS: usize = 20_000;
const TRIP: usize = 180;
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, megabytes, more @ ..] = arguments.as_slice() else {
        panic!("expected the path of wirectl and a number of megabytes");
    };
    let megabytes: u64 = megabytes.parse().expect("a number of megabytes");
    let (sink, echo) = (serve(swallow), serve(answer));
    let forward = |to: SocketAddr| {
        let mut child = Command::new(program)
            .args([
                "tail",
                "--listen",
                "127.0.0.1:0",
                "--forward",
                &to.to_string(),
            ])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wirectl runs");
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().expect("its errors"));
        said.read_line(&mut line).expect("its first line");
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let address = line
            .trim()
            .rsplit(' ')
            .next()
            .expect("an address")
            .to_owned();
        (child, address.parse::<SocketAddr>().expect("an address"))
    };
    let (mut sinking, through_sink) = forward(sink);
    let (mut echoing, through_echo) = forward(echo);
    for _ in 0..ROUNDS {
        let (direct, proxied) = (speed(sink, megabytes), speed(through_sink, megabytes));
        println!("proxy: {direct:.0} MB/s without, {proxied:.0} MB/s with it (goal >= 500)");
        let (direct, proxied) = (trips(echo), trips(through_echo));
        println!(
            "proxy: round trip {:.1} us at the median without, {:.1} us with it, {:.1} us added \
             (goal <= 50); 99th percentile {:.1} and {:.1} us",
            micros(direct.0),
            micros(proxied.0),
            micros(proxied.0) - micros(direct.0),
            micros(direct.1),
            micros(proxied.1),
        );
    }
    for child in [&mut sinking, &mut echoing] {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn answer(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; TRIP];
    while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
}

/// Megabytes (of a million bytes) a second.
fn speed(address: SocketAddr, megabytes: u64) -> f64 {
    let pieces = (megabytes * 1_000_000).div_ceil(PIECE as u64);
    let bytes = pieces * PIECE as u64;
    let mut stream = TcpStream::connect(address).expect("a connection");
    // Noise, which no protocol claims: decoding it is work, too.
    let piece: Vec<u8> = (0..PIECE)
        .map(|at| ((at * 2_654_435_761) >> 13) as u8)
        .collect();
    let begun = Instant::now();
    for _ in 0..pieces {
        stream.write_all(&piece).expect("writing");
    }
    stream.shutdown(Shutdown::Write).expect("an end");
    let mut total = [0; 8];
    stream.read_exact(&mut total).expect("an answer");
    assert_eq!(u64::from_le_bytes(total), bytes, "bytes were lost");
    bytes as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

/// Median and 99th percentile.
fn trips(address: SocketAddr) -> (Duration, Duration) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    // A NodeDB sync frame of 180 bytes that stands for itself.
    let mut frame = vec![0x10, 175, 0, 0, 0];
    frame.resize(TRIP, 0x90);
    let mut times: Vec<Duration> = (0..TRIPS)
        .map(|_| {
            let begun = Instant::now();
            stream.write_all(&frame).expect("writing");
            stream.read_exact(&mut frame).expect("reading");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[TRIPS / 2], times[TRIPS * 99 / 100])
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}
