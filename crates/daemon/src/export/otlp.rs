//! OTLP over HTTP: each flow record is a log record, its parts are attributes under the names that OpenTelemetry gives them.

use std::sync::Arc;

use cofferdam_api::{FlowView, Timestamp, Verdict};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::http::Post;
use super::sink::{Receiver, Refused};
use super::words::{Value, parts, sentence};
use crate::config::Otlp;

/// A collector.
pub(super) struct Collector {
    post: Post,
    host: String,
}

// === impl Collector ===

impl Collector {
    pub(super) fn new(config: &Otlp, host: String) -> Self {
        let url = format!("{}/v1/logs", config.endpoint.trim_end_matches('/'));
        Self {
            post: Post::new(url, config.headers.clone()),
            host,
        }
    }

    pub(super) fn target(&self) -> String {
        self.post.target()
    }

    fn request(&self, items: &[Arc<FlowView>]) -> ExportLogsServiceRequest {
        let resource = Resource {
            attributes: vec![
                text("service.name", "cofferdam"),
                text("service.version", env!("CARGO_PKG_VERSION")),
                text("host.name", &self.host),
                text("os.type", "linux"),
            ],
            ..Resource::default()
        };
        let scope = InstrumentationScope {
            name: "cofferdam.flows".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let logs = ScopeLogs {
            scope: Some(scope),
            log_records: items.iter().map(|flow| record(flow)).collect(),
            ..ScopeLogs::default()
        };
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(resource),
                scope_logs: vec![logs],
                ..ResourceLogs::default()
            }],
        }
    }
}

impl Receiver for Collector {
    type Item = Arc<FlowView>;

    fn take(&mut self, items: &[Self::Item]) -> Result<(), Refused> {
        let body = self.request(items).encode_to_vec();
        self.post.send("application/x-protobuf", &body, items.len())
    }
}

fn record(flow: &FlowView) -> LogRecord {
    let (severity, word) = match flow.verdict {
        Verdict::Deny => (SeverityNumber::Warn, "WARN"),
        Verdict::Allow => (SeverityNumber::Info, "INFO"),
    };
    LogRecord {
        time_unix_nano: nanoseconds(flow.time),
        observed_time_unix_nano: nanoseconds(Timestamp::now()),
        severity_number: severity.into(),
        severity_text: word.to_owned(),
        body: Some(any(any_value::Value::StringValue(sentence(flow)))),
        attributes: attributes(flow),
        event_name: "cofferdam.flow".to_owned(),
        ..LogRecord::default()
    }
}

/// Those of the conventions first, ours below `cofferdam.`.
fn attributes(flow: &FlowView) -> Vec<KeyValue> {
    let to = flow.destination;
    let mut all = vec![
        text("network.transport", &flow.protocol),
        text("network.type", if to.is_ipv4() { "ipv4" } else { "ipv6" }),
        text("destination.address", &to.ip().to_string()),
        number("destination.port", u64::from(to.port())),
    ];
    if let Some(source) = flow.source {
        all.push(text("source.address", &source.ip().to_string()));
        all.push(number("source.port", u64::from(source.port())));
    }
    if let Some(pid) = flow.pid {
        all.push(number("process.pid", u64::from(pid)));
    }
    if let Some(comm) = &flow.comm {
        all.push(text("process.executable.name", comm));
    }
    all.extend(parts(flow).into_iter().map(|(name, value)| {
        let name = format!("cofferdam.{name}");
        match value {
            Value::Text(value) => text(&name, &value),
            Value::Number(value) => number(&name, value),
        }
    }));
    all
}

fn text(name: &str, value: &str) -> KeyValue {
    pair(name, any_value::Value::StringValue(value.to_owned()))
}

fn number(name: &str, value: u64) -> KeyValue {
    pair(
        name,
        any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)),
    )
}

fn pair(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

fn any(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}
