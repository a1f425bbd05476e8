//! `wirectl pcap` from end to end, on the samples and on captures made of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod net;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SESSION: &str = "samples/pcap/sync-session.pcap";

fn wirectl_with(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // It may have seen enough before the end.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn wirectl(arguments: &[&str]) -> Output {
    wirectl_with(arguments, b"")
}

/// What it prints; nothing may go wrong beside damage in the input.
fn pcap(arguments: &[&str]) -> String {
    let output = wirectl(&[&["pcap", "--width", "100"], arguments].concat());
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{arguments:?}: {complaints}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn records(arguments: &[&str]) -> Vec<Value> {
    pcap(&[&["--json", "--raw"], arguments].concat())
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The bytes of the frames of each stream and direction, in order.
fn by_stream(records: &[Value]) -> BTreeMap<(u64, String), Vec<String>> {
    let mut streams: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for record in records {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let key = (record["stream"].as_u64().unwrap(), text("direction"));
        let told = format!(
            "{} {} {} {}",
            record["offset"],
            text("protocol"),
            text("type"),
            text("raw")
        );
        streams.entry(key).or_default().push(told);
    }
    streams
}

/// A directory of this test's own, empty.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn kept(directory: &Path, name: &str, bytes: &[u8]) -> String {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn samples() -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(root().join("samples/pcap"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            let extension = Path::new(name).extension().unwrap();
            extension == "pcap" || extension == "pcapng" || extension == "xz"
        })
        .map(|name| format!("samples/pcap/{name}"))
        .collect();
    found.sort();
    assert!(found.len() >= 15, "{found:?}");
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> Vec<u8> {
    fs::read(root().join(path)).unwrap()
}

/// A capture with microseconds, little-endian: its packets as seconds, microseconds, bytes.
fn packets(capture: &[u8]) -> Vec<(u32, u32, Vec<u8>)> {
    assert_eq!(capture[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let mut at = 24;
    let mut packets = Vec::new();
    while at < capture.len() {
        let length = word(at + 8) as usize;
        let bytes = capture[at + 16..at + 16 + length].to_vec();
        packets.push((word(at), word(at + 4), bytes));
        at += 16 + length;
    }
    packets
}

fn capture(link: u32, packets: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    capture.extend(262_144_u32.to_le_bytes());
    capture.extend(link.to_le_bytes());
    for (seconds, microseconds, bytes) in packets {
        let length = u32::try_from(bytes.len()).unwrap();
        for word in [*seconds, *microseconds, length, length] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(bytes);
    }
    capture
}

#[test]
fn times_are_shown_as_people_want_them_and_json_keeps_utc() {
    let times = |form: &str| -> Vec<String> {
        pcap(&["-o", "table", "--time", form, "--limit", "3", SESSION])
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        times("utc"),
        ["12:26:39.486867", "12:26:39.487400", "12:26:40.190403"]
    );
    assert_eq!(
        times("local"),
        ["13:26:39.486867", "13:26:39.487400", "13:26:40.190403"]
    );
    assert_eq!(times("relative"), ["0.000000s", "0.000533s", "0.703536s"]);
    assert_eq!(times("delta"), ["0.000000s", "0.000533s", "0.703003s"]);
    let pretty = pcap(&["--time", "local", "--limit", "1", SESSION]);
    assert!(
        pretty.contains("2026-11-20T13:26:39.486867+01:00"),
        "{pretty}"
    );
    let json = |form: &str| pcap(&["--json", "--time", form, SESSION]);
    assert_eq!(json("utc"), json("delta"));
    assert!(json("local").contains("\"time\":\"2026-11-20T12:26:39.486867Z\""));
}

#[test]
fn records_of_every_capture_encode_to_the_bytes_that_were_sent() {
    for sample in samples() {
        for all in [&[][..], &["--all"]] {
            let arguments = [all, &[sample.as_str()]].concat();
            let json = pcap(&[&["--json"], arguments.as_slice()].concat());
            let raw = [&["pcap", "-o", "raw"], arguments.as_slice()].concat();
            let encoded = wirectl_with(&["encode"], json.as_bytes());
            let complaints = String::from_utf8_lossy(&encoded.stderr).into_owned();
            assert_eq!(encoded.status.code(), Some(0), "{sample}: {complaints}");
            assert!(encoded.stdout == wirectl(&raw).stdout, "{sample} {all:?}");
        }
    }
}

#[test]
fn streams_that_are_kept_decode_and_encode_to_themselves() {
    let kept = directory("pcap-payloads");
    for sample in samples() {
        let kept = kept.join(Path::new(&sample).file_name().unwrap());
        pcap(&["--json", "--write-payload", kept.to_str().unwrap(), &sample]);
        for entry in fs::read_dir(kept).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let decoded = wirectl(&["decode", "--json", path.to_str().unwrap()]);
            let encoded = wirectl_with(&["encode"], &decoded.stdout);
            assert!(encoded.stdout == bytes, "{}", path.display());
        }
    }
}

#[test]
fn plain_streams_that_are_kept_hold_the_frames_of_the_capture() {
    let kept = directory("pcap-plain-payloads");
    let sample = "samples/pcap/noxu-group.pcap";
    let all = records(&["--write-payload", kept.to_str().unwrap(), sample]);
    for ((stream, direction), told) in by_stream(&all) {
        let file = kept.join(format!("stream-{stream:05}-{direction}.bin"));
        let raw: String = told
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(hex::encode(fs::read(&file).unwrap()), raw, "{file:?}");
    }
}

#[test]
fn a_messy_capture_gives_the_same_messages_as_its_orderly_twin() {
    let orderly = by_stream(&records(&[SESSION]));
    let messy = by_stream(&records(&["samples/pcap/sync-session-messy.pcap"]));
    assert_eq!(orderly, messy);
}

#[test]
fn connections_are_chosen_by_number_port_and_address() {
    let streams = |options: &[&str]| -> Vec<u64> {
        let all = records(&[options, &[SESSION]].concat());
        let mut streams: Vec<u64> = by_stream(&all)
            .into_keys()
            .map(|(stream, _)| stream)
            .collect();
        streams.dedup();
        streams
    };
    assert_eq!(streams(&[]), [0, 1, 2, 3]);
    assert_eq!(streams(&["--follow", "1", "--follow", "3"]), [1, 3]);
    assert_eq!(streams(&["--port", "9090"]), [0, 1, 2, 3]);
    assert_eq!(streams(&["--port", "33148"]), [2]);
    assert_eq!(streams(&["--host", "127.0.0.1"]), [0, 1, 2, 3]);
    assert_eq!(streams(&["--host", "::1", "--host", "10.0.0.1"]), [0; 0]);
    assert_eq!(
        streams(&["--follow", "2", "--port", "45442"]),
        [0; 0],
        "all must hold"
    );
}

#[test]
fn a_port_can_be_told_its_protocol() {
    let protocols = |options: &[&str]| -> Vec<String> {
        let all = records(&[options, &[SESSION]].concat());
        let mut names: Vec<String> = all
            .iter()
            .map(|record| record["protocol"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(protocols(&[]), ["sync", "unknown"]);
    assert_eq!(protocols(&["-p", "9090=rps"]), ["unknown"]);
    assert_eq!(protocols(&["-p", "1=rps"]), ["sync", "unknown"]);
}

/// How many records appear while more input could come, if `most` are enough.
fn shown_meanwhile(options: &[&str], input: &[u8], most: usize, patience: Duration) -> usize {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args([&["pcap", "--json"], options, &["-"]].concat())
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in std::io::BufReader::new(stdout).lines() {
            let _ = sender.send(line.unwrap());
        }
    });
    let mut count = 0;
    while count < most && receiver.recv_timeout(patience).is_ok() {
        count += 1;
    }
    drop(stdin);
    child.wait().unwrap();
    reader.join().unwrap();
    count
}

#[test]
fn a_port_that_is_told_needs_no_guess_what_lies_on_tcp() {
    // One packet from the middle, too little to tell: it is shown at once where the port is known.
    let all = packets(&read("samples/pcap/noxu-feeder.pcap"));
    let input = capture(1, &all[30..50]);
    let told = ["-p", "14001=noxu"];
    let shown = shown_meanwhile(&told, &input, 4, Duration::from_secs(20));
    assert_eq!(shown, 4);
    let early = shown_meanwhile(&[], &input, 4, Duration::from_secs(1));
    assert_eq!(early, 0, "the rest of the connection may tell");
}

#[test]
fn whole_packets_are_shown_while_a_part_of_the_next_waits() {
    let all = packets(&read("samples/pcap/noxu-feeder.pcap"));
    let (first, more) = (capture(1, &all[30..50]), capture(1, &all[30..51]));
    for end in [first.len() + 15, first.len() + 20, more.len() - 1] {
        let told = ["-p", "14001=noxu"];
        let shown = shown_meanwhile(&told, &more[..end], 4, Duration::from_secs(20));
        assert_eq!(shown, 4, "{end}");
    }
}

#[test]
fn a_port_is_one_of_a_server() {
    let client = &records(&[SESSION])[0]["src"];
    let port = client.as_str().unwrap().rsplit(':').next().unwrap();
    let forced = records(&["-p", &format!("{port}=noxu"), SESSION]);
    assert_eq!(forced, records(&[SESSION]));
}

#[test]
fn messages_that_hold_nothing_are_shown() {
    let mut talk = net::websocket("");
    talk.client(&net::frame(0x81, b"", Some([1, 2, 3, 4])));
    talk.server(&net::frame(0x82, b"", None));
    talk.close();
    let packets: Vec<_> = talk.packets.into_iter().map(|one| (1, 0, one)).collect();
    let output = wirectl_with(&["pcap", "--json", "-"], &capture(101, &packets));
    let shown = String::from_utf8(output.stdout).unwrap();
    let codes = shown.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["length"], 0);
        record["issues"][0]["code"].as_str().unwrap().to_owned()
    });
    assert_eq!(
        codes.collect::<Vec<_>>(),
        ["foreign-text", "empty-websocket-message"]
    );
}

#[test]
fn what_transports_say_is_shown_if_wanted() {
    let types = |options: &[&str]| -> Vec<String> {
        let all = records(&[options, &[SESSION]].concat());
        all.iter()
            .map(|record| {
                let text = |name: &str| record[name].as_str().unwrap().to_owned();
                format!("{}.{}", text("protocol"), text("type"))
            })
            .collect()
    };
    let usual = types(&[]);
    let all = types(&["--all"]);
    for control in ["http.Request", "http.Response", "ws.Ping", "ws.Close"] {
        assert!(!usual.iter().any(|name| name == control), "{control}");
        assert!(all.iter().any(|name| name == control), "{control}");
    }
    let messages = |names: &[String]| {
        let is_message = |name: &&String| name.starts_with("sync.") || *name == "unknown.unknown";
        names.iter().filter(is_message).count()
    };
    assert_eq!(messages(&usual), usual.len());
    assert_eq!(messages(&usual), messages(&all));
}

#[test]
fn several_files_are_one_capture_in_the_order_of_time() {
    let directory = directory("pcap-several");
    let all = packets(&read(SESSION));
    let (early, late) = all.split_at(all.len() / 2);
    let (odd, even): (Vec<_>, Vec<_>) = all
        .iter()
        .cloned()
        .enumerate()
        .partition(|(index, _)| index % 2 == 1);
    let drop_index = |packets: Vec<(usize, _)>| -> Vec<_> {
        packets.into_iter().map(|(_, packet)| packet).collect()
    };
    let file =
        |name: &str, packets: &[(u32, u32, Vec<u8>)]| kept(&directory, name, &capture(1, packets));
    let whole = by_stream(&records(&[SESSION]));
    for (first, second) in [
        (file("late", late), file("early", early)),
        (
            file("odd", &drop_index(odd)),
            file("even", &drop_index(even)),
        ),
    ] {
        let all = records(&[&first, &second]);
        assert_eq!(by_stream(&all), whole);
        for file in [&first, &second] {
            assert!(all.iter().any(|record| record["file"] == file.as_str()));
        }
    }
}

#[test]
fn captures_are_unpacked_whatever_they_are_called() {
    let plain = read(SESSION);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&plain).unwrap();
    let packed = [
        gzip.finish().unwrap(),
        lz4.finish().unwrap(),
        zstd::encode_all(plain.as_slice(), 3).unwrap(),
    ];
    let expected = wirectl(&["pcap", "--json", SESSION]).stdout;
    for bytes in &packed {
        assert!(bytes.len() < plain.len());
        assert!(wirectl_with(&["pcap", "--json", "-"], bytes).stdout == expected);
    }
    let cut = wirectl_with(&["pcap", "--json", "-"], &packed[0][..packed[0].len() / 2]);
    assert_eq!(cut.status.code(), Some(1));
    let text = String::from_utf8(cut.stdout).unwrap();
    assert!(text.contains("\"code\":\"capture-damaged\""), "{text}");
}

/// Takes the Ethernet header off, and puts another in its place.
fn with_link(packet: &[u8], link: u32) -> Vec<u8> {
    let ip = &packet[14..];
    let address = [0, 0, 0, 0, 0, 0, 0, 0];
    let header: Vec<u8> = match link {
        0 => vec![2, 0, 0, 0],
        1 => [&packet[..12], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 7, 8, 0]].concat(),
        108 => vec![0, 0, 0, 2],
        113 => [&[0, 0, 3, 4, 0, 6][..], &address, &[8, 0]].concat(),
        276 => [&[8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6][..], &address].concat(),
        _ => Vec::new(),
    };
    [&header, ip].concat()
}

#[test]
fn every_link_gives_the_same_messages() {
    let all = packets(&read(SESSION));
    let expected = wirectl(&["pcap", "--json", SESSION]).stdout;
    for link in [0, 1, 12, 14, 101, 108, 113, 228, 276] {
        let packets: Vec<_> = all
            .iter()
            .map(|(seconds, micros, bytes)| (*seconds, *micros, with_link(bytes, link)))
            .collect();
        let output = wirectl_with(&["pcap", "--json", "-"], &capture(link, &packets));
        assert!(output.stdout == expected, "link type {link}");
    }
    let output = wirectl_with(&["pcap", "--json", "-"], &capture(105, &all));
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"code\":\"link-type-unknown\""), "{text}");
}

#[test]
fn each_hole_is_one_error_that_says_how_much_is_missing() {
    let all = records(&["samples/pcap/sync-lossy.pcap"]);
    let errors: Vec<&str> = all
        .iter()
        .filter_map(|record| record["issues"].as_array())
        .flatten()
        .filter(|issue| issue["code"] == "missing-bytes" || issue["code"] == "gap")
        .filter(|issue| issue["severity"] == "error")
        .map(|issue| issue["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        errors,
        [
            "190 bytes are not in the capture",
            "67 bytes are not in the capture"
        ]
    );
}

#[test]
fn whatever_packet_a_capture_begins_with_what_is_whole_after_it_is_found() {
    let all = packets(&read("samples/pcap/noxu-feeder.pcap"));
    let frames = |capture: &[u8]| -> Vec<String> {
        let output = wirectl_with(&["pcap", "--json", "--raw", "-"], capture);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|record| record["type"] == "Entry")
            .map(|record| record["body"]["vlsn"].to_string())
            .collect()
    };
    let whole = frames(&capture(1, &all));
    assert!(whole.len() > 5);
    for start in 1..all.len() {
        let found = frames(&capture(1, &all[start..]));
        assert!(
            whole.ends_with(&found),
            "from packet {start}: {found:?} of {whole:?}"
        );
    }
}

#[test]
fn wrong_inputs_are_named() {
    let fails = |arguments: &[&str], input: &[u8]| {
        let output = wirectl_with(&[&["pcap"], arguments].concat(), input);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let plain = read(SESSION);
    assert!(fails(&["-"], b"").contains("empty"));
    assert!(fails(&["-"], b"GET / HTTP/1.1").contains("not a capture"));
    assert!(fails(&["-"], &plain[..20]).contains("ends inside its header, after 20 bytes"));
    assert!(fails(&["-"], &[0x0a, 0x0d, 0x0d, 0x0a]).contains("inside its header"));
    assert!(fails(&["no-such-file"], b"").contains("no-such-file"));
    assert!(fails(&["--host", "example.org"], b"").contains("--host"));
    assert!(fails(&["-p", "80=gopher", SESSION], b"").contains("gopher"));
    let mut damaged = zstd::encode_all(plain.as_slice(), 3).unwrap();
    damaged[12..200].fill(0xff);
    assert!(fails(&["-"], &damaged).contains("cannot be decompressed"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(&read("samples/pcap/rps-session.pcapng"))
        .unwrap();
    let gzip = gzip.finish().unwrap();
    assert!(fails(&["-"], &gzip[..15 + 20]).contains("cannot be decompressed"));
}

#[test]
fn that_nothing_was_found_is_said() {
    let output = wirectl(&["pcap", "--follow", "99", SESSION]);
    assert_eq!(output.status.code(), Some(0));
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.contains("no message was found"), "{complaints}");
    let output = wirectl(&["pcap", "--type", "DeltaPsh", SESSION]);
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.contains("did you mean"), "{complaints}");
}

#[test]
fn a_live_capture_that_is_interrupted_is_summed_up() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirectl"))
        .args(["pcap", "-o", "conversations", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: once this is written, it has begun to read.
    let session = packets(&read(SESSION));
    let many: Vec<_> = session.iter().cycle().take(4000).cloned().collect();
    stdin.write_all(&capture(1, &many)).unwrap();
    let interrupt = || {
        let id = child.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status();
        assert!(status.unwrap().success());
    };
    interrupt();
    std::thread::sleep(Duration::from_millis(300));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let rows = String::from_utf8(output.stdout).unwrap();
    assert!(rows.lines().count() >= 4, "{rows}");
}
