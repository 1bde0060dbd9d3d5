//! Where flow records and alerts go besides the daemon's own store: journald, OTLP, JSON lines, webhooks.
//!
//! Each receiver has a queue and a thread of its own (`sink`); what it is given and how it looks there is decided in the file of
//! its name.

use std::sync::Arc;
use std::time::Instant;

use cofferdam_api::{ExportView, FlowView, Verdict};

use crate::alerts::Alert;
use crate::config::{AlertKind, Config, Export, Webhook, Which};
use http::Post;
use journald::Journal;
use json::Lines;
use otlp::Collector;
use sink::Sink;
use webhook::Hook;

mod http;
mod journald;
mod json;
mod otlp;
mod sink;
#[cfg(test)]
mod tests;
mod webhook;
mod words;

pub(crate) use words::sentence;

const JOURNALD: &str = "export.journald";
const OTLP: &str = "export.otlp";
const JSON: &str = "export.json";

/// Everybody who is told.
#[derive(Default)]
pub(crate) struct Exports {
    host: String,
    config: Export,
    webhooks: Vec<Webhook>,
    records: Vec<(Which, Sink<Arc<FlowView>>)>,
    hooks: Vec<(Vec<AlertKind>, Sink<Arc<Alert>>)>,
    trouble: Vec<String>,
}

// === impl Exports ===

impl Exports {
    pub(crate) fn new(host: String) -> Self {
        Self {
            host,
            ..Self::default()
        }
    }

    /// Starts what the configuration has and the last one had not, ends what it has no more, and has files opened anew.
    pub(crate) fn configure(&mut self, config: &Config) {
        let (old, new) = (self.config.clone(), &config.export);
        let changed = [
            (JOURNALD, old.journald != new.journald),
            (OTLP, old.otlp != new.otlp),
            (JSON, old.json != new.json),
        ];
        for name in changed
            .into_iter()
            .filter(|(_, changed)| *changed)
            .map(|(name, _)| name)
        {
            let is_it = |(_, sink): &mut (Which, Sink<_>)| sink.view().name == name;
            let ended: Vec<_> = self.records.extract_if(.., is_it).collect();
            ended.iter().for_each(|(_, sink)| self.give_up(&sink.view()));
            self.config = config.export.clone();
            self.start_records(name);
        }
        if self.webhooks != config.webhook {
            let ended = std::mem::take(&mut self.hooks);
            ended.iter().for_each(|(_, sink)| self.give_up(&sink.view()));
            self.webhooks.clone_from(&config.webhook);
            self.start_hooks();
        }
        for (_, sink) in &self.records {
            sink.reopen();
        }
    }

    /// Lines about what could not be started.
    pub(crate) fn trouble(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trouble)
    }

    /// Whether anybody wants records: for themselves, or for alerts about them.
    pub(crate) fn wants_flows(&self) -> bool {
        !self.records.is_empty() || self.wants(AlertKind::FirstDenial)
    }

    /// Whether anybody wants alerts.
    pub(crate) fn wants_alerts(&self) -> bool {
        !self.hooks.is_empty()
    }

    fn wants(&self, kind: AlertKind) -> bool {
        self.hooks.iter().any(|(kinds, _)| kinds.contains(&kind))
    }

    /// Gives a record to everybody who wants it.
    pub(crate) fn flow(&self, flow: &Arc<FlowView>) {
        for (which, sink) in &self.records {
            if *which == Which::All || flow.verdict == Verdict::Deny {
                sink.give(Arc::clone(flow));
            }
        }
    }

    /// Records that nobody can be given any more.
    pub(crate) fn lose(&self, records: u64) {
        self.records.iter().for_each(|(_, sink)| sink.lose(records));
    }

    /// Gives an alert to everybody who wants it.
    pub(crate) fn alert(&self, alert: &Arc<Alert>) {
        for (kinds, sink) in &self.hooks {
            if kinds.contains(&alert.alert) {
                sink.give(Arc::clone(alert));
            }
        }
    }

    /// How they are.
    pub(crate) fn views(&self) -> Vec<ExportView> {
        let records = self.records.iter().map(|(_, sink)| sink.view());
        records
            .chain(self.hooks.iter().map(|(_, sink)| sink.view()))
            .collect()
    }

    /// Ends them; what waits is tried once, and not longer than until `deadline`.
    pub(crate) fn finish(&mut self, deadline: Instant) {
        self.records.iter_mut().for_each(|(_, sink)| sink.end());
        self.hooks.iter_mut().for_each(|(_, sink)| sink.end());
        self.records.iter().for_each(|(_, sink)| sink.wait(deadline));
        self.hooks.iter().for_each(|(_, sink)| sink.wait(deadline));
    }

    /// One whose configuration is another now: what waits is tried once more.
    fn give_up(&mut self, sink: &ExportView) {
        if sink.waiting > 0 {
            self.trouble.push(format!(
                "{} is configured anew: {} that wait for {} are tried once more and then dropped",
                sink.name, sink.waiting, sink.target
            ));
        }
    }

    fn start_records(&mut self, name: &str) {
        let config = self.config.clone();
        if let Some(journald) = config.journald.as_ref().filter(|_| name == JOURNALD) {
            let journal = Journal::new(journald);
            let started = Sink::start(JOURNALD, journal.target(), journal);
            self.keep(journald.flows, started);
        }
        if let Some(otlp) = config.otlp.as_ref().filter(|_| name == OTLP) {
            let collector = Collector::new(otlp, self.host.clone());
            let started = Sink::start(OTLP, collector.target(), collector);
            self.keep(otlp.flows, started);
        }
        if let Some(json) = config.json.as_ref().filter(|_| name == JSON) {
            let lines = Lines::new(json);
            let started = Sink::start(JSON, lines.target(), lines);
            self.keep(json.flows, started);
        }
    }

    fn keep(&mut self, which: Which, started: std::io::Result<Sink<Arc<FlowView>>>) {
        match started {
            Ok(sink) => self.records.push((which, sink)),
            Err(error) => self
                .trouble
                .push(format!("flow records are not exported: {error}")),
        }
    }

    fn start_hooks(&mut self) {
        for (index, webhook) in self.webhooks.iter().enumerate() {
            let post = Post::new(webhook.url.clone(), webhook.headers.clone());
            let name = format!("webhook-{}", index + 1);
            match Sink::start(&name, post.target(), Hook(post)) {
                Ok(sink) => self.hooks.push((webhook.events.clone(), sink)),
                Err(error) => self.trouble.push(format!("alerts are not posted: {error}")),
            }
        }
    }
}
