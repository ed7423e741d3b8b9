//! The generator that consensus prescribes, and how numbers are drawn from it (swarms §2.3, §6).

const STATE: usize = 312;
const MIDDLE: usize = 156;
const LOW_MASK: u64 = 0x7fff_ffff;
const TWIST: u64 = 0xb502_6f5a_a966_19e9;

/// The 64-bit Mersenne Twister, `std::mt19937_64`. It hides nothing; it only has to be the same everywhere.
#[derive(Debug, Clone)]
pub struct Mt19937 {
    state: [u64; STATE],
    next: usize,
}

impl Mt19937 {
    /// Seeds it with one number.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut state = [seed; STATE];
        let mut last = seed;
        for (index, word) in (0u64..).zip(&mut state).skip(1) {
            last = (last ^ (last >> 62)).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(index);
            *word = last;
        }
        Self { state, next: STATE }
    }

    /// Seeds it through `std::seed_seq` over the given numbers.
    #[must_use]
    pub fn from_seed_sequence(seeds: &[u32]) -> Self {
        let words = seed_sequence(seeds);
        let mut state = [0; STATE];
        for (word, halves) in state.iter_mut().zip(words.as_chunks::<2>().0) {
            *word = u64::from(halves[0]) | (u64::from(halves[1]) << 32);
        }
        // The standard's way out of the one state that the generator could never leave.
        if state[0] >> 31 == 0 && state[1..].iter().all(|word| *word == 0) {
            state[0] = 1 << 63;
        }
        Self { state, next: STATE }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        if self.next == STATE {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= (word >> 29) & 0x5555_5555_5555_5555;
        word ^= (word << 17) & 0x71d6_7fff_eda6_0000;
        word ^= (word << 37) & 0xfff7_eee0_0000_0000;
        word ^ (word >> 43)
    }

    /// A number below `n`, every one equally likely; 0 when `n` is 0.
    ///
    /// Draws are thrown away until one falls into the largest multiple of `n` below 2⁶⁴−1, and that is divided, not
    /// reduced: the high bits decide.
    pub fn uniform(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let usable = u64::MAX - u64::MAX % n;
        loop {
            let drawn = self.next_u64();
            if drawn < usable {
                return drawn / (usable / n);
            }
        }
    }

    /// [`Mt19937::uniform`] over the places of a list.
    pub fn index(&mut self, len: usize) -> usize {
        // The result is below a `usize`, so it is one.
        usize::try_from(self.uniform(len as u64)).unwrap_or(0)
    }

    fn refill(&mut self) {
        for index in 0..STATE {
            let joined = (self.state[index] & !LOW_MASK) | (self.state[(index + 1) % STATE] & LOW_MASK);
            let twisted = if joined & 1 == 0 { 0 } else { TWIST };
            self.state[index] = self.state[(index + MIDDLE) % STATE] ^ (joined >> 1) ^ twisted;
        }
        self.next = 0;
    }
}

/// `std::seed_seq::generate` for the 624 words that the generator takes.
fn seed_sequence(seeds: &[u32]) -> [u32; 2 * STATE] {
    const LEN: usize = 2 * STATE;
    // The standard's constants for 623 words and more.
    const T: usize = 11;
    const P: usize = (LEN - T) / 2;
    const Q: usize = P + T;
    let mix = |word: u32| word ^ (word >> 27);
    let wrapped = |number: usize| u32::try_from(number % (1 << 32)).unwrap_or(0);
    let mut out = [0x8b8b_8b8b_u32; LEN];
    let rounds = LEN.max(seeds.len() + 1);
    for k in 0..rounds {
        let (here, p, q) = (k % LEN, (k + P) % LEN, (k + Q) % LEN);
        let first = mix(out[here] ^ out[p] ^ out[(k + LEN - 1) % LEN]).wrapping_mul(1_664_525);
        let added = match k.checked_sub(1) {
            None => wrapped(seeds.len()),
            Some(index) => wrapped(here).wrapping_add(seeds.get(index).copied().unwrap_or(0)),
        };
        let second = first.wrapping_add(added);
        out[p] = out[p].wrapping_add(first);
        out[q] = out[q].wrapping_add(second);
        out[here] = second;
    }
    for k in rounds..rounds + LEN {
        let (here, p, q) = (k % LEN, (k + P) % LEN, (k + Q) % LEN);
        let sum = out[here].wrapping_add(out[p]).wrapping_add(out[(k + LEN - 1) % LEN]);
        let third = mix(sum).wrapping_mul(1_566_083_941);
        let fourth = third.wrapping_sub(wrapped(here));
        out[p] ^= third;
        out[q] ^= fourth;
        out[here] = fourth;
    }
    out
}
