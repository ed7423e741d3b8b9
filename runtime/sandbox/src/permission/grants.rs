//! A set of permissions, and what two of them have in common.

use std::{
    collections::{BTreeSet, btree_set},
    fmt,
};

use serde::{Deserialize, Serialize};
use starling_protocol::account::AccountId;

use super::{Conversations, Origin, Permission, Scope};

/// What a plugin asks for, what an operator grants, or what both come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(BTreeSet<Permission>);

/// How far sending or reacting reaches for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It may not be written to.
    No,
    /// It may be written to if it wrote first.
    Reply,
    /// It may be written to.
    Always,
}

impl Grants {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Is `permission` in it, or narrower than one that is?
    pub fn covers(&self, permission: &Permission) -> bool {
        self.0.contains(permission) || self.0.iter().any(|own| own.covers(permission))
    }

    /// What may be done of what was `asked` for: what both cover, so that neither side alone decides.
    pub fn effective(asked: &Self, granted: &Self) -> Self {
        let common = |own: &Self, other: &Self| {
            own.0.iter().filter(|permission| other.covers(permission)).cloned().collect::<BTreeSet<_>>()
        };
        let mut both = common(asked, granted);
        both.extend(common(granted, asked));
        Self(both)
    }

    /// What was `asked` for and is not `granted`, or not so far.
    pub fn missing(asked: &Self, granted: &Self) -> Vec<Permission> {
        asked.0.iter().filter(|permission| !granted.covers(permission)).cloned().collect()
    }

    /// How far `send` reaches for that account.
    pub fn send_reach(&self, to: &AccountId) -> Reach {
        self.reach(to, Permission::Send)
    }

    /// How far `react` reaches for that account.
    pub fn react_reach(&self, to: &AccountId) -> Reach {
        self.reach(to, Permission::React)
    }

    fn reach(&self, to: &AccountId, permission: fn(Scope) -> Permission) -> Reach {
        if self.covers(&permission(Scope::Account(*to))) {
            Reach::Always
        } else if self.covers(&permission(Scope::Reply)) {
            Reach::Reply
        } else {
            Reach::No
        }
    }

    /// May the conversation with that account be read?
    pub fn reads(&self, with: &AccountId) -> bool {
        self.covers(&Permission::Read(Conversations::Account(*with)))
    }

    /// May a web server of that origin be asked? The origin is that of a request, see [`Origin::of_request`].
    pub fn fetches(&self, origin: &Origin) -> bool {
        self.iter().any(|own| matches!(own, Permission::Http(granted) if granted.covers(origin)))
    }

    /// The first of its permissions that covers `permission`: for receipts, which name the grant that was used.
    pub fn covering(&self, permission: &Permission) -> Option<&Permission> {
        self.0.get(permission).or_else(|| self.0.iter().find(|own| own.covers(permission)))
    }

    /// Adds a permission; says whether it was not there before.
    pub fn insert(&mut self, permission: Permission) -> bool {
        self.0.insert(permission)
    }

    /// Takes a permission out; says whether it was there.
    pub fn remove(&mut self, permission: &Permission) -> bool {
        self.0.remove(permission)
    }

    /// The permissions, sorted.
    pub fn iter(&self) -> btree_set::Iter<'_, Permission> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Permission> for Grants {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Grants {
    type Item = &'a Permission;
    type IntoIter = btree_set::Iter<'a, Permission>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::permission::tests::any_permission;

    const ALICE: &str = "05ba8dc42e86ee7f80757caa906deb0072b21a4e59cf4b3ae96cae4d07afbdb73f";

    fn grants(texts: &[&str]) -> Grants {
        texts.iter().map(|text| text.parse::<Permission>().unwrap()).collect()
    }

    #[test]
    fn what_is_in_force_is_what_both_sides_cover() {
        let asked = grants(&["send:direct", "http:https://api.example.org", "kv", "secret:x"]);
        let granted = grants(&["send:reply", "http:https://*.example.org", "log", "secret-reveal:x"]);

        let effective = Grants::effective(&asked, &granted);

        assert_eq!(effective, grants(&["send:reply", "http:https://api.example.org", "secret:x"]));
        assert_eq!(
            Grants::missing(&asked, &granted),
            ["send:direct", "kv"].map(|text| text.parse().unwrap())
        );
    }

    #[test]
    fn nothing_is_granted_by_default() {
        let asked = grants(&["log", "kv"]);

        assert!(Grants::effective(&asked, &Grants::none()).is_empty());
        assert_eq!(Grants::missing(&asked, &Grants::none()).len(), 2);
    }

    #[test]
    fn the_reach_of_sending_depends_on_the_account() {
        let alice = AccountId::parse_target(ALICE).unwrap();
        let own = format!("send:{ALICE}");
        let other = format!("send:05{}", "11".repeat(32));

        assert_eq!(grants(&["send:direct"]).send_reach(&alice), Reach::Always);
        assert_eq!(grants(&[&own]).send_reach(&alice), Reach::Always);
        assert_eq!(grants(&[&other, "send:reply"]).send_reach(&alice), Reach::Reply);
        assert_eq!(grants(&[&other]).send_reach(&alice), Reach::No);
        assert_eq!(grants(&["send:direct"]).react_reach(&alice), Reach::No);
        assert!(!grants(&["send:direct"]).reads(&alice));
        assert!(grants(&["read:direct"]).reads(&alice));
    }

    #[test]
    fn a_receipt_can_name_the_grant_that_was_used() {
        let held = grants(&["send:direct", "log"]);
        let used = format!("send:{ALICE}").parse().unwrap();

        assert_eq!(held.covering(&used), Some(&"send:direct".parse().unwrap()));
        assert_eq!(held.covering(&Permission::Kv), None);
    }

    #[test]
    fn a_list_of_texts_is_its_form_everywhere() {
        let read: Grants = serde_json::from_str("[\"log\",\"kv\",\"log\"]").unwrap();

        assert_eq!(serde_json::to_string(&read).unwrap(), "[\"kv\",\"log\"]");
        assert_eq!(read.to_string(), "kv, log");
        assert!(
            serde_json::from_str::<Grants>("[\"lgo\"]")
                .unwrap_err()
                .to_string()
                .contains("did you mean log?")
        );
    }

    fn any_grants() -> impl Strategy<Value = Grants> {
        vec(any_permission(), 0..8).prop_map(|permissions| permissions.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_is_in_force_that_one_side_does_not_cover(asked in any_grants(), granted in any_grants()) {
            for permission in &Grants::effective(&asked, &granted) {
                prop_assert!(asked.covers(permission) && granted.covers(permission));
            }
        }

        #[test]
        fn when_nothing_is_missing_all_that_was_asked_for_is_in_force(
            asked in any_grants(),
            granted in any_grants(),
        ) {
            let effective = Grants::effective(&asked, &granted);
            let missing = Grants::missing(&asked, &granted);
            for permission in &asked {
                prop_assert_eq!(effective.covers(permission), !missing.contains(permission));
            }
        }

        #[test]
        fn neither_side_comes_first(asked in any_grants(), granted in any_grants()) {
            prop_assert_eq!(Grants::effective(&asked, &granted), Grants::effective(&granted, &asked));
        }
    }
}
