//! One account as it is kept: what is sealed into a row of the store.

use starling_contracts::accounts::{Account, Profile};
use starling_protocol::account::AccountKeys;
use zeroize::Zeroizing;

/// First byte of a row.
const VERSION: u8 = 1;

/// Seed, name and local name of an account.
///
/// As bytes: version (1), seed (16), time of the name (8, little-endian), length of the profile (1), profile, name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) profile: Profile,
    pub(crate) name: String,
    /// Unix seconds.
    pub(crate) name_updated_at: u64,
    pub(crate) seed: Zeroizing<[u8; 16]>,
}

impl Record {
    pub(crate) fn keys(&self) -> AccountKeys {
        AccountKeys::from_seed(&self.seed)
    }

    pub(crate) fn account(&self) -> Account {
        Account { id: self.keys().id(), profile: self.profile.clone(), name: self.name.clone() }
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let profile = self.profile.as_str().as_bytes();
        let profile_len = u8::try_from(profile.len()).expect("a profile name has at most 32 characters");
        // Room for everything from the start: a buffer that grows would leave the seed behind in freed memory.
        let mut row = Zeroizing::new(Vec::with_capacity(26 + profile.len() + self.name.len()));
        row.push(VERSION);
        row.extend_from_slice(&*self.seed);
        row.extend_from_slice(&self.name_updated_at.to_le_bytes());
        row.push(profile_len);
        row.extend_from_slice(profile);
        row.extend_from_slice(self.name.as_bytes());
        row
    }

    /// `None` when the bytes are not a row of this version.
    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let (&VERSION, row) = row.split_first()? else { return None };
        let (seed, row) = row.split_first_chunk::<16>()?;
        let (name_updated_at, row) = row.split_first_chunk::<8>()?;
        let (&profile_len, row) = row.split_first()?;
        let (profile, name) = row.split_at_checked(usize::from(profile_len))?;
        Some(Self {
            profile: std::str::from_utf8(profile).ok()?.parse().ok()?,
            name: std::str::from_utf8(name).ok()?.to_owned(),
            name_updated_at: u64::from_le_bytes(*name_updated_at),
            seed: Zeroizing::new(*seed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_every_cut_of_it_before_the_name_is_refused() {
        let record = Record {
            profile: "alice-2".parse().unwrap(),
            name: "Älice".to_owned(),
            name_updated_at: 1_700_000_000,
            seed: Zeroizing::new([7; 16]),
        };
        let row = record.encode();

        assert!(Record::decode(&row) == Some(record));
        assert!((0..26 + 7).all(|end| Record::decode(&row[..end]).is_none()));
        assert!(Record::decode(&[&[2], &row[1..]].concat()).is_none(), "a later version is not guessed at");
    }
}
