//! The stacks as data. Images are `curl` (with the probe as its server) and `nginx`; real engines where noted.

use super::After::{Kept, Lost};
use super::From::{Host, In, Lan};
use super::{After, From, Path, Stack};
use crate::probe::Kind::{self, SendTo, Tcp, Udp};

const fn path(from: From, kind: Kind, to: &'static str, after: After) -> Path {
    Path {
        from,
        kind,
        to,
        after,
    }
}

/// Issue 2's eight.
pub const STACKS: &[Stack] = &[HOME, PROXY, DNS, MEDIA, DATABASE, METRICS, AGENT, VPN];

/// Home automation in host mode because of mDNS: the LAN uses its page, it finds devices and talks to them.
const HOME: Stack = Stack {
    name: "home automation in host mode with mDNS",
    flags: &[],
    containers: &[
        &[
            "--name",
            "hass",
            "--net=host",
            "-p",
            "8123:8123",
            "-l",
            "app=hass",
            "-l",
            "cofferdam.ingress=multicast:5353/udp, lan:5353/udp",
            "-l",
            "cofferdam.egress=multicast:5353/udp, 192.168.77.2/32:8080/tcp",
            "curl",
            "sh",
            "-c",
            "cofferdam-probe serve hass multicast 224.0.0.251:5353 & exec cofferdam-probe serve hass tcp [::]:8123",
        ],
        &[
            "--name",
            "broker",
            "--net=host",
            "curl",
            "cofferdam-probe",
            "serve",
            "broker",
            "tcp",
            "127.0.0.1:1883",
        ],
    ],
    outside: &[
        ("tcp", "192.168.77.2:8080"),
        ("tcp", "192.168.77.2:8081"),
        ("multicast", "224.0.0.251:5353"),
        ("tcp", "203.0.113.9:443"),
    ],
    paths: &[
        path(Lan, Tcp, "192.168.77.1:8123", Kept),
        path(Lan, Tcp, "[fd77::1]:8123", Kept),
        path(Host, Tcp, "127.0.0.1:8123", Kept),
        path(Lan, SendTo, "224.0.0.251:5353", Kept),
        path(In("hass"), SendTo, "224.0.0.251:5353", Kept),
        path(In("hass"), Tcp, "192.168.77.2:8080", Kept),
        path(In("hass"), Tcp, "203.0.113.9:443", Kept),
        path(In("hass"), Tcp, "192.168.77.2:8081", Lost),
        path(In("hass"), Tcp, "127.0.0.1:1883", Lost),
        path(Host, Tcp, "127.0.0.1:1883", Kept),
    ],
};

/// Labels for other tools make nobody protected: nothing changes at all.
const PROXY: Stack = Stack {
    name: "reverse proxy and apps with traefik labels",
    flags: &[],
    containers: &[
        &[
            "--name",
            "proxy",
            "--network",
            "stack",
            "--ip",
            "10.77.0.2",
            "-p",
            "8080:80",
            "-l",
            "traefik.enable=true",
            "nginx",
        ],
        &[
            "--name",
            "app1",
            "--network",
            "stack",
            "--ip",
            "10.77.0.3",
            "-l",
            "traefik.enable=true",
            "-l",
            "traefik.http.routers.app1.rule=Host(`app1.example`)",
            "curl",
            "cofferdam-probe",
            "serve",
            "app1",
            "tcp",
            "[::]:3000",
        ],
        &[
            "--name",
            "app2",
            "--network",
            "stack",
            "--ip",
            "10.77.0.4",
            "-l",
            "traefik.http.routers.app2.rule=Host(`app2.example`)",
            "curl",
            "cofferdam-probe",
            "serve",
            "app2",
            "tcp",
            "[::]:3000",
        ],
    ],
    outside: &[("tcp", "192.168.77.2:8080")],
    paths: &[
        path(In("proxy"), Tcp, "10.77.0.3:3000", Kept),
        path(In("proxy"), Tcp, "10.77.0.4:3000", Kept),
        path(In("app1"), Tcp, "10.77.0.4:3000", Kept),
        path(In("app1"), Tcp, "192.168.77.2:8080", Kept),
        path(Host, Tcp, "10.77.0.3:3000", Kept),
    ],
};

/// A resolver for the LAN: port 53 is open, its administration page is not.
const DNS: Stack = Stack {
    name: "DNS server in host mode for the LAN",
    flags: &[],
    containers: &[&[
        "--name",
        "dns",
        "--net=host",
        "-l",
        "app=dns",
        "-l",
        "cofferdam.ingress=lan:53/udp, lan:53/tcp, host:53/udp",
        "curl",
        "sh",
        "-c",
        "cofferdam-probe serve dns udp 0.0.0.0:53 & cofferdam-probe serve dns tcp [::]:53 & exec cofferdam-probe serve admin tcp [::]:3000",
    ]],
    outside: &[("udp", "203.0.113.9:53")],
    paths: &[
        path(Lan, Udp, "192.168.77.1:53", Kept),
        path(Lan, SendTo, "192.168.77.1:53", Kept),
        path(Lan, Tcp, "192.168.77.1:53", Kept),
        path(Host, Udp, "127.0.0.1:53", Kept),
        path(In("dns"), Udp, "203.0.113.9:53", Kept),
        path(Lan, Tcp, "192.168.77.1:3000", Lost),
        path(Host, Tcp, "127.0.0.1:3000", Lost),
    ],
};

/// A media server in host mode: the published port counts although Docker ignores it, discovery is opened.
const MEDIA: Stack = Stack {
    name: "media server in host mode",
    flags: &[],
    containers: &[&[
        "--name",
        "media",
        "--net=host",
        "-p",
        "8096:8096",
        "-l",
        "app=media",
        "-l",
        "cofferdam.ingress=multicast:1900/udp",
        "curl",
        "sh",
        "-c",
        "cofferdam-probe serve media multicast 239.255.255.250:1900 & cofferdam-probe serve debug tcp [::]:9999 & exec cofferdam-probe serve media tcp [::]:8096",
    ]],
    outside: &[("tcp", "192.168.77.2:445"), ("tcp", "203.0.113.9:443")],
    paths: &[
        path(Lan, Tcp, "192.168.77.1:8096", Kept),
        path(Lan, SendTo, "239.255.255.250:1900", Kept),
        path(In("media"), Tcp, "203.0.113.9:443", Kept),
        path(In("media"), Tcp, "192.168.77.2:445", Lost),
        path(Lan, Tcp, "192.168.77.1:9999", Lost),
    ],
};

/// A database and its application: the neighbour on the same network does not see the database any more.
const DATABASE: Stack = Stack {
    name: "PostgreSQL and an application",
    flags: &[],
    containers: &[
        &[
            "--name",
            "db",
            "--network",
            "stack",
            "--ip",
            "10.77.0.10",
            "-l",
            "app=shop",
            "-v",
            "/usr:/usr:ro",
            "--user",
            "nobody",
            "debian",
            "sh",
            "-c",
            "D=$(mktemp -d) && B=$(ls -d /usr/lib/postgresql/*/bin | tail -1) && $B/initdb -A trust -U shop $D/db >/dev/null && echo 'host all all 0.0.0.0/0 trust' >> $D/db/pg_hba.conf && exec $B/postgres -D $D/db -c listen_addresses='*' -c unix_socket_directories=$D",
        ],
        &[
            "--name",
            "shop",
            "--network",
            "stack",
            "--ip",
            "10.77.0.11",
            "-l",
            "app=shop",
            "-p",
            "8080:80",
            "nginx",
        ],
        &[
            "--name",
            "stranger",
            "--network",
            "stack",
            "--ip",
            "10.77.0.12",
            "nginx",
        ],
    ],
    outside: &[],
    paths: &[
        path(In("shop"), Kind::Postgres, "10.77.0.10:5432", Kept),
        path(Host, Kind::Http, "127.0.0.1:8080", Kept),
        path(Lan, Kind::Http, "192.168.77.1:8080", Kept),
        path(In("stranger"), Kind::Postgres, "10.77.0.10:5432", Lost),
        path(In("stranger"), Kind::Http, "10.77.0.11:80", Kept),
        path(Host, Kind::Postgres, "10.77.0.10:5432", Lost),
    ],
};

/// An exporter in host mode that a scraper in a network namespace of its own asks.
const METRICS: Stack = Stack {
    name: "node exporter scraped from another namespace",
    flags: &[],
    containers: &[
        &[
            "--name",
            "exporter",
            "--net=host",
            "-l",
            "app=exporter",
            "-l",
            "cofferdam.ingress=app=prometheus:9100/tcp",
            "curl",
            "cofferdam-probe",
            "serve",
            "exporter",
            "tcp",
            "[::]:9100",
        ],
        &[
            "--name",
            "prometheus",
            "--network",
            "stack",
            "-l",
            "app=prometheus",
            "-l",
            "cofferdam.egress=app=exporter:9100/tcp",
            "-dit",
            "curl",
        ],
        &[
            "--name",
            "grafana",
            "--network",
            "stack",
            "-l",
            "app=grafana",
            "-dit",
            "curl",
        ],
    ],
    outside: &[],
    paths: &[
        path(In("prometheus"), Tcp, "10.77.0.1:9100", Kept),
        path(In("prometheus"), Tcp, "192.168.77.1:9100", Kept),
        path(In("grafana"), Tcp, "10.77.0.1:9100", Lost),
        path(Lan, Tcp, "192.168.77.1:9100", Lost),
        path(Host, Tcp, "127.0.0.1:9100", Lost),
    ],
};

/// An agent that may reach one address of the world, and nothing else.
const AGENT: Stack = Stack {
    name: "an agent with an allow-list",
    flags: &["--default", "strict"],
    containers: &[
        &[
            "--name",
            "agent",
            "-l",
            "app=agent",
            "-l",
            "cofferdam.egress=203.0.113.9/32:443",
            "-dit",
            "curl",
        ],
        &["--name", "other", "-p", "8081:80", "nginx"],
    ],
    outside: &[
        ("tcp", "203.0.113.9:443"),
        ("tcp", "203.0.113.9:80"),
        ("tcp", "192.168.77.2:445"),
        ("tcp", "169.254.169.254:80"),
    ],
    paths: &[
        path(In("agent"), Tcp, "203.0.113.9:443", Kept),
        path(In("agent"), Tcp, "203.0.113.9:80", Lost),
        path(In("agent"), Tcp, "192.168.77.2:445", Lost),
        path(In("agent"), Tcp, "169.254.169.254:80", Lost),
        path(In("agent"), Kind::Http, "172.17.0.1:8081", Lost),
        path(In("other"), Tcp, "203.0.113.9:80", Kept),
    ],
};

/// A container that owns a network namespace, and others that live in it and take its openings.
const VPN: Stack = Stack {
    name: "a VPN container with joined ones",
    flags: &[],
    containers: &[
        &[
            "--name",
            "vpn",
            "-l",
            "app=vpn",
            "-p",
            "8090:8090",
            "curl",
            "cofferdam-probe",
            "serve",
            "vpn",
            "tcp",
            "127.0.0.1:8000",
        ],
        &[
            "--name",
            "torrent",
            "--network",
            "container:vpn",
            "-l",
            "app=torrent",
            "curl",
            "cofferdam-probe",
            "serve",
            "torrent",
            "tcp",
            "[::]:8090",
        ],
        &["--name", "stranger", "-dit", "curl"],
    ],
    outside: &[("tcp", "203.0.113.9:443"), ("tcp", "192.168.77.2:445")],
    paths: &[
        path(Host, Tcp, "127.0.0.1:8090", Kept),
        path(Lan, Tcp, "192.168.77.1:8090", Kept),
        path(In("torrent"), Tcp, "127.0.0.1:8000", Kept),
        path(In("vpn"), Tcp, "127.0.0.1:8090", Kept),
        path(In("torrent"), Tcp, "203.0.113.9:443", Kept),
        path(In("torrent"), Tcp, "192.168.77.2:445", Lost),
    ],
};
