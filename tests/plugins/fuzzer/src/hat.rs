//! The hat that arguments come out of: the same ones for the same seed.

/// A generator of numbers (splitmix64): small, and the same everywhere.
pub struct Hat(pub u64);

/// Texts on which parsers have stumbled, each in its own way.
const ODD: &[&str] = &[
    "",
    " ",
    "\0",
    "/",
    "..",
    "%00%ff",
    "\u{feff}",
    "\u{202e}abc",
    "e\u{301}\u{301}\u{301}",
    "\u{1f469}\u{200d}\u{1f680}",
    "\u{1f426}",
    "-1",
    "9223372036854775808",
    "http://127.0.0.1:1/",
    "http://[::1",
    "https://user:password@example.org/",
    "file:///etc/passwd",
    "http://127.0.0.1:99999/",
    "HTTP://127.0.0.1",
    "{\"a\":1}",
    "line\nline\r\nX-Injected: yes",
    "05",
    "050000000000000000000000000000000000000000000000000000000000000000",
    "05zz00000000000000000000000000000000000000000000000000000000000000",
    "150000000000000000000000000000000000000000000000000000000000000000",
];

const NAMES: &[&str] = &["a", "b", "left", "fill/1", "token", "content-type", "host", "authorization"];

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "CONNECT", "get", "G T"];

impl Hat {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 0
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A number near an edge more often than not.
    pub fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(4),
            1 => u64::MAX - self.below(3),
            2 => 1 << self.below(64),
            3 => (1 << self.below(63)) - 1,
            4 => self.below(10_000),
            _ => self.next(),
        }
    }

    pub fn small_number(&mut self) -> u32 {
        self.number() as u32
    }

    /// A length: mostly short, now and then just at a limit, seldom far above all of them.
    fn length(&mut self) -> usize {
        let length = match self.below(40) {
            0 => [255, 256, 257, 2_000, 2_001, 4_096, 65_536, 65_537][self.below(8) as usize],
            1 if self.below(8) == 0 => 300_000,
            _ => self.below(24),
        };
        length as usize
    }

    pub fn text(&mut self) -> String {
        match self.below(4) {
            0 => self.one(NAMES).to_owned(),
            1 => self.one(ODD).to_owned(),
            2 => {
                let letter = self.one(&["x", "0", "\u{e4}", "\u{1f426}", "\0", "\n"]);
                letter.repeat(self.length())
            }
            _ => (0..self.length().min(64))
                .filter_map(|_| char::from_u32(self.below(0x11_0000) as u32))
                .collect(),
        }
    }

    pub fn method(&mut self) -> String {
        if self.below(8) == 0 { self.text() } else { self.one(METHODS).to_owned() }
    }

    pub fn bytes(&mut self) -> Vec<u8> {
        let length = self.length();
        (0..length).map(|_| self.next() as u8).collect()
    }

    pub fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }
}
