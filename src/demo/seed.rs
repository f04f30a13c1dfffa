//! Everything that looks random in the embedded world, drawn from its seed by name.
//!
//! A value depends on the seed and on its own label alone, never on the order of asking: so the same
//! seed gives the same history, whatever happens first.

use sha2::{Digest as _, Sha256};

/// The seed of a world.
#[derive(Debug, Clone, Copy)]
pub struct Seed(pub u64);

impl Seed {
    /// 32 bytes for `label` and `n`.
    pub fn bytes(self, label: &str, n: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0.to_be_bytes());
        hash.update(label.as_bytes());
        hash.update(n.to_be_bytes());
        hash.finalize().into()
    }

    /// `digits` hexadecimal digits, 64 at most.
    pub fn hex(self, label: &str, n: u64, digits: usize) -> String {
        let mut text = hex(&self.bytes(label, n));
        text.truncate(digits);
        text
    }

    /// A number below `below`; 0 if that is 0.
    pub fn below(self, label: &str, n: u64, below: u64) -> u64 {
        let bytes = self.bytes(label, n);
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        u64::from_be_bytes(first).checked_rem(below).unwrap_or(0)
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<T: Copy>(self, label: &str, n: u64, choices: &[T]) -> T {
        choices[self.below(label, n, choices.len() as u64) as usize]
    }
}

/// `sha256:` and the hash of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
