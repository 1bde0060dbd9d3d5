//! The paths of version 1. `GET` for what only reads, `POST` with a JSON body for what changes or needs arguments.

/// `GET` → [`Status`](crate::Status).
pub const STATUS: &str = "/v1/status";
/// `GET` → [`Workloads`](crate::Workloads).
pub const WORKLOADS: &str = "/v1/workloads";
/// `GET`, query [`FlowQuery`](crate::FlowQuery) → [`Flows`](crate::Flows); with `follow=true` one
/// [`FlowView`](crate::FlowView) a line, without end.
pub const FLOWS: &str = "/v1/flows";
/// `GET`, query [`FlowQuery`](crate::FlowQuery), whose `limit` is of rows, and [`TopQuery`](crate::TopQuery) →
/// [`Top`](crate::Top).
pub const FLOWS_TOP: &str = "/v1/flows/top";
/// `POST` [`RunRequest`](crate::RunRequest) → [`RunResponse`](crate::RunResponse).
pub const RUN: &str = "/v1/run";
/// `POST` [`EnforceRequest`](crate::EnforceRequest) → [`Changed`](crate::Changed).
pub const ENFORCE: &str = "/v1/enforce";
/// `POST` [`ChangeRequest`](crate::ChangeRequest) → [`Changed`](crate::Changed).
pub const OBSERVE: &str = "/v1/observe";
/// `POST` without a body → [`Changed`](crate::Changed).
pub const CONFIRM: &str = "/v1/confirm";
/// `POST` [`ProtectRequest`](crate::ProtectRequest) → [`Changed`](crate::Changed).
pub const PROTECT: &str = "/v1/protect";
/// `POST` [`UnprotectRequest`](crate::UnprotectRequest) → [`Changed`](crate::Changed).
pub const UNPROTECT: &str = "/v1/unprotect";
/// `POST` without a body → [`Switched`](crate::Switched).
pub const OFF: &str = "/v1/off";
/// `POST` without a body → [`Switched`](crate::Switched).
pub const ON: &str = "/v1/on";
/// `POST` [`ExplainRequest`](crate::ExplainRequest) → [`ExplainResponse`](crate::ExplainResponse).
pub const EXPLAIN: &str = "/v1/explain";
/// `POST` [`StopRequest`](crate::StopRequest) → [`Stopped`](crate::Stopped).
pub const STOP: &str = "/v1/stop";
/// `GET` → [`PolicyText`](crate::PolicyText).
pub const POLICY_DEFAULT: &str = "/v1/policy/default";
/// `GET` → [`Policies`](crate::Policies).
pub const POLICIES: &str = "/v1/policies";
/// `POST` [`ReloadRequest`](crate::ReloadRequest) → [`Policies`](crate::Policies).
pub const POLICIES_RELOAD: &str = "/v1/policies/reload";
/// `GET` → [`KeyAnswer`](crate::KeyAnswer).
pub const KEY: &str = "/v1/key";
/// `POST` without a body → [`KeyAnswer`](crate::KeyAnswer).
pub const KEY_ROTATE: &str = "/v1/key/rotate";
/// `GET` → the OpenAPI document.
pub const OPENAPI: &str = "/v1/openapi.json";
/// `GET` → the text that Prometheus scrapes.
pub const METRICS: &str = "/metrics";
