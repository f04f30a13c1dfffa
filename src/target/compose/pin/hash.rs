//! Fingerprints of files, as the server's own commands print them: what a plan's basis and a
//! compare-and-swap compare.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// With which command the server fingerprints files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `sha256sum`.
    Sha256,
    /// POSIX `cksum`: finds accidents, not forgers; for servers without `sha256sum`.
    Cksum,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "sha256",
            Self::Cksum => "cksum",
        })
    }
}

impl Algorithm {
    /// The algorithm that a fingerprint `algorithm:hex` names.
    pub fn of(fingerprint: &str) -> Option<Self> {
        match fingerprint.split_once(':')?.0 {
            "sha256" => Some(Self::Sha256),
            "cksum" => Some(Self::Cksum),
            _ => None,
        }
    }

    /// The fingerprint of `bytes` as `algorithm:hex`, the same as `fingerprint` in the steps' `common.sh`:
    /// for `cksum` its sum and its length, eight digits each at least.
    pub fn fingerprint(self, bytes: &[u8]) -> String {
        let mut text = format!("{self}:");
        match self {
            Self::Sha256 => {
                for byte in Sha256::digest(bytes) {
                    text.push_str(&format!("{byte:02x}"));
                }
            }
            Self::Cksum => text.push_str(&format!("{:08x}{:08x}", cksum(bytes), bytes.len())),
        }
        text
    }
}

/// POSIX `cksum`: CRC-32 with its length behind it, complemented.
fn cksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    let mut length = Vec::new();
    let mut rest = bytes.len();
    while rest > 0 {
        length.push((rest & 0xff) as u8);
        rest >>= 8;
    }
    let mut sum = 0u32;
    for byte in bytes.iter().chain(&length) {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = (sum << 1)
                ^ if sum & 0x8000_0000 != 0 {
                    POLYNOMIAL
                } else {
                    0
                };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_servers_commands() {
        assert_eq!(
            Algorithm::Sha256.fingerprint(b"A=1\n"),
            "sha256:91d6a3d55e9fea7911c537afae6607c77fa8bc0f3a76c375e104ac5a8cfa84db"
        );
        assert_eq!(
            Algorithm::Cksum.fingerprint(b"A=1\n"),
            "cksum:ea4ee15000000004"
        );
        assert_eq!(Algorithm::Cksum.fingerprint(b""), "cksum:ffffffff00000000");
    }
}
