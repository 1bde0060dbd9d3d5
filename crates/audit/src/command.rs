//! A `docker run` line as a service: what `cofferdam audit -- docker run ...` judges before anything runs.

use crate::model::{
    Mount, MountKind, NetworkMode, NetworkUse, Origin, Port, PortRange, Project, Service, is_host_path,
};
use crate::position::{Located, Note, Position};

#[cfg(test)]
mod tests;

/// Options that stand alone; every other one has a value.
const ALONE: &[&str] = &[
    "detach",
    "interactive",
    "tty",
    "rm",
    "init",
    "privileged",
    "read-only",
    "publish-all",
    "no-healthcheck",
    "oom-kill-disable",
    "sig-proxy",
    "quiet",
    "disable-content-trust",
    "use-api-socket",
    "help",
    "replace",
];
/// Options of one letter that stand alone.
const ALONE_LETTERS: &str = "ditPq";
/// Options of one letter with a value, and their names.
const LETTERS: &[(char, &str)] = &[
    ('p', "publish"),
    ('v', "volume"),
    ('e', "env"),
    ('l', "label"),
    ('u', "user"),
    ('h', "hostname"),
    ('w', "workdir"),
    ('m', "memory"),
    ('a', "attach"),
    ('c', "cpu-shares"),
];

/// Capabilities that Docker gives by default and Podman since its version 4 does not.
const NOT_PODMANS: &[&str] = &["AUDIT_WRITE", "MKNOD", "NET_RAW"];

/// Reads the words of a command line. `None` where they do not run or create a container.
pub fn read(words: &[String]) -> Option<Project> {
    let run = words
        .iter()
        .position(|word| matches!(word.as_str(), "run" | "create"))?;
    let program = words.first()?.rsplit('/').next()?;
    if run == 0 || !matches!(program, "docker" | "podman" | "nerdctl" | "sudo") {
        return None;
    }
    let mut reader = Reader {
        service: Service::new("container", Origin::Command, at(run)),
        notes: Vec::new(),
    };
    if words.iter().take(run).any(|word| word.ends_with("podman")) {
        let dropped = NOT_PODMANS
            .iter()
            .map(|cap| Located::new((*cap).to_owned(), at(0)));
        reader.service.cap_drop.extend(dropped);
    }
    let mut here = run + 1;
    while let Some(word) = words
        .get(here)
        .filter(|word| word.starts_with('-') && *word != "--")
    {
        let next = words.get(here + 1).map(String::as_str);
        here += 1 + usize::from(reader.word(word, next, here));
    }
    if words.get(here).is_some_and(|word| word == "--") {
        here += 1;
    }
    match words.get(here) {
        Some(image) => reader.service.image = Some(Located::new(image.clone(), at(here))),
        None => reader.note(here, "no image is named".to_owned()),
    }
    Some(Project {
        name: "command".to_owned(),
        file: at(0).file,
        services: vec![reader.service],
        networks: Vec::new(),
        notes: reader.notes,
    })
}

/// The column is the number of the word.
fn at(word: usize) -> Position {
    let column = u32::try_from(word).unwrap_or(u32::MAX).saturating_add(1);
    Position::new("run:docker", 1, column)
}

struct Reader {
    service: Service,
    notes: Vec<Note>,
}

// === impl Reader ===

impl Reader {
    /// Reads one option; true where it took the next word as its value.
    fn word(&mut self, word: &str, next: Option<&str>, here: usize) -> bool {
        if let Some(long) = word.strip_prefix("--") {
            if let Some((name, value)) = long.split_once('=') {
                self.option(name, value, here);
                return false;
            }
            if ALONE.contains(&long) {
                self.option(long, "true", here);
                return false;
            }
            self.option(long, next.unwrap_or_default(), here + 1);
            return true;
        }
        let letters = word.trim_start_matches('-');
        for (position, letter) in letters.char_indices() {
            if ALONE_LETTERS.contains(letter) {
                continue;
            }
            let name = LETTERS
                .iter()
                .find(|(known, _)| *known == letter)
                .map(|(_, name)| *name);
            let Some(name) = name else { return false };
            let rest = letters[position + letter.len_utf8()..].trim_start_matches('=');
            if rest.is_empty() {
                self.option(name, next.unwrap_or_default(), here + 1);
                return true;
            }
            self.option(name, rest, here);
            return false;
        }
        false
    }

    fn option(&mut self, name: &str, value: &str, here: usize) {
        let located = || Located::new(value.to_owned(), at(here));
        let service = &mut self.service;
        let set = value != "false";
        match name {
            "name" => {
                value.clone_into(&mut service.name);
                service.container_name = Some(value.to_owned());
            }
            "net" | "network" => self.network(value, here),
            "publish" => match Port::parse(value, &at(here)) {
                Some(port) => service.ports.push(port),
                None => self.note(here, format!("port `{value}` is not understood, left out")),
            },
            "expose" => {
                let range = PortRange::parse(value.split('/').next().unwrap_or(value));
                service
                    .expose
                    .extend(range.map(|range| Located::new(range, at(here))));
            }
            "volume" => service.mounts.extend(Mount::parse(value, &at(here))),
            "mount" => service.mounts.extend(mount(value, here)),
            "device" => {
                let path = value.split(':').next().unwrap_or(value);
                service.devices.push(Located::new(path.to_owned(), at(here)));
            }
            "cap-add" => service.cap_add.push(located()),
            "cap-drop" => service.cap_drop.push(located()),
            "privileged" => service.privileged = set.then(|| at(here)),
            "use-api-socket" => service.api_socket = set.then(|| at(here)),
            "pid" => service.pid = Some(located()),
            "ipc" => service.ipc = Some(located()),
            "uts" => service.uts = Some(located()),
            "userns" => service.userns = Some(located()),
            "security-opt" => service.security.push(located()),
            "user" => service.user = Some(located()),
            "link" => service.links.push(located()),
            "label" => service.labels.push(pair(value, '=', here)),
            "sysctl" => service.sysctls.push(pair(value, '=', here)),
            "env" => {
                let (name, value) = pair(value, '=', here);
                service.environment.push((name, Some(value)));
            }
            "add-host" => {
                let separator = if value.contains('=') { '=' } else { ':' };
                service.extra_hosts.push(pair(value, separator, here));
            }
            _ => {}
        }
    }

    fn network(&mut self, value: &str, here: usize) {
        let name = value
            .split(',')
            .find_map(|part| part.strip_prefix("name="))
            .unwrap_or(value);
        let mode = NetworkMode::parse(name);
        if let NetworkMode::Named(name) = &mode {
            self.service.networks.push(NetworkUse {
                name: Located::new(name.clone(), at(here)),
                addresses: Vec::new(),
                gateways: Vec::new(),
            });
        }
        self.service
            .network_mode
            .get_or_insert(Located::new(mode, at(here)));
    }

    fn note(&mut self, here: usize, text: String) {
        self.notes.push(Note { at: at(here), text });
    }
}

fn pair(text: &str, separator: char, here: usize) -> (Located<String>, String) {
    let (key, value) = text.split_once(separator).unwrap_or((text, ""));
    (Located::new(key.to_owned(), at(here)), value.to_owned())
}

/// `type=bind,source=/a,target=/b,readonly`.
fn mount(text: &str, here: usize) -> Option<Mount> {
    let value = |keys: &[&str]| {
        text.split(',').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            keys.contains(&key).then(|| value.to_owned())
        })
    };
    let source = value(&["source", "src"]);
    let kind = match value(&["type"]).as_deref() {
        Some("bind") => MountKind::Bind,
        Some("tmpfs") => MountKind::Tmpfs,
        Some("volume") => MountKind::Volume,
        None if source.as_deref().is_some_and(is_host_path) => MountKind::Bind,
        None => MountKind::Volume,
        Some(_) => MountKind::Other,
    };
    let read_only = text
        .split(',')
        .any(|part| matches!(part, "readonly" | "ro" | "readonly=true" | "ro=true"));
    Some(Mount {
        kind,
        source,
        device: value(&["volume-opt=device"]),
        target: value(&["target", "destination", "dst"])?,
        read_only,
        at: at(here),
    })
}
