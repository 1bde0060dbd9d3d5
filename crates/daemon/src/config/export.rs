//! `[export.*]` and `[[webhook]]`: where flow records and alerts go besides the daemon's own store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// `[export]`. A table that is there is an export that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Export {
    /// The system's journal.
    pub journald: Option<Journald>,
    /// A collector of OpenTelemetry.
    pub otlp: Option<Otlp>,
    /// One JSON object a line.
    pub json: Option<Json>,
}

/// Which records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// What was denied, or would have been.
    #[default]
    Denied,
    /// All.
    All,
}

/// `[export.journald]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Journald {
    /// Which records.
    pub flows: Which,
    /// Another journal than the system's: one of journald's namespaces.
    pub namespace: Option<String>,
}

/// `[export.otlp]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Otlp {
    /// Which records.
    #[serde(default)]
    pub flows: Which,
    /// The collector, without `/v1/logs`.
    pub endpoint: String,
    /// Headers of each request.
    #[serde(default)]
    pub headers: Headers,
}

/// `[export.json]`: one of `path`, `socket` and `tcp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Json {
    /// Which records.
    pub flows: Which,
    /// A file, which is appended to.
    pub path: Option<PathBuf>,
    /// A unix socket of somebody who reads lines.
    pub socket: Option<PathBuf>,
    /// The same over TCP: host and port.
    pub tcp: Option<String>,
}

/// `[[webhook]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    /// Where alerts are posted.
    pub url: String,
    /// Which.
    #[serde(default = "AlertKind::all")]
    pub events: Vec<AlertKind>,
    /// Headers of each request.
    #[serde(default)]
    pub headers: Headers,
}

/// What a webhook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// Somebody was denied somebody for the first time.
    FirstDenial,
    /// A policy file was refused.
    PolicyError,
    /// Something of the data plane is missing, full, lost or failed, or enforcement was switched off.
    EnforcementAtRisk,
}

/// Headers; they may hold a password, so they are not shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

/// What makes no sense, and what would.
pub(super) fn validate(export: &Export, webhooks: &[Webhook]) -> Result<(), (String, String)> {
    if let Some(otlp) = &export.otlp {
        http(
            &otlp.endpoint,
            "export.otlp.endpoint",
            "\"http://127.0.0.1:4318\"",
        )?;
        headers(&otlp.headers, "export.otlp.headers")?;
    }
    export.json.as_ref().map_or(Ok(()), one_way)?;
    if let Some(namespace) = export.journald.iter().find_map(|one| one.namespace.as_ref())
        && (namespace.is_empty() || namespace.contains(['/', '.']))
    {
        return Err((
            format!("export.journald.namespace = \"{namespace}\" is no namespace of journald"),
            "a word, as LogNamespace= of a unit has it".to_owned(),
        ));
    }
    for (index, webhook) in webhooks.iter().enumerate() {
        let what = format!("[[webhook]] number {}", index + 1);
        http(
            &webhook.url,
            &format!("{what}: url"),
            "\"https://example.org/hook\"",
        )?;
        headers(&webhook.headers, &format!("{what}: headers"))?;
    }
    Ok(())
}

fn one_way(json: &Json) -> Result<(), (String, String)> {
    let ways = [json.path.is_some(), json.socket.is_some(), json.tcp.is_some()];
    if ways.iter().filter(|way| **way).count() != 1 {
        return Err((
            "[export.json] needs one of path, socket and tcp".to_owned(),
            "path = \"/var/log/cofferdam/flows.jsonl\"".to_owned(),
        ));
    }
    let port = |tcp: &str| {
        tcp.rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if let Some(tcp) = json.tcp.as_deref().filter(|tcp| !port(tcp)) {
        return Err((
            format!("export.json.tcp = \"{tcp}\" is no host and port"),
            "\"127.0.0.1:5170\"".to_owned(),
        ));
    }
    let relative = |path: &&PathBuf| !path.is_absolute();
    if let Some(path) = json.path.iter().chain(&json.socket).find(relative) {
        return Err((
            format!("export.json: {} is no absolute path", path.display()),
            "path = \"/var/log/cofferdam/flows.jsonl\"".to_owned(),
        ));
    }
    Ok(())
}

fn http(url: &str, key: &str, right: &str) -> Result<(), (String, String)> {
    let good = url.parse::<ureq::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if good {
        return Ok(());
    }
    // Without what it says: an address may hold a password.
    Err((
        format!("{key} is no http:// or https:// address"),
        right.to_owned(),
    ))
}

fn headers(headers: &Headers, key: &str) -> Result<(), (String, String)> {
    let bad = headers.0.iter().find(|(name, value)| {
        ureq::http::HeaderName::from_bytes(name.as_bytes()).is_err()
            || ureq::http::HeaderValue::from_str(value).is_err()
    });
    bad.map_or(Ok(()), |(name, _)| {
        Err((
            format!("{key}: `{}` is no header", name.escape_debug()),
            "{ Authorization = \"Bearer TOKEN\" }".to_owned(),
        ))
    })
}

// === impl AlertKind ===

impl AlertKind {
    fn all() -> Vec<Self> {
        vec![Self::FirstDenial, Self::PolicyError, Self::EnforcementAtRisk]
    }
}

// === impl Headers ===

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
