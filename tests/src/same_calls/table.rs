//! The programs that strangers run, as data. Each serves and asks on its own ports.

use super::{ALL, Program, Server, Step};

const fn step(command: &'static str) -> Step {
    Step { command, ended: 0 }
}

/// Ours, which makes every call that it knows, then servers that everybody knows.
pub const PROGRAMS: &[Program] = &[CALLS, NGINX, REDIS, POSTGRES];

const CALLS: Program = Program {
    name: "calls",
    files: &[],
    prepare: "true",
    server: None,
    steps: &[step("./calls .")],
};

const NGINX: Program = Program {
    name: "nginx",
    files: &[
        (
            "nginx.conf",
            "user root; worker_processes 1; daemon off; pid FOLDER/pid; error_log /dev/stderr;
events { worker_connections 64; }
http {
    access_log off;
    server { listen 7411; listen [::]:7411 ipv6only=on; root FOLDER; default_type text/plain; }
}
",
        ),
        ("index.html", "hello\n"),
    ],
    // So that its folders are there in every turn.
    prepare: "nginx -c $PWD/nginx.conf -t",
    server: Some(Server {
        command: "nginx -c $PWD/nginx.conf",
        port: 7411,
        ready: "true",
        calls: ALL,
        stop: "true",
    }),
    steps: &[
        step("curl -s http://127.0.0.1:7411/"),
        step("curl -s http://[::1]:7411/"),
        step("curl -s http://192.168.77.1:7411/"),
        step("curl -s http://127.0.0.1:7410/"),
        Step {
            command: "nginx -c $PWD/nginx.conf -s reload",
            // The worker that was before.
            ended: 1,
        },
        step("curl -s http://127.0.0.1:7411/"),
        step("nginx -c $PWD/nginx.conf -s quit"),
    ],
};

const REDIS: Program = Program {
    name: "redis",
    files: &[],
    prepare: "true",
    server: Some(Server {
        command: "redis-server --port 7412 --bind 127.0.0.1 ::1 --save '' --appendonly no",
        port: 7412,
        ready: "true",
        // Its other calls are those of its clock.
        calls: "%network",
        stop: "true",
    }),
    steps: &[
        step("redis-cli -p 7412 set key value"),
        step("redis-cli -h ::1 -p 7412 get key"),
        step("redis-cli -h ::1 -p 7413 get key"),
        step("redis-cli -p 7412 shutdown nosave"),
    ],
};

const POSTGRES: Program = Program {
    name: "postgres",
    files: &[
        (
            "start",
            "exec bin/postgres -D db -c port=7414 -c listen_addresses=127.0.0.1,::1 -c unix_socket_directories=$PWD -c autovacuum=off
",
        ),
    ],
    prepare: "ln -s $(ls -d /usr/lib/postgresql/*/bin | tail -1) bin; setpriv --reuid 65534 --regid 65534 --clear-groups bin/initdb -A trust -U shop db",
    server: Some(Server {
        command: "setpriv --reuid 65534 --regid 65534 --clear-groups sh start",
        port: 7414,
        ready: "grep -q ready db/postmaster.pid",
        // Its other calls are those of a clock in each of its processes.
        calls: "%network",
        stop: "kill -INT $(head -1 db/postmaster.pid)",
    }),
    steps: &[
        step("bin/psql -h 127.0.0.1 -p 7414 -U shop postgres -tc 'select 1'"),
        step("bin/psql -h ::1 -p 7414 -U shop postgres -tc 'select 1'"),
        step("bin/psql -h $PWD -p 7414 -U shop postgres -tc 'select 1'"),
    ],
};
