//! The second label of a DNS name, which keeps strangers from taking a name that has become free
//! (semantics.md §12.2).

use aws_lc_rs::digest;
use wharf_model::{GroupKey, spec::DnsLabelScope};

use crate::ids;

/// As long as on Azure: 80 bits, so that nobody finds a scope of their own with the same label.
const LENGTH: usize = 16;

/// The label for a scope: the same for the same scope, or random when nobody may reuse it.
pub(crate) fn hash(scope: DnsLabelScope, tenant: &str, key: &GroupKey) -> Option<String> {
    let home = &key.resource_group;
    let (subscription, group) = (home.subscription.folded(), home.name.folded());
    let subject = match scope {
        DnsLabelScope::Unsecure => return None,
        DnsLabelScope::TenantReuse => format!("tenant/{tenant}"),
        DnsLabelScope::SubscriptionReuse => format!("subscription/{tenant}/{subscription}"),
        DnsLabelScope::ResourceGroupReuse => format!("group/{tenant}/{subscription}/{group}"),
        DnsLabelScope::Noreuse => format!("{:016x}{:016x}", ids::random_bits(), ids::random_bits()),
    };
    let digest = digest::digest(&digest::SHA256, subject.as_bytes());
    Some(digest.as_ref().iter().take(LENGTH).map(|byte| letter(*byte)).collect())
}

/// A label starts and ends with a letter or digit; 32 of them take 5 bits each.
fn letter(byte: u8) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(byte & 31)])
}

#[cfg(test)]
mod tests {
    use wharf_model::{Name, ResourceGroupKey};

    use super::*;

    fn key(subscription: &str, group: &str) -> GroupKey {
        let resource_group =
            ResourceGroupKey { subscription: Name::new(subscription), name: Name::new(group) };
        GroupKey { resource_group, name: Name::new("g") }
    }

    #[test]
    fn the_same_scope_has_the_same_label_and_another_has_not() {
        let of = |scope, key: &GroupKey| hash(scope, "t", key);
        let (a, same, b) = (key("s", "rg"), key("S", "RG"), key("s", "other"));
        assert_eq!(of(DnsLabelScope::Unsecure, &a), None);
        let group = DnsLabelScope::ResourceGroupReuse;
        assert_eq!(of(group, &a), of(group, &same));
        assert_ne!(of(group, &a), of(group, &b));
        let subscription = DnsLabelScope::SubscriptionReuse;
        assert_eq!(of(subscription, &a), of(subscription, &b));
        assert_ne!(of(subscription, &a), of(subscription, &key("s2", "rg")));
        assert_ne!(of(DnsLabelScope::Noreuse, &a), of(DnsLabelScope::Noreuse, &a));
        assert_eq!(of(DnsLabelScope::TenantReuse, &a).unwrap().len(), LENGTH);
    }
}
