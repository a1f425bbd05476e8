//! What the two hellos say in the clear (RFC 8446, section 4.1; RFC 6066; RFC 7301).

/// Marks a ServerHello as a request to try again (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
const SERVER_NAME: u16 = 0;
const PROTOCOLS: u16 = 16;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// The parts of a hello that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) random: [u8; 32],
    /// The version in use, in a server's; the highest offered, in a client's.
    pub(super) version: u16,
    /// The suite in use; a server's only.
    pub(super) suite: Option<u16>,
    pub(super) server_name: Option<String>,
    pub(super) protocols: Vec<String>,
    pub(super) early_data: bool,
    /// The server wants another client hello.
    pub(super) retry: bool,
}

/// Reads the body of a ClientHello.
pub(super) fn client(body: &[u8]) -> Option<Hello> {
    let mut reader = Reader(body);
    let version = reader.u16()?;
    let random = *reader.take(32)?.first_chunk::<32>()?;
    reader.vector8()?;
    reader.vector16()?;
    reader.vector8()?;
    let mut hello = Hello {
        random,
        version,
        ..Hello::default()
    };
    extensions(&mut reader, |kind, mut data| match kind {
        SUPPORTED_VERSIONS => {
            let versions = data.vector8().unwrap_or_default();
            let known = versions
                .chunks_exact(2)
                .filter_map(|version| Some(u16::from_be_bytes(*version.first_chunk()?)))
                .filter(|version| (0x0300..=0x0304).contains(version));
            hello.version = known.max().unwrap_or(hello.version);
        }
        SERVER_NAME => hello.server_name = server_name(&mut data),
        PROTOCOLS => hello.protocols = protocols(&mut data),
        EARLY_DATA => hello.early_data = true,
        _ => {}
    });
    Some(hello)
}

/// Reads the body of a ServerHello.
pub(super) fn server(body: &[u8]) -> Option<Hello> {
    let mut reader = Reader(body);
    let version = reader.u16()?;
    let random = *reader.take(32)?.first_chunk::<32>()?;
    reader.vector8()?;
    let suite = reader.u16()?;
    reader.take(1)?;
    let mut hello = Hello {
        random,
        version,
        suite: Some(suite),
        retry: random == RETRY,
        ..Hello::default()
    };
    extensions(&mut reader, |kind, mut data| match kind {
        SUPPORTED_VERSIONS => hello.version = data.u16().unwrap_or(hello.version),
        PROTOCOLS => hello.protocols = protocols(&mut data),
        _ => {}
    });
    Some(hello)
}

/// Reads the protocol that TLS 1.3 servers choose in the EncryptedExtensions.
pub(super) fn encrypted_extensions(body: &[u8]) -> Vec<String> {
    let mut chosen = Vec::new();
    extensions(&mut Reader(body), |kind, mut data| {
        if kind == PROTOCOLS {
            chosen = protocols(&mut data);
        }
    });
    chosen
}

/// The usual name of a version.
pub(super) fn version_name(version: u16) -> Option<&'static str> {
    Some(match version {
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        _ => return None,
    })
}

fn extensions<'a>(reader: &mut Reader<'a>, mut visit: impl FnMut(u16, Reader<'a>)) {
    let mut list = Reader(reader.vector16().unwrap_or_default());
    while let Some(kind) = list.u16()
        && let Some(data) = list.vector16()
    {
        visit(kind, Reader(data));
    }
}

fn server_name(data: &mut Reader<'_>) -> Option<String> {
    let mut list = Reader(data.vector16()?);
    let kind = list.u8()?;
    let name = list.vector16()?;
    (kind == 0).then(|| String::from_utf8_lossy(name).into_owned())
}

fn protocols(data: &mut Reader<'_>) -> Vec<String> {
    let mut list = Reader(data.vector16().unwrap_or_default());
    let mut names = Vec::new();
    while let Some(name) = list.vector8() {
        names.push(String::from_utf8_lossy(name).into_owned());
    }
    names
}

/// Reads big-endian fields; stops at the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u8()?);
        self.take(length)
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }
}
