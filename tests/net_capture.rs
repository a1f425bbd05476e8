//! Capture files of each kind, links and IP, down to bytes of a stream.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failed test"
)]

mod net;

use std::io::{Read, Write};

use net::{ACK, FIN, Random, SYN, Talk, Told, codes, decode, of, stream, tcp};
use wirectl::net::Direction::ClientToServer;
use wirectl::net::{
    Capture, CaptureError, Decoder, Item, LinkType, Merge, Options, Packet, decompress,
};

/// What a capture holds, in words.
fn read(bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let mut capture = match Capture::new(bytes) {
        Ok(capture) => capture,
        Err(error) => return vec![error.to_string()],
    };
    while capture
        .step(&mut |item| said.push(say(&item)))
        .expect("reading from memory")
    {}
    said
}

fn say(item: &Item<'_>) -> String {
    match item {
        Item::Packet(packet) => format!(
            "{} {} link {} {} of {}",
            packet.number,
            packet.time_ns,
            packet.link.0,
            hex::encode(packet.bytes),
            packet.original_length
        ),
        Item::TlsSecrets(secrets) => format!("secrets {}", String::from_utf8_lossy(secrets)),
        Item::Comment(text) => format!("comment {text}"),
        Item::Finding(finding) => format!("{} at {}", finding.code, finding.offset),
    }
}

/// A number in the byte order wanted.
fn word(value: u32, big: bool) -> [u8; 4] {
    if big {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

fn half(value: u16, big: bool) -> [u8; 2] {
    if big {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

fn pcap(magic: u32, big: bool, link: u32, packets: &[(u32, u32, &[u8], u32)]) -> Vec<u8> {
    let mut out = word(magic, big).to_vec();
    out.extend(half(2, big));
    out.extend(half(4, big));
    for value in [0, 0, 65535, link] {
        out.extend(word(value, big));
    }
    for (seconds, fraction, bytes, length) in packets {
        for value in [*seconds, *fraction, bytes.len() as u32, *length] {
            out.extend(word(value, big));
        }
        out.extend(*bytes);
    }
    out
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_both_resolutions() {
    for big in [false, true] {
        let micro = pcap(0xa1b2_c3d4, big, 1, &[(5, 7, b"abc", 3), (6, 0, b"", 9)]);
        assert_eq!(
            read(&micro),
            [
                "1 5000007000 link 1 616263 of 3",
                "2 6000000000 link 1  of 9"
            ]
        );
        let nano = pcap(0xa1b2_3c4d, big, 276, &[(5, 7, b"a", 1)]);
        assert_eq!(read(&nano), ["1 5000000007 link 276 61 of 1"]);
    }
}

#[test]
fn a_cut_off_pcap_gives_what_is_there_and_says_so() {
    let whole = pcap(
        0xa1b2_c3d4,
        false,
        1,
        &[(5, 7, b"abc", 3), (6, 0, b"defg", 4)],
    );
    for end in 25..whole.len() {
        let said = read(&whole[..end]);
        let boundary = end == 24 + 19;
        assert_eq!(
            said.iter().any(|item| item.starts_with("capture-cut-off")),
            !boundary
        );
    }
    assert!(matches!(
        Capture::new(&whole[..10]),
        Err(CaptureError::CutOff(10))
    ));
    assert!(matches!(
        Capture::new(&b"neither, nor"[..]),
        Err(CaptureError::NotACapture(_))
    ));
    assert!(matches!(Capture::new(&b""[..]), Err(CaptureError::Empty)));
    let mut absurd = whole.clone();
    absurd[24 + 11] = 0xff;
    assert_eq!(read(&absurd), ["capture-damaged at 24"]);
}

fn block(kind: u32, big: bool, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = word(12 + body.len() as u32, big);
    [&word(kind, big)[..], &length, &body, &length].concat()
}

fn option(code: u16, big: bool, value: &[u8]) -> Vec<u8> {
    let mut out = [half(code, big), half(value.len() as u16, big)].concat();
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn section(big: bool) -> Vec<u8> {
    let mut body = word(0x1a2b_3c4d, big).to_vec();
    body.extend(half(1, big));
    body.extend(half(0, big));
    body.extend([0xff; 8]);
    body.extend(option(1, big, b"made by hand"));
    body.extend([0; 4]);
    block(0x0a0d_0d0a, big, &body)
}

fn interface(big: bool, link: u16, options: &[u8]) -> Vec<u8> {
    let mut body = half(link, big).to_vec();
    body.extend([0; 2]);
    body.extend(word(4, big));
    body.extend(options);
    body.extend([0; 4]);
    block(1, big, &body)
}

fn packet(big: bool, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let length = data.len() as u32;
    for value in [
        interface,
        (ticks >> 32) as u32,
        ticks as u32,
        length,
        length + 1,
    ] {
        body.extend(word(value, big));
    }
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(options);
    block(6, big, &body)
}

#[test]
fn pcapng_has_sections_interfaces_clocks_comments_and_secrets() {
    let mut bytes = Vec::new();
    for big in [false, true] {
        let offset = if big {
            100i64.to_be_bytes()
        } else {
            100i64.to_le_bytes()
        };
        bytes.extend(section(big));
        bytes.extend(interface(big, 1, &[]));
        bytes.extend(interface(big, 101, &option(9, big, &[9])));
        bytes.extend(interface(
            big,
            113,
            &[option(9, big, &[0x8a]), option(14, big, &offset)].concat(),
        ));
        bytes.extend(packet(big, 0, 3_000_001, b"a", &[]));
        let comment = [option(1, big, b"look"), vec![0; 4]].concat();
        bytes.extend(packet(big, 1, 5_000_000_002, b"bcd", &comment));
        bytes.extend(packet(big, 2, 1024 + 512, b"e", &[]));
        bytes.extend(packet(big, 9, 0, b"?", &[]));
        let secrets = [&word(0x544c_534b, big)[..], &word(5, big), b"hello"].concat();
        bytes.extend(block(10, big, &secrets));
        bytes.extend(block(3, big, &[&word(6, big)[..], b"simple"].concat()));
        bytes.extend(block(0x0bad_f00d, big, b"unknown"));
    }
    let half = [
        "comment made by hand",
        "1 3000001000 link 1 61 of 2",
        "comment look",
        "2 5000000002 link 101 626364 of 4",
        "3 101500000000 link 113 65 of 2",
        "capture-unknown-interface at",
        "secrets hello",
        "5 101500000000 link 1 73696d70 of 6",
    ];
    let said = read(&bytes);
    assert_eq!(said.len(), 16);
    for (said, expected) in said.iter().zip(half) {
        assert!(said.starts_with(expected), "{said} instead of {expected}");
    }
    assert_eq!(said[9], "6 3000001000 link 1 61 of 2");
    for end in 0..bytes.len() {
        read(&bytes[..end]);
    }
}

#[test]
fn damaged_captures_never_panic() {
    let big = [
        section(true),
        interface(true, 1, &[]),
        packet(true, 0, 1, b"abc", &[]),
    ]
    .concat();
    let small = pcap(
        0xa1b2_c3d4,
        false,
        1,
        &[(5, 7, b"abc", 3), (6, 0, b"defg", 4)],
    );
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        for whole in [&big, &small] {
            let mut damaged = whole.clone();
            for _ in 0..2 {
                let at = random.below(damaged.len());
                damaged[at] = random.next() as u8;
            }
            read(&damaged);
        }
    }
}

#[test]
fn a_compressed_capture_that_is_cut_off_gives_what_can_be_unpacked() {
    let mut random = Random::new(2);
    let data = random.bytes(1000);
    let packets: Vec<(u32, u32, &[u8], u32)> = (0..500).map(|n| (n, 0, &data[..], 1000)).collect();
    let whole = pcap(0xa1b2_c3d4, false, 1, &packets);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(&whole).unwrap();
    let packed = gzip.finish().unwrap();
    let unpacked = decompress(&packed[..packed.len() / 2]).unwrap();
    let mut capture = Capture::new(unpacked).unwrap();
    let mut said = Vec::new();
    while capture.step(&mut |item| said.push(say(&item))).unwrap() {}
    assert!(said.len() > 200);
    assert!(said.last().unwrap().starts_with("capture-damaged"));
}

#[test]
fn several_captures_are_read_in_the_order_of_time() {
    let one = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, b"a", 1), (4, 0, b"d", 1)]);
    let two = pcap(
        0xa1b2_3c4d,
        true,
        101,
        &[(2, 0, b"b", 1), (3, 0, b"c", 1), (4, 0, b"e", 1)],
    );
    let captures = [&one, &two].map(|bytes| Capture::new(&bytes[..]).unwrap());
    let mut merge = Merge::new(captures);
    let mut said = Vec::new();
    while merge
        .step(&mut |file, item| said.push(format!("{file}: {}", say(&item))))
        .unwrap()
    {}
    assert_eq!(
        said,
        [
            "0: 1 1000000000 link 1 61 of 1",
            "1: 2 2000000000 link 101 62 of 1",
            "1: 3 3000000000 link 101 63 of 1",
            "0: 4 4000000000 link 1 64 of 1",
            "1: 5 4000000000 link 101 65 of 1"
        ]
    );
}

#[test]
fn a_packet_is_handed_out_as_soon_as_it_has_arrived() {
    struct Slowly<'a>(&'a [u8]);
    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let (&byte, rest) = self.0.split_first().expect("read beyond what was needed");
            self.0 = rest;
            buffer[0] = byte;
            Ok(1)
        }
    }
    let bytes = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, b"abc", 3)]);
    let mut capture = Capture::new(Slowly(&bytes)).unwrap();
    let mut packets = 0;
    capture
        .step(&mut |item| packets += usize::from(matches!(item, Item::Packet(_))))
        .unwrap();
    assert_eq!(packets, 1);
}

/// What the first TCP stream holds, if the packets come under such a link header.
fn through(link: u32, header: &[u8], trailer: &[u8], cut: usize) -> (Vec<u8>, Vec<(u64, u64)>) {
    let mut talk = Talk::open(1, 2);
    talk.client(b"\x01first");
    talk.client(b"second");
    talk.packets.remove(0);
    let mut heard = Vec::new();
    let mut decoder = Decoder::new(Options::default());
    for (index, bytes) in talk.packets.iter().enumerate() {
        let cut = if bytes.len() > 40 { cut } else { 0 };
        let bytes = [header, bytes, trailer].concat();
        let packet = Packet {
            number: index as u64 + 1,
            time_ns: 0,
            link: LinkType(link),
            original_length: bytes.len() as u32,
            bytes: &bytes[..bytes.len() - cut],
        };
        decoder.packet(&packet, &mut |event| heard.push(net::keep(event)));
    }
    decoder.finish(&mut |event| heard.push(net::keep(event)));
    assert_eq!(codes(&heard), Vec::<&str>::new());
    let (bytes, gaps) = stream(&heard, ClientToServer);
    (bytes.into_iter().flatten().collect(), gaps)
}

#[test]
fn every_link_header_is_taken_off_and_padding_is_not_data() {
    let all = (b"\x01firstsecond".to_vec(), vec![]);
    let mac = [0u8; 12];
    let ethernet = [&mac[..], &[8, 0]].concat();
    assert_eq!(through(1, &ethernet, &[0xee; 6], 0), all);
    let vlan = [&mac[..], &[0x81, 0, 0, 5, 8, 0]].concat();
    assert_eq!(through(1, &vlan, &[], 0), all);
    let qinq = [&mac[..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]].concat();
    assert_eq!(through(1, &qinq, &[0; 3], 0), all);
    let sll = [&[0u8; 14][..], &[8, 0]].concat();
    assert_eq!(through(113, &sll, &[], 0), all);
    let sll2 = [&[8, 0][..], &[0; 18]].concat();
    assert_eq!(through(276, &sll2, &[], 0), all);
    for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
        assert_eq!(through(0, &family, &[], 0), all);
        assert_eq!(through(108, &family, &[], 0), all);
    }
    for link in [12, 14, 101, 228] {
        assert_eq!(through(link, &[], &[], 0), all);
    }
}

#[test]
fn what_the_snap_length_cut_off_is_a_gap() {
    let (bytes, gaps) = through(101, &[], &[], 2);
    assert_eq!(bytes, b"\x01firseco");
    assert_eq!(gaps.iter().map(|gap| gap.1).sum::<u64>(), 4);
}

/// An IPv6 packet with a hop-by-hop header before TCP.
fn ipv6(fragment: Option<(u16, bool)>, payload: &[u8]) -> Vec<u8> {
    let mut rest = vec![if fragment.is_some() { 44 } else { 6 }, 0, 1, 4, 0, 0, 0, 0];
    if let Some((offset, more)) = fragment {
        rest.extend([6, 0]);
        rest.extend((offset | u16::from(more)).to_be_bytes());
        rest.extend([0, 0, 0, 9]);
    }
    rest.extend(payload);
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((rest.len() as u16).to_be_bytes());
    out.extend([0, 64]);
    out.extend([[0xfd; 16], [0xfe; 16]].concat());
    out.extend(rest);
    out
}

fn segment(seq: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    tcp((1, 50_000), (2, 9000), seq, 0, flags, data)[20..].to_vec()
}

#[test]
fn ipv6_is_read_through_its_extension_headers() {
    let packets = [
        ipv6(None, &segment(0, SYN, b"")),
        ipv6(None, &segment(1, ACK, b"\x01over six")),
        ipv6(None, &segment(10, FIN | ACK, b"")),
    ];
    let heard = decode(&packets);
    let (bytes, _) = stream(&heard, ClientToServer);
    assert_eq!(
        bytes.into_iter().flatten().collect::<Vec<u8>>(),
        b"\x01over six"
    );
}

#[test]
fn fragments_are_put_together_in_any_order_and_their_number_is_bounded() {
    let data: Vec<u8> = (0..200).collect();
    let whole = segment(1, ACK, &data);
    let four = |id, from: usize, to: usize| {
        let more = if to < whole.len() { 0x2000 } else { 0 };
        net::ipv4(1, 2, 6, id, more | (from / 8) as u16, &whole[from..to])
    };
    let six =
        |from: usize, to: usize| ipv6(Some((from as u16, to < whole.len())), &whole[from..to]);
    let end = whole.len();
    for packets in [
        vec![
            net::ipv4(1, 2, 6, 1, 0, &segment(0, SYN, b"")),
            four(7, 80, 160),
            four(7, 160, end),
            four(7, 0, 80),
        ],
        vec![ipv6(None, &segment(0, SYN, b"")), six(0, 80), six(80, end)],
    ] {
        let (bytes, _) = stream(&decode(&packets), ClientToServer);
        assert_eq!(bytes.into_iter().flatten().collect::<Vec<u8>>(), data);
    }
    let never: Vec<Vec<u8>> = (0..60_000).map(|id| four(id, 80, 160)).collect();
    let heard = decode(&never);
    assert!(codes(&heard).contains(&"ip-fragments-missing"));
}

#[test]
fn datagrams_are_handed_out_if_wanted() {
    let udp = |from: u16, to: u16, data: &[u8]| {
        let mut out = [from.to_be_bytes(), to.to_be_bytes()].concat();
        out.extend((8 + data.len() as u16).to_be_bytes());
        out.extend([0, 0]);
        out.extend(data);
        out
    };
    let packets = [
        net::ipv4(1, 2, 17, 0, 0, &udp(5000, 53, b"ask")),
        net::ipv4(2, 1, 17, 0, 0, &udp(53, 5000, b"answer")),
    ];
    assert!(decode(&packets).is_empty());
    let options = Options {
        udp: true,
        ..Options::default()
    };
    let heard = net::decode_with(options, &packets);
    assert_eq!(net::messages(&heard, ClientToServer), [b"ask"]);
    let answer = of(&heard, ClientToServer.reverse(), |told| match told {
        Told::Message(offset, bytes, _, _) => Some((*offset, bytes.clone())),
        _ => None,
    });
    assert_eq!(answer, [(0, b"answer".to_vec())]);
}

#[test]
fn fragments_captured_twice_are_not_told_as_missing() {
    let data: Vec<u8> = (0..200).collect();
    let whole = segment(1, ACK, &data);
    let part = |from: usize, to: usize| {
        let more = if to < whole.len() { 0x2000 } else { 0 };
        net::ipv4(1, 2, 6, 7, more | (from / 8) as u16, &whole[from..to])
    };
    let decode = |parts: &[Vec<u8>]| {
        let mut packets = vec![net::ipv4(1, 2, 6, 1, 0, &segment(0, SYN, b""))];
        packets.extend_from_slice(parts);
        let mut heard = Vec::new();
        let mut decoder = Decoder::new(Options::default());
        let mut number = 0;
        let mut feed = |bytes: &[u8], time_ns: u64| {
            number += 1;
            let packet = Packet {
                number,
                time_ns,
                link: LinkType(101),
                bytes,
                original_length: bytes.len() as u32,
            };
            decoder.packet(&packet, &mut |event| heard.push(net::keep(event)));
        };
        for packet in &packets {
            feed(packet, 1_000);
        }
        // When nothing is waited for any more.
        let late = net::ipv4(3, 4, 6, 9, 0x2000, &[0; 80]);
        feed(&late, 1_000_000_000_000);
        decoder.finish(&mut |event| heard.push(net::keep(event)));
        let (bytes, _) = stream(&heard, ClientToServer);
        let bytes: Vec<u8> = bytes.into_iter().flatten().collect();
        (bytes, codes(&heard))
    };
    let (first, last) = (part(0, 80), part(80, whole.len()));
    let twice = [first.clone(), first.clone(), last.clone(), last.clone()];
    assert_eq!(decode(&twice), (data.clone(), vec![]));
    // What is no copy is missed, under the same name too.
    let other = net::ipv4(1, 2, 6, 7, 0x2000, &[9; 80]);
    let missed = vec!["ip-fragments-missing"];
    assert_eq!(
        decode(&[first.clone(), last.clone(), last.clone(), other]),
        (data.clone(), missed.clone())
    );
    assert_eq!(decode(&[first.clone(), first, part(160, 180)]).1, missed);
    // And a copy is not put together with what is no copy.
    let more = segment(201, ACK, &[9; 200]);
    let next = |from: usize, to: usize| {
        let flag = if to < more.len() { 0x2000 } else { 0 };
        net::ipv4(1, 2, 6, 7, flag | (from / 8) as u16, &more[from..to])
    };
    let again = [
        twice[0].clone(),
        last.clone(),
        last,
        next(0, 80),
        next(80, more.len()),
    ];
    let expected = [data, vec![9; 200]].concat();
    assert_eq!(decode(&again), (expected, vec![]));
}

#[test]
fn headers_behind_the_fragment_header_are_read_when_the_packet_is_whole() {
    // Destination options, long enough to be cut in two, before TCP.
    let mut whole = vec![6, 10, 1, 84];
    whole.resize(88, 0);
    whole.extend(segment(1, ACK, b"\x01over six"));
    let part = |from: usize, to: usize| {
        let mut packet = ipv6(Some((from as u16, to < whole.len())), &whole[from..to]);
        // The number of the options' header.
        packet[48] = 60;
        packet
    };
    for cut in [80, 88, 96] {
        let packets = [
            ipv6(None, &segment(0, SYN, b"")),
            part(0, cut),
            part(cut, whole.len()),
        ];
        let heard = decode(&packets);
        let (bytes, _) = stream(&heard, ClientToServer);
        let bytes: Vec<u8> = bytes.into_iter().flatten().collect();
        assert_eq!((bytes, codes(&heard)), (b"\x01over six".to_vec(), vec![]));
    }
    // Options that go beyond the packet.
    let mut damaged = part(0, 88);
    damaged[57] = 200;
    let mut last = part(80, 88);
    last[51] &= !1;
    let heard = decode(&[damaged, last]);
    assert_eq!(codes(&heard), ["packet-damaged"]);
}
