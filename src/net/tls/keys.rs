//! Key logs, key schedules (RFC 5246, RFC 8446) and record protection, on `ring`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ring::{aead, hkdf, hmac};

use crate::net::event::Direction;

/// Connections whose secrets are kept.
const SESSION_LIMIT: usize = 1 << 20;

/// Secrets of TLS connections, as `SSLKEYLOGFILE` holds them. Clones share what they know.
#[derive(Clone, Default)]
pub struct KeyLog(Arc<Mutex<HashMap<[u8; 32], Secrets>>>);

/// What is known of one connection.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    pub(super) master: Option<Vec<u8>>,
    pub(super) client_handshake: Option<Vec<u8>>,
    pub(super) server_handshake: Option<Vec<u8>>,
    pub(super) client_traffic: Option<Vec<u8>>,
    pub(super) server_traffic: Option<Vec<u8>>,
}

impl KeyLog {
    /// Takes lines of a key log; lines that are none are passed over. Gives how many were taken.
    pub fn add(&self, text: &[u8]) -> usize {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = 0;
        for line in text.split(|byte| *byte == b'\n') {
            let Some((label, random, secret)) = parse_line(line) else {
                continue;
            };
            if sessions.len() >= SESSION_LIMIT && !sessions.contains_key(&random) {
                continue;
            }
            let secrets = sessions.entry(random).or_default();
            let place = match label {
                "CLIENT_RANDOM" => &mut secrets.master,
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => &mut secrets.client_handshake,
                "SERVER_HANDSHAKE_TRAFFIC_SECRET" => &mut secrets.server_handshake,
                "CLIENT_TRAFFIC_SECRET_0" => &mut secrets.client_traffic,
                "SERVER_TRAFFIC_SECRET_0" => &mut secrets.server_traffic,
                _ => continue,
            };
            *place = Some(secret);
            taken += 1;
        }
        taken
    }

    pub(super) fn secrets(&self, client_random: &[u8; 32]) -> Option<Secrets> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(client_random).cloned()
    }
}

impl Secrets {
    /// The secret of what is sent in `direction` after the handshake of TLS 1.3.
    pub(super) fn traffic(&self, direction: Direction) -> Option<&[u8]> {
        match direction {
            Direction::ClientToServer => self.client_traffic.as_deref(),
            Direction::ServerToClient => self.server_traffic.as_deref(),
        }
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyLog(..)")
    }
}

fn parse_line(line: &[u8]) -> Option<(&str, [u8; 32], Vec<u8>)> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let mut words = line.split_ascii_whitespace();
    let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
    let random = hex::decode(random).ok()?.try_into().ok()?;
    let secret = hex::decode(secret).ok()?;
    (secret.len() <= 64).then_some((label, random, secret))
}

/// A cipher suite that can be decrypted.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    algorithm: &'static aead::Algorithm,
    hash: Hash,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
}

impl Suite {
    /// `None` for suites that are not AES-GCM or ChaCha20-Poly1305.
    pub(super) fn of(number: u16) -> Option<Self> {
        let (algorithm, hash) = match number {
            0x1301 | 0x009c | 0x009e | 0x00a2 | 0x00a8 | 0x00aa | 0x00ac | 0xc02b | 0xc02d
            | 0xc02f | 0xc031 | 0xd001 => (&aead::AES_128_GCM, Hash::Sha256),
            0x1302 | 0x009d | 0x009f | 0x00a3 | 0x00a9 | 0x00ab | 0x00ad | 0xc02c | 0xc02e
            | 0xc030 | 0xc032 | 0xd002 => (&aead::AES_256_GCM, Hash::Sha384),
            0x1303 | 0xcca8..=0xccae => (&aead::CHACHA20_POLY1305, Hash::Sha256),
            _ => return None,
        };
        Some(Self { algorithm, hash })
    }

    fn hkdf(self) -> hkdf::Algorithm {
        match self.hash {
            Hash::Sha256 => hkdf::HKDF_SHA256,
            Hash::Sha384 => hkdf::HKDF_SHA384,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self.hash {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
        }
    }

    fn hash_length(self) -> usize {
        match self.hash {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
        }
    }

    /// Bytes of nonce sent with each record in TLS 1.2.
    fn explicit_nonce(self) -> usize {
        if self.algorithm == &aead::CHACHA20_POLY1305 {
            0
        } else {
            8
        }
    }
}

/// Opens the records of one direction.
pub(super) struct Opener {
    suite: Suite,
    key: aead::LessSafeKey,
    iv: [u8; 12],
    /// The traffic secret, in TLS 1.3.
    secret: Option<Vec<u8>>,
    sequence: u64,
}

impl Opener {
    /// TLS 1.3, from a traffic secret.
    pub(super) fn tls13(suite: Suite, secret: &[u8]) -> Option<Self> {
        let mut key = vec![0; suite.algorithm.key_len()];
        let mut iv = [0; 12];
        expand_label(suite, secret, b"key", &mut key)?;
        expand_label(suite, secret, b"iv", &mut iv)?;
        let key = aead::UnboundKey::new(suite.algorithm, &key).ok()?;
        Some(Self {
            suite,
            key: aead::LessSafeKey::new(key),
            iv,
            secret: Some(secret.to_vec()),
            sequence: 0,
        })
    }

    /// TLS 1.2, from the master secret: the client's and the server's.
    pub(super) fn tls12(
        suite: Suite,
        master: &[u8],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Option<(Self, Self)> {
        let key_length = suite.algorithm.key_len();
        let iv_length = 12 - suite.explicit_nonce();
        let mut block = vec![0; 2 * (key_length + iv_length)];
        let seed = [b"key expansion", &server_random[..], &client_random[..]].concat();
        expand_prf(suite, master, &seed, &mut block);
        let (client_key, rest) = block.split_at_checked(key_length)?;
        let (server_key, rest) = rest.split_at_checked(key_length)?;
        let (client_iv, server_iv) = rest.split_at_checked(iv_length)?;
        let opener = |key: &[u8], fixed: &[u8]| {
            let mut iv = [0; 12];
            iv.get_mut(..fixed.len())?.copy_from_slice(fixed);
            let key = aead::UnboundKey::new(suite.algorithm, key).ok()?;
            Some(Self {
                suite,
                key: aead::LessSafeKey::new(key),
                iv,
                secret: None,
                sequence: 0,
            })
        };
        Some((
            opener(client_key, client_iv)?,
            opener(server_key, server_iv)?,
        ))
    }

    /// The keys after a key update.
    pub(super) fn updated(&self) -> Option<Self> {
        let secret = self.secret.as_deref()?;
        let mut next = vec![0; self.suite.hash_length()];
        expand_label(self.suite, secret, b"traffic upd", &mut next)?;
        Self::tls13(self.suite, &next)
    }

    /// Opens a record into `buffer`, and gives the length of its plaintext. `lost`: so many records
    /// before this one may be missing.
    pub(super) fn open(
        &mut self,
        header: &[u8; 5],
        payload: &[u8],
        lost: u64,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        for skip in 0..=lost {
            let sequence = self.sequence.checked_add(skip)?;
            if let Some(length) = self.try_open(header, payload, sequence, buffer) {
                self.sequence = sequence + 1;
                return Some(length);
            }
        }
        self.sequence += 1;
        None
    }

    fn try_open(
        &self,
        header: &[u8; 5],
        payload: &[u8],
        sequence: u64,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        let mut nonce = self.iv;
        let counter = sequence.to_be_bytes();
        let explicit = if self.secret.is_some() {
            0
        } else {
            self.suite.explicit_nonce()
        };
        let (sent, sealed) = payload.split_at_checked(explicit)?;
        let last = nonce.last_chunk_mut::<8>()?;
        if sent.is_empty() {
            for (byte, counter) in last.iter_mut().zip(counter) {
                *byte ^= counter;
            }
        } else {
            last.copy_from_slice(sent);
        }
        buffer.clear();
        buffer.extend_from_slice(sealed);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let plain = if self.secret.is_some() {
            self.key
                .open_in_place(nonce, aead::Aad::from(header), buffer)
        } else {
            let length = sealed.len().checked_sub(aead::MAX_TAG_LEN)?;
            let length = u16::try_from(length).ok()?.to_be_bytes();
            let [kind, major, minor, ..] = *header;
            let mut data = [0; 13];
            for (to, from) in data.iter_mut().zip(
                counter
                    .into_iter()
                    .chain([kind, major, minor])
                    .chain(length),
            ) {
                *to = from;
            }
            self.key.open_in_place(nonce, aead::Aad::from(data), buffer)
        };
        plain.ok().map(|plain| plain.len())
    }
}

/// HKDF-Expand-Label (RFC 8446, section 7.1), without context.
fn expand_label(suite: Suite, secret: &[u8], label: &[u8], out: &mut [u8]) -> Option<()> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(label.len() + 6).ok()?];
    let info = [&length[..], &label_length, b"tls13 ", label, &[0]];
    hkdf::Prk::new_less_safe(suite.hkdf(), secret)
        .expand(&info, Length(out.len()))
        .ok()?
        .fill(out)
        .ok()
}

/// The pseudorandom function of TLS 1.2 (RFC 5246, section 5); `seed` begins with the label.
fn expand_prf(suite: Suite, secret: &[u8], seed: &[u8], out: &mut [u8]) {
    let key = hmac::Key::new(suite.hmac(), secret);
    let mut chained = hmac::sign(&key, seed);
    for part in out.chunks_mut(suite.hash_length()) {
        let mut context = hmac::Context::with_key(&key);
        context.update(chained.as_ref());
        context.update(seed);
        for (to, from) in part.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        chained = hmac::sign(&key, chained.as_ref());
    }
}
