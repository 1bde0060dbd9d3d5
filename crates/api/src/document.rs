//! The OpenAPI document, made from the types. The functions below carry its operations and are never called: the
//! handlers live in the daemon, and a document that needed them could not be printed without one.

use utoipa::OpenApi;

use crate::{
    ChangeRequest, Changed, EnforceRequest, ExplainRequest, ExplainResponse, FlowQuery, FlowView, Flows,
    KeyAnswer, Policies, PolicyText, Problem, ProtectRequest, ReloadRequest, RunRequest, RunResponse, Status,
    StopRequest, Stopped, Switched, Top, TopBy, TopQuery, UnprotectRequest, Workloads,
};

#[cfg(test)]
mod tests;

/// The OpenAPI 3.1 document of the local socket.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cofferdam",
        description = "The local socket of the Cofferdam daemon: HTTP/1.1 and JSON on a unix socket, \
                       `/run/cofferdam/cofferdam.sock` unless it was told otherwise."
    ),
    paths(
        paths::status,
        paths::metrics,
        paths::workloads,
        paths::flows,
        paths::flows_top,
        paths::run,
        paths::enforce,
        paths::observe,
        paths::confirm,
        paths::protect,
        paths::unprotect,
        paths::off,
        paths::on,
        paths::explain,
        paths::policy_default,
        paths::policies,
        paths::reload_policies,
        paths::key,
        paths::rotate_key,
        paths::stop,
        paths::document,
    ),
    components(schemas(FlowView, TopBy))
)]
struct Document;

#[expect(
    dead_code,
    reason = "only the operations that the attribute derives from them are used"
)]
mod paths {
    use super::*;

    /// How the daemon and the data plane are.
    #[utoipa::path(get, path = crate::routes::STATUS, tag = "status",
        responses((status = 200, body = Status), (status = "default", body = Problem)))]
    fn status() {}

    /// What Prometheus scrapes: OpenMetrics where the `Accept` header asks for it, else the plain text format.
    #[utoipa::path(get, path = crate::routes::METRICS, tag = "status",
        responses((status = 200, content((String = "application/openmetrics-text"), (String = "text/plain"))),
            (status = "default", body = Problem)))]
    fn metrics() {}

    /// What runs on this host and how it is protected.
    #[utoipa::path(get, path = crate::routes::WORKLOADS, tag = "workloads",
        responses((status = 200, body = Workloads), (status = "default", body = Problem)))]
    fn workloads() {}

    /// Verdicts, oldest first. With `follow=true` the answer is `application/x-ndjson`: one `FlowView` a line, the
    /// past that passes the filters first, then what happens, until the client closes. An empty line means nothing; a
    /// `Problem` in a line of its own says how many flows a slow reader lost, and the answer goes on.
    #[utoipa::path(get, path = crate::routes::FLOWS, tag = "flows", params(FlowQuery),
        responses((status = 200, content((Flows = "application/json"), (FlowView = "application/x-ndjson"))),
            (status = "default", body = Problem)))]
    fn flows() {}

    /// The same flows in sums: one row for each pair of ends, protocol and port. `limit` is of rows, `follow` is ignored.
    #[utoipa::path(get, path = crate::routes::FLOWS_TOP, tag = "flows", params(FlowQuery, TopQuery),
        responses((status = 200, body = Top), (status = "default", body = Problem)))]
    fn flows_top() {}

    /// Move the caller into a cgroup of its own; the answer comes once that has its policy.
    #[utoipa::path(post, path = crate::routes::RUN, tag = "workloads", request_body = RunRequest,
        responses((status = 200, body = RunResponse), (status = "default", body = Problem)))]
    fn run() {}

    /// Carry out the denials of some workloads.
    #[utoipa::path(post, path = crate::routes::ENFORCE, tag = "mode", request_body = EnforceRequest,
        responses((status = 200, body = Changed), (status = "default", body = Problem)))]
    fn enforce() {}

    /// Only record the denials of some workloads.
    #[utoipa::path(post, path = crate::routes::OBSERVE, tag = "mode", request_body = ChangeRequest,
        responses((status = 200, body = Changed), (status = "default", body = Problem)))]
    fn observe() {}

    /// Keep what `enforce` with a time limit began.
    #[utoipa::path(post, path = crate::routes::CONFIRM, tag = "mode",
        responses((status = 200, body = Changed), (status = "default", body = Problem)))]
    fn confirm() {}

    /// Protect a workload, and give it labels.
    #[utoipa::path(post, path = crate::routes::PROTECT, tag = "workloads", request_body = ProtectRequest,
        responses((status = 200, body = Changed), (status = "default", body = Problem)))]
    fn protect() {}

    /// Take back what `protect` gave.
    #[utoipa::path(post, path = crate::routes::UNPROTECT, tag = "workloads", request_body = UnprotectRequest,
        responses((status = 200, body = Changed), (status = "default", body = Problem)))]
    fn unprotect() {}

    /// Switch enforcement off for the whole host.
    #[utoipa::path(post, path = crate::routes::OFF, tag = "mode",
        responses((status = 200, body = Switched), (status = "default", body = Problem)))]
    fn off() {}

    /// Switch enforcement on again.
    #[utoipa::path(post, path = crate::routes::ON, tag = "mode",
        responses((status = 200, body = Switched), (status = "default", body = Problem)))]
    fn on() {}

    /// What would happen, and by which rule.
    #[utoipa::path(post, path = crate::routes::EXPLAIN, tag = "policy", request_body = ExplainRequest,
        responses((status = 200, body = ExplainResponse), (status = "default", body = Problem)))]
    fn explain() {}

    /// The default profile as a document.
    #[utoipa::path(get, path = crate::routes::POLICY_DEFAULT, tag = "policy",
        responses((status = 200, body = PolicyText), (status = "default", body = Problem)))]
    fn policy_default() {}

    /// What is in the policy folder, and what of it is in force.
    #[utoipa::path(get, path = crate::routes::POLICIES, tag = "policy",
        responses((status = 200, body = Policies), (status = "default", body = Problem)))]
    fn policies() {}

    /// Read files of the policy folder at once. The answer says what is in force after that, and why something is not.
    #[utoipa::path(post, path = crate::routes::POLICIES_RELOAD, tag = "policy", request_body = ReloadRequest,
        responses((status = 200, body = Policies), (status = "default", body = Problem)))]
    fn reload_policies() {}

    /// The key that signs handshakes: its number and its age, never the key itself.
    #[utoipa::path(get, path = crate::routes::KEY, tag = "key",
        responses((status = 200, body = KeyAnswer), (status = "default", body = Problem)))]
    fn key() {}

    /// Sign handshakes with another key from now on. What the key before has signed is taken for another minute. Two
    /// rotations within a second are a conflict.
    #[utoipa::path(post, path = crate::routes::KEY_ROTATE, tag = "key",
        responses((status = 200, body = KeyAnswer), (status = "default", body = Problem)))]
    fn rotate_key() {}

    /// End the daemon; with `open`, enforcement too.
    #[utoipa::path(post, path = crate::routes::STOP, tag = "status", request_body = StopRequest,
        responses((status = 200, body = Stopped), (status = "default", body = Problem)))]
    fn stop() {}

    /// This document.
    #[utoipa::path(get, path = crate::routes::OPENAPI, tag = "status",
        responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
    fn document() {}
}
