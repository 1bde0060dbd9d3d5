//! How what was declared is written: as labels write it, so that it can be given again.

use std::fmt;
use std::net::IpAddr;

use super::{
    ALLOW, AbstractName, Allowed, BIND, Bind, BindTo, CONTAIN, Containment, INTERFACES, Interface, LOOPBACK,
    Level, Loopback, Netlink,
};

/// Families of netlink by the names of `linux/netlink.h`, but for those that no kernel has any more.
pub(super) const FAMILIES: [(u8, &str); 18] = [
    (0, "route"),
    (2, "usersock"),
    (4, "sock-diag"),
    (5, "nflog"),
    (6, "xfrm"),
    (7, "selinux"),
    (8, "iscsi"),
    (9, "audit"),
    (10, "fib-lookup"),
    (11, "connector"),
    (12, "netfilter"),
    (15, "kobject-uevent"),
    (16, "generic"),
    (18, "scsitransport"),
    (19, "ecryptfs"),
    (20, "rdma"),
    (21, "crypto"),
    (22, "smc"),
];

/// The name of a family of netlink, else its number.
#[must_use]
pub fn family(number: u8) -> String {
    let named = FAMILIES.iter().find(|(known, _)| *known == number);
    named.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

pub(super) fn joined<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

// === impl Level ===

impl Level {
    /// The word for it in labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Strict => "strict",
        }
    }
}

// === impl Containment ===

impl Containment {
    /// The labels that say this again, as far as they say more than nothing does.
    #[must_use]
    pub fn labels(&self) -> Vec<(&'static str, String)> {
        let strict = self.strict.then(|| (CONTAIN, Level::Strict.name().to_owned()));
        let said = self.loopback != Loopback::unsaid(self.strict);
        let loopback = said.then(|| (LOOPBACK, self.loopback.to_string()));
        let bind = self.bind.as_deref().map(|items| (BIND, joined(items)));
        let interfaces = self.interfaces.as_deref();
        let interfaces = interfaces.map(|items| (INTERFACES, joined(items)));
        let allow = self.allow.items();
        let allow = (!allow.is_empty()).then(|| (ALLOW, allow.join(", ")));
        let all = [strict, loopback, bind, interfaces, allow];
        all.into_iter().flatten().collect()
    }
}

impl fmt::Display for Containment {
    /// `strict, loopback private, bind 80=8080`: what holds, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.strict { "strict" } else { "default" })?;
        if self.loopback != Loopback::Host {
            write!(f, "; loopback {}", self.loopback)?;
        }
        for (key, value) in self.labels() {
            match key {
                BIND => write!(f, "; bind {value}")?,
                INTERFACES => write!(f, "; interfaces {value}")?,
                ALLOW => write!(f, "; allow {value}")?,
                _ => {}
            }
        }
        Ok(())
    }
}

// === impl Loopback ===

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Private => "private",
            Self::Group(name) => name,
        })
    }
}

// === impl Bind ===

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ports)?;
        match self.to {
            None => Ok(()),
            Some(to) => write!(f, "={to}"),
        }
    }
}

impl fmt::Display for BindTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            None => write!(f, "{}", self.first),
            Some(IpAddr::V4(address)) => write!(f, "{address}:{}", self.first),
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.first),
        }
    }
}

// === impl Interface ===

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

// === impl Allowed ===

impl Allowed {
    /// The items of the label.
    #[must_use]
    pub fn items(&self) -> Vec<String> {
        let words = [
            (self.packet, "packet"),
            (self.raw, "raw"),
            (self.vsock, "vsock"),
            (self.sysctl, "sysctl"),
            (self.netlink == Netlink::All, "netlink"),
        ];
        let words = words.iter().filter(|(declared, _)| *declared);
        let mut items: Vec<_> = words.map(|(_, word)| (*word).to_owned()).collect();
        if let Netlink::Some(families) = &self.netlink {
            items.extend(
                families
                    .iter()
                    .map(|number| format!("netlink:{}", family(*number))),
            );
        }
        items.extend(self.abstract_names.iter().map(|name| format!("abstract:{name}")));
        items.extend(self.shared.iter().map(|ports| format!("shared:{ports}")));
        items
    }
}

// === impl AbstractName ===

impl fmt::Display for AbstractName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.prefix { "*" } else { "" };
        write!(f, "@{}{star}", self.name)
    }
}
