//! POST, with TLS where the address says https: what a collector and a webhook have in common.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::sink::Refused;
use crate::config::Headers;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is read of an answer that says why.
const WHY: u64 = 4096;

/// An address to post to.
pub(super) struct Post {
    agent: Agent,
    url: String,
    headers: Headers,
}

// === impl Post ===

impl Post {
    pub(super) fn new(url: String, headers: Headers) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .into();
        Self { agent, url, headers }
    }

    /// What may be shown of the address: paths and passwords may be secrets.
    pub(super) fn target(&self) -> String {
        let uri = self.url.parse::<ureq::http::Uri>().unwrap_or_default();
        let host = uri.host().unwrap_or_default();
        let port = uri.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{host}{port}", uri.scheme_str().unwrap_or_default())
    }

    /// Posts what stands for `items`. An answer that will not change loses them.
    pub(super) fn send(&self, kind: &str, body: &[u8], items: usize) -> Result<(), Refused> {
        let mut request = self.agent.post(&self.url).header("content-type", kind);
        for (name, value) in &self.headers.0 {
            request = request.header(name, value);
        }
        let mut answer = request
            .send(body)
            .map_err(|error| Refused::after(0, error.to_string().replace(&self.url, &self.target())))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = answer.body_mut().with_config().limit(WHY).read_to_string();
        let text = text.unwrap_or_default();
        let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        Err(Refused {
            taken: 0,
            lost: if passes { 0 } else { items },
            why: format!("it answers {status} {text}").trim_end().to_owned(),
        })
    }
}
