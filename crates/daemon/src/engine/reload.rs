//! SIGHUP: the configuration is read again. What only a start can change keeps its old value, and the log names it.

use super::Engine;
use crate::config::Config;
use crate::{socket, startup};

#[cfg(test)]
mod tests;

// === impl Engine ===

impl Engine {
    pub(super) fn reload(&mut self) {
        let _ = sd_notify::NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[sd_notify::NotifyState::Reloading, now]));
        match startup::configuration(&self.options) {
            Ok(config) => self.take_over(config),
            Err(error) => tracing::error!(
                "the configuration was not reloaded, the old one stays: {error}; hint: {}",
                error.hint().unwrap_or_default()
            ),
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    }

    fn take_over(&mut self, mut config: Config) {
        let later = keep_fixed(&mut config, &self.config);
        self.flows.resize(config.flows.keep, config.flows.limits());
        self.metrics.set_pairs(config.metrics.pairs);
        self.config = config;
        self.configure_exports();
        self.find_units();
        self.watch_parents();
        self.apply_global();
        self.folder.read_all();
        self.look_at_policies();
        self.reconcile();
        self.give_socket();
        if later.is_empty() {
            tracing::info!("configuration reloaded");
        } else {
            tracing::warn!(
                "configuration reloaded but for {}: restart the daemon for that; enforcement stays in the kernel \
                 meanwhile",
                later.join(" and ")
            );
        }
    }

    /// The group may be new in the configuration or on the host. Beside the loop: a directory service may be slow.
    fn give_socket(&self) {
        let (path, group) = (self.options.socket.clone(), self.config.socket.group.clone());
        let work = move || {
            if let Err(error) = socket::give_to(&path, &group) {
                tracing::error!("the group `{group}` may not read the API: {error}");
            }
        };
        if let Err(error) = std::thread::Builder::new().spawn(work) {
            tracing::error!("the socket's group was not looked up: {error}");
        }
    }
}

/// Puts back what only a start can change; the keys that differ.
fn keep_fixed(new: &mut Config, old: &Config) -> Vec<&'static str> {
    let mut later = Vec::new();
    if new.on_dead != old.on_dead {
        new.on_dead = old.on_dead;
        later.push("on-dead");
    }
    if new.docker.socket != old.docker.socket {
        new.docker.socket.clone_from(&old.docker.socket);
        later.push("docker.socket");
    }
    if new.policy.folder != old.policy.folder {
        new.policy.folder.clone_from(&old.policy.folder);
        later.push("policy.folder");
    }
    if new.metrics.listen != old.metrics.listen {
        new.metrics.listen = old.metrics.listen;
        later.push("metrics.listen");
    }
    later
}
