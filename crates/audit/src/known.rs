//! Software that should not stand open: which ports and images databases, brokers and administration have, and which
//! protocols say everything in clear.

use crate::model::Service;

/// What a port in a container usually is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Beginnings of image names.
    images: &'static [&'static str],
    /// Ports inside the container.
    ports: &'static [u16],
    /// A word for what it is.
    pub kind: &'static str,
}

const KNOWN: &[Known] = &[
    known(
        "PostgreSQL",
        &[
            "postgres",
            "postgis",
            "timescale",
            "pgvector",
            "supabase-postgres",
        ],
        &[5432],
        "database",
    ),
    known(
        "MySQL or MariaDB",
        &["mysql", "mariadb", "percona", "ragflow-mysql"],
        &[3306, 33060],
        "database",
    ),
    known(
        "MongoDB",
        &["mongo", "mongodb"],
        &[27017, 27018, 27019],
        "database",
    ),
    known(
        "Redis",
        &["redis", "valkey", "keydb", "dragonfly"],
        &[6379, 6380],
        "database",
    ),
    known(
        "Elasticsearch",
        &["elasticsearch", "opensearch"],
        &[9200, 9300],
        "database",
    ),
    known(
        "Microsoft SQL Server",
        &["mssql", "azure-sql-edge"],
        &[1433],
        "database",
    ),
    known("Oracle", &["oracle"], &[1521], "database"),
    known("InfluxDB", &["influxdb"], &[8086], "database"),
    known("CouchDB", &["couchdb"], &[5984], "database"),
    known("Cassandra", &["cassandra", "scylla"], &[9042, 7000], "database"),
    known("Neo4j", &["neo4j"], &[7687, 7474], "database"),
    known("ClickHouse", &["clickhouse"], &[8123, 9000], "database"),
    known(
        "Infinity",
        &["ragflow-infinity", "infinity"],
        &[23817, 23820],
        "database",
    ),
    known("memcached", &["memcached"], &[11211], "cache"),
    known("etcd", &["etcd"], &[2379, 2380], "database"),
    known("RabbitMQ", &["rabbitmq"], &[5672, 15672], "broker"),
    known("Kafka", &["kafka"], &[9092, 9093], "broker"),
    known("NATS", &["nats"], &[4222], "broker"),
    known("MQTT", &["mosquitto", "emqx", "vernemq"], &[1883], "broker"),
    known("ZooKeeper", &["zookeeper"], &[2181], "database"),
    known(
        "the Docker API",
        &["docker-socket-proxy", "socket-proxy"],
        &[2375],
        "administration",
    ),
    known("phpMyAdmin", &["phpmyadmin"], &[], "administration"),
    known("Adminer", &["adminer"], &[], "administration"),
    known("pgAdmin", &["pgadmin"], &[], "administration"),
    known("Portainer", &["portainer"], &[], "administration"),
    known("mongo-express", &["mongo-express"], &[], "administration"),
    known(
        "redis-commander",
        &["redis-commander", "redisinsight"],
        &[],
        "administration",
    ),
];

/// Ports whose protocol neither hides what is said nor, by default, asks who speaks.
const PLAIN: &[(u16, &str)] = &[
    (21, "FTP"),
    (23, "Telnet"),
    (69, "TFTP"),
    (111, "portmapper"),
    (389, "LDAP"),
    (513, "rlogin"),
    (514, "syslog"),
    (873, "rsync"),
    (1883, "MQTT"),
    (2049, "NFS"),
    (2375, "the Docker API"),
    (3306, "MySQL"),
    (5900, "VNC"),
    (6000, "X11"),
    (6379, "Redis"),
    (9200, "Elasticsearch"),
    (11211, "memcached"),
    (27017, "MongoDB"),
];

const fn known(
    name: &'static str,
    images: &'static [&'static str],
    ports: &'static [u16],
    kind: &'static str,
) -> Known {
    Known {
        name,
        images,
        ports,
        kind,
    }
}

/// What `port` of `service` is: by its image where that is known, else by the port. The flag says that both agree.
pub fn known_port(service: &Service, port: u16) -> Option<(&'static Known, bool)> {
    if let Some(known) = by_image(service)
        && (known.ports.is_empty() || known.ports.contains(&port))
    {
        return Some((known, true));
    }
    let by_port = KNOWN.iter().find(|known| known.ports.contains(&port))?;
    // A web application may well sit on 8086 or 9000.
    let telling = !matches!(port, 7000 | 7474 | 8086 | 8123 | 9000 | 9092 | 9093 | 6380 | 2181);
    telling.then_some((by_port, false))
}

/// The first port of what its image is known for.
pub(crate) fn ports_of_image(service: &Service) -> &'static [u16] {
    let ports = by_image(service).map_or(&[][..], |known| known.ports);
    ports.get(..1).unwrap_or_default()
}

/// What a service's image is known to be: `database`, `cache`, `broker`, `administration`.
pub fn kind_of_image(service: &Service) -> Option<&'static str> {
    by_image(service).map(|known| known.kind)
}

fn by_image(service: &Service) -> Option<&'static Known> {
    let image = service.image_name().unwrap_or_default();
    KNOWN.iter().find(|known| {
        known.images.iter().any(|name| {
            image
                .strip_prefix(name)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        })
    })
}

/// The protocol of a port, where it is one in clear.
pub fn plain_protocol(port: u16) -> Option<&'static str> {
    PLAIN
        .iter()
        .find(|(known, _)| *known == port)
        .map(|(_, name)| *name)
}
