//! The `[routing.paths]` section.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};
use starling_protocol::onion::Cipher;

/// The `[routing.paths]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PathsConfig {
    /// How layers are sealed.
    pub cipher: LayerCipher,
    /// Paths kept at once; they share no node.
    pub kept: usize,
    /// How often the node list is fetched anew.
    #[serde(with = "humantime_serde")]
    pub refresh_every: Duration,
    /// How often paths get new nodes behind their guards.
    #[serde(with = "humantime_serde")]
    pub rotate_every: Duration,
    /// How long one try may take.
    #[serde(with = "humantime_serde")]
    pub try_within: Duration,
    /// After how long without an answer a second try is begun beside the first, over another path.
    #[serde(with = "humantime_serde")]
    pub second_try_after: Duration,
    /// After how long without an answer the guard is asked whether it is still there.
    #[serde(with = "humantime_serde")]
    pub doubt_guard_after: Duration,
    /// How long a guard may take to show that it is there.
    #[serde(with = "humantime_serde")]
    pub guard_within: Duration,
    /// How long a seed may take.
    #[serde(with = "humantime_serde")]
    pub seed_within: Duration,
    /// How long a node that was dropped is left out of new paths.
    #[serde(with = "humantime_serde")]
    pub forget_dropped_after: Duration,
    /// Mailbox, deadlines and restarts.
    pub bounds: Bounds,
}

/// The ciphers a client may choose from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerCipher {
    /// XChaCha20-Poly1305, always named in the request.
    #[default]
    #[serde(rename = "xchacha20")]
    XChaCha20,
    /// AES-256-GCM, as desktop clients send it: unnamed.
    #[serde(rename = "aes-gcm")]
    AesGcm,
}

impl LayerCipher {
    pub(super) fn wire(self) -> Cipher {
        match self {
            LayerCipher::XChaCha20 => Cipher::XChaCha20,
            LayerCipher::AesGcm => Cipher::AesGcm,
        }
    }

    /// Does every layer name it?
    pub(super) fn is_named(self) -> bool {
        self == LayerCipher::XChaCha20
    }
}

impl PathsConfig {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("cipher", "How layers are sealed: \"xchacha20\" or \"aes-gcm\"."),
        Note::new("kept", "Paths kept at once; they share no node."),
        Note::new("refresh_every", "How often the node list is fetched anew."),
        Note::new("rotate_every", "How often paths get new nodes behind their guards."),
        Note::new("try_within", "How long one try may take."),
        Note::new(
            "second_try_after",
            "After how long without an answer a second try is begun beside the first, over another path.",
        ),
        Note::new(
            "doubt_guard_after",
            "After how long without an answer the guard is asked whether it is still there.",
        ),
        Note::new("guard_within", "How long a guard may take to show that it is there."),
        Note::new("seed_within", "How long a seed may take."),
        Note::new("forget_dropped_after", "How long a node that was dropped is left out of new paths."),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        if self.kept == 0 {
            return Err("routing.paths.kept is 0; at least 1 path is needed".to_owned());
        }
        let periods = [
            ("refresh_every", self.refresh_every),
            ("rotate_every", self.rotate_every),
            ("try_within", self.try_within),
            ("second_try_after", self.second_try_after),
            ("doubt_guard_after", self.doubt_guard_after),
            ("guard_within", self.guard_within),
            ("seed_within", self.seed_within),
        ];
        for (key, period) in periods {
            if period.is_zero() {
                return Err(format!("routing.paths.{key} is 0; it has to be some time"));
            }
        }
        Ok(())
    }
}

impl Default for PathsConfig {
    fn default() -> Self {
        Self {
            cipher: LayerCipher::default(),
            // The figures of onion-requests §7 from here on, where it has them.
            kept: 2,
            refresh_every: Duration::from_secs(2 * 60 * 60),
            rotate_every: Duration::from_secs(10 * 60),
            try_within: Duration::from_secs(10),
            // A swarm member that is down makes a store take 5 s; the second try costs less than waiting for a dead hop.
            second_try_after: Duration::from_millis(1500),
            doubt_guard_after: Duration::from_millis(500),
            guard_within: Duration::from_secs(1),
            seed_within: Duration::from_secs(5),
            forget_dropped_after: Duration::from_secs(10 * 60),
            bounds: Bounds {
                // Callers bring deadlines of their own; this one only catches a lost answer.
                answer_within: Duration::from_secs(180),
                ..Bounds::default()
            },
        }
    }
}
