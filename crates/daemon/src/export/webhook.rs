//! A webhook: one POST an alert.

use std::sync::Arc;

use super::http::Post;
use super::sink::{Receiver, Refused};
use crate::alerts::Alert;

/// Where alerts are posted.
pub(super) struct Hook(pub(super) Post);

impl Receiver for Hook {
    type Item = Arc<Alert>;

    fn take(&mut self, items: &[Self::Item]) -> Result<(), Refused> {
        for (taken, alert) in items.iter().enumerate() {
            let body = serde_json::to_vec(&**alert).map_err(|error| Refused {
                taken,
                lost: 1,
                why: error.to_string(),
            })?;
            let sent = self.0.send("application/json", &body, 1);
            sent.map_err(|refused| Refused { taken, ..refused })?;
        }
        Ok(())
    }
}
