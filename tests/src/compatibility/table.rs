//! The services as data. They run as their usual images do; the ports that those expose are given.

use super::By::{self, Client, Host, Itself, Lan};
use super::{Label, Service, Work};

const fn work(what: &'static str, by: By, ask: &'static str, answer: &'static str) -> Work {
    Work {
        what,
        by,
        ask,
        answer: Some(answer),
    }
}

const fn refused(what: &'static str, by: By, ask: &'static str) -> Work {
    Work {
        what,
        by,
        ask,
        answer: None,
    }
}

/// Programs and libraries of this machine.
const DEBIAN: &[&str] = &["-v", "/usr:/usr:ro", "debian"];

/// Issue 7's.
pub const SERVICES: &[Service] = &[
    NGINX, REDIS, POSTGRES, DNSMASQ, AVAHI, AVAHI_TOO, EXPORTER, JAVA, NODE,
];

const NGINX: Service = Service {
    name: "nginx",
    title: "nginx",
    exposes: &["80/tcp"],
    run: &["-p", "80:80", "nginx"],
    command: "exec nginx -g 'daemon off;'",
    files: &[],
    opens: &[("cofferdam.ingress", "app=client:80/tcp")],
    always: &[],
    strict: &[],
    beside: &[],
    work: &[
        work(
            "a health check on 127.0.0.1",
            Itself,
            "curl -sS -m 3 http://127.0.0.1/",
            "cofferdam lab nginx",
        ),
        work(
            "one on `::1`",
            Itself,
            "curl -sS -m 3 http://[::1]/",
            "cofferdam lab nginx",
        ),
        work(
            "a page for a client",
            Client,
            "curl -sS -m 3 http://192.168.77.1/",
            "cofferdam lab nginx",
        ),
        work(
            "a page for the LAN, since its port is published",
            Lan,
            "curl -sS -m 3 http://[fd77::1]/",
            "cofferdam lab nginx",
        ),
        work(
            "a reload",
            Itself,
            "nginx -s reload && curl -sS -m 3 http://localhost/",
            "cofferdam lab nginx",
        ),
    ],
};

const REDIS: Service = Service {
    name: "redis",
    title: "redis",
    exposes: &["6379/tcp"],
    run: DEBIAN,
    command: "exec redis-server --bind '*' '-::*' --protected-mode no --save '' --dir /tmp",
    files: &[],
    opens: &[("cofferdam.ingress", "app=client:6379/tcp")],
    always: &[],
    strict: &[],
    beside: &[],
    work: &[
        work(
            "a health check by `redis-cli ping`",
            Itself,
            "redis-cli ping",
            "PONG",
        ),
        work(
            "a key that a client sets",
            Client,
            "redis-cli -h 192.168.77.1 set key value",
            "OK",
        ),
        work(
            "a key that a client gets",
            Client,
            "redis-cli -h 192.168.77.1 get key",
            "value",
        ),
        refused("nothing for the host", Host, "redis-cli -h 192.168.77.1 ping"),
    ],
};

const POSTGRES: Service = Service {
    name: "postgres",
    title: "PostgreSQL",
    exposes: &["5432/tcp"],
    run: &["-v", "/usr:/usr:ro", "--user", "nobody", "debian"],
    command: "D=$(mktemp -d) && B=$(ls -d /usr/lib/postgresql/*/bin | tail -1) && $B/initdb -A trust -U shop $D/db >/dev/null && echo 'host all all 0.0.0.0/0 trust' >> $D/db/pg_hba.conf && exec $B/postgres -D $D/db -c listen_addresses='*' -c unix_socket_directories=$D",
    files: &[],
    opens: &[("cofferdam.ingress", "app=client:5432/tcp")],
    always: &[],
    strict: &[],
    beside: &[],
    work: &[
        work(
            "a health check by `pg_isready` on 127.0.0.1",
            Itself,
            "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/pg_isready -h 127.0.0.1",
            "accepting connections",
        ),
        work(
            "SQL of a client",
            Client,
            "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/psql -h 192.168.77.1 -U shop postgres -tc 'select 6 * 7'",
            "42",
        ),
        refused(
            "nothing for the host",
            Host,
            "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/psql -h 192.168.77.1 -U shop postgres -tc 'select 6 * 7'",
        ),
    ],
};

const DNSMASQ: Service = Service {
    name: "dnsmasq",
    title: "a DNS server (dnsmasq)",
    exposes: &["53/tcp", "53/udp"],
    run: DEBIAN,
    command: "exec dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file=/tmp/dnsmasq.pid --user=root --no-resolv --no-hosts --address=/shop.test/203.0.113.7 --server=/world.test/203.0.113.9",
    files: &[],
    opens: &[("cofferdam.ingress", "app=client:53, lan:53")],
    always: &[],
    strict: &[],
    // Somebody of the world who knows other names.
    beside: &[(
        Lan,
        "dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file=/run/dnsmasq.pid --user=root --no-resolv --no-hosts --bind-interfaces --listen-address=203.0.113.9 --address=/world.test/203.0.113.8 & echo ready; exec sleep 600",
    )],
    work: &[
        work(
            "its own name on 127.0.0.1",
            Itself,
            "dig +short +time=1 +tries=1 @127.0.0.1 www.shop.test",
            "203.0.113.7",
        ),
        work(
            "names for a client by UDP",
            Client,
            "dig +short +time=1 +tries=1 @192.168.77.1 www.shop.test",
            "203.0.113.7",
        ),
        work(
            "names for a client by TCP",
            Client,
            "dig +short +tcp +time=1 +tries=1 @192.168.77.1 www.shop.test",
            "203.0.113.7",
        ),
        work(
            "names for the LAN",
            Lan,
            "dig +short +time=1 +tries=1 @192.168.77.1 www.shop.test",
            "203.0.113.7",
        ),
        work(
            "names for the LAN by IPv6",
            Lan,
            "dig +short +time=1 +tries=1 @fd77::1 www.shop.test",
            "203.0.113.7",
        ),
        work(
            "names that others know",
            Client,
            "dig +short +time=1 +tries=1 @192.168.77.1 www.world.test",
            "203.0.113.8",
        ),
    ],
};

/// Its users and its bus, then itself.
const AVAHI_COMMAND: &str = "echo avahi:x:990:990::/:/bin/sh >> /etc/passwd; echo avahi:x:990: >> /etc/group; mkdir -p /run/dbus /run/avahi-daemon && dbus-daemon --config-file=/service/bus.conf --nofork & while ! test -S /run/dbus/system_bus_socket; do sleep 0.1; done; exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f /service/inside.conf";
const MDNS: &[Label] = &[
    ("cofferdam.ingress", "multicast:5353/udp, lan:5353/udp"),
    ("cofferdam.egress", "multicast:5353/udp, lan:5353/udp"),
];
/// A neighbour with a name and a service.
const AVAHI_OF_THE_LAN: (By, &str) = (
    Lan,
    "mkdir -p /run/avahi-daemon; export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$PWD/bus; dbus-daemon --config-file=bus.conf --address=$DBUS_SYSTEM_BUS_ADDRESS --nofork & while ! test -S bus; do sleep 0.1; done; avahi-daemon --no-drop-root --no-chroot --no-rlimits -f outside.conf & until avahi-publish -s page _http._tcp 80; do sleep 0.1; done & echo ready; exec sleep 600",
);
/// The host's own, which has the port, too.
const AVAHI_OF_THE_HOST: (By, &str) = (
    Host,
    "mkdir -p /run/avahi-daemon; export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$PWD/captain; dbus-daemon --config-file=bus.conf --address=$DBUS_SYSTEM_BUS_ADDRESS --nofork & while ! test -S captain; do sleep 0.1; done; avahi-daemon --no-drop-root --no-chroot --no-rlimits -f captain.conf & until avahi-resolve -4 -n captain.local; do sleep 0.1; done >&2; echo ready; exec sleep 600",
);
const LAN_NAMES: Work = work(
    "the LAN's names",
    Itself,
    "avahi-resolve -4 -n outside.local",
    "192.168.77.2",
);
const LAN_SERVICES: Work = work(
    "the LAN's services",
    Itself,
    "timeout 5 avahi-browse -rtp _http._tcp",
    "outside.local",
);
const OWN_NAME: Work = work(
    "its own name for the LAN",
    Lan,
    "DBUS_SYSTEM_BUS_ADDRESS=unix:path=$PWD/bus avahi-resolve -4 -n inside.local",
    "192.168.77.1",
);

const AVAHI: Service = Service {
    name: "avahi",
    title: "avahi (mDNS)",
    exposes: &[],
    run: DEBIAN,
    command: AVAHI_COMMAND,
    files: &[
        ("bus.conf", include_str!("bus.conf")),
        (
            "inside.conf",
            "[server]\nhost-name=inside\nallow-interfaces=lan0\n",
        ),
        (
            "outside.conf",
            "[server]\nhost-name=outside\nallow-interfaces=lan0\n",
        ),
    ],
    opens: MDNS,
    always: &[],
    strict: &[("cofferdam.bind", "5353/udp")],
    beside: &[AVAHI_OF_THE_LAN],
    work: &[LAN_NAMES, LAN_SERVICES, OWN_NAME],
};

/// It says nothing of the host's addresses: two that do take each other for strangers with the same name.
const AVAHI_TOO: Service = Service {
    name: "avahi-too",
    title: "avahi beside one of the host's own",
    files: &[
        ("bus.conf", include_str!("bus.conf")),
        (
            "inside.conf",
            "[server]\nallow-interfaces=lan0\n[publish]\npublish-addresses=no\npublish-hinfo=no\npublish-workstation=no\n",
        ),
        (
            "outside.conf",
            "[server]\nhost-name=outside\nallow-interfaces=lan0\n",
        ),
        (
            "captain.conf",
            "[server]\nhost-name=captain\nallow-interfaces=lan0\n",
        ),
    ],
    always: &[("cofferdam.allow", "shared:5353/udp")],
    beside: &[AVAHI_OF_THE_LAN, AVAHI_OF_THE_HOST],
    work: &[LAN_NAMES, LAN_SERVICES],
    ..AVAHI
};

const EXPORTER: Service = Service {
    name: "exporter",
    title: "node-exporter",
    exposes: &["9100/tcp"],
    run: DEBIAN,
    command: "exec prometheus-node-exporter",
    files: &[],
    opens: &[("cofferdam.ingress", "app=client:9100/tcp")],
    always: &[],
    strict: &[],
    beside: &[],
    work: &[
        work(
            "a health check on 127.0.0.1",
            Itself,
            "curl -sS -m 3 http://127.0.0.1:9100/",
            "Node Exporter",
        ),
        work(
            "metrics of the host's network for a client",
            Client,
            "curl -sS -m 3 http://192.168.77.1:9100/metrics",
            "node_network_receive_bytes_total{device=\"lan0\"}",
        ),
        work(
            "and counters of its protocols",
            Client,
            "curl -sS -m 3 http://192.168.77.1:9100/metrics",
            "node_netstat_Tcp_PassiveOpens",
        ),
        refused(
            "nothing for the host",
            Host,
            "curl -sS -m 3 http://192.168.77.1:9100/metrics",
        ),
    ],
};

const JAVA: Service = Service {
    name: "java",
    title: "a Java service",
    exposes: &[],
    run: &[
        "-v",
        "/etc/java-17-openjdk:/etc/java-17-openjdk:ro",
        "-v",
        "/usr:/usr:ro",
        "debian",
    ],
    command: "exec $(ls -d /usr/lib/jvm/*/bin/java | tail -1) /service/Service.java",
    files: &[("Service.java", include_str!("Service.java"))],
    opens: &[("cofferdam.ingress", "app=client:8090/tcp")],
    always: &[],
    strict: &[("cofferdam.bind", "8090/tcp")],
    beside: &[],
    work: &[
        work(
            "an answer for a client, for which it asks its own 127.0.0.1",
            Client,
            "curl -sS -m 3 http://192.168.77.1:8090/",
            "java says stock 7",
        ),
        refused(
            "nothing for the host",
            Host,
            "curl -sS -m 3 http://192.168.77.1:8090/",
        ),
    ],
};

const NODE: Service = Service {
    name: "node",
    title: "a Node service",
    exposes: &[],
    run: DEBIAN,
    command: "exec node /service/service.js",
    files: &[("service.js", include_str!("service.js"))],
    opens: &[("cofferdam.ingress", "app=client:8092/tcp")],
    always: &[],
    strict: &[("cofferdam.bind", "8092/tcp")],
    beside: &[],
    work: &[
        work(
            "an answer for a client, for which it asks its own 127.0.0.1",
            Client,
            "curl -sS -m 3 http://192.168.77.1:8092/",
            "node says stock 8",
        ),
        refused(
            "nothing for the host",
            Host,
            "curl -sS -m 3 http://192.168.77.1:8092/",
        ),
    ],
};
