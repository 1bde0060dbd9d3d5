//! Flows of an answer of any length.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;

use super::{Client, ClientError, checked, flows_path, patient};
use crate::{FlowQuery, FlowRecords, FlowView, NoRecord};

// === impl Client ===

impl Client {
    /// Past flows one by one, however many there are; `query.follow` is ignored.
    pub async fn each_flow(
        &self,
        query: &FlowQuery,
        mut take: impl FnMut(FlowView),
    ) -> Result<(), ClientError> {
        let path = flows_path(&FlowQuery {
            follow: false,
            ..query.clone()
        })?;
        let response = patient(self.send(Method::GET, &path, Bytes::new())).await??;
        let mut body = checked(response).await?.into_body();
        let mut records = FlowRecords::default();
        let unreadable = |error: NoRecord| ClientError::Unreadable(error.to_string());
        while let Some(frame) = patient(body.frame()).await? {
            if let Ok(data) = frame?.into_data() {
                records.read(&data, &mut take).map_err(unreadable)?;
            }
        }
        records.end().map_err(unreadable)
    }
}
