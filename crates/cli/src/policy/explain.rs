//! `cofferdam policy explain`.

use cofferdam_policy::{Action, explain as explain_attempt, trial};

use super::gather;
use crate::args::PolicyExplainArgs;
use crate::failure::Failure;
use crate::output::Call;

pub(super) fn explain(call: &Call, args: &PolicyExplainArgs) -> Result<u8, Failure> {
    let stage = gather::stage(&args.world, gather::valid(&args.policies)?)?;
    let port = trial::port(&args.port).ok_or_else(|| {
        Failure::new(format!("`{}` is no port", args.port)).hint("write for example 443, 53/udp or icmp:8")
    })?;
    for word in [&args.from, &args.to] {
        if stage.find(word).is_none() {
            let names: Vec<&str> = stage.ends.keys().map(String::as_str).collect();
            let hint = if names.is_empty() {
                "name workloads with `--workloads FILE`; classes are host, lan, metadata, multicast, world"
                    .to_owned()
            } else {
                format!(
                    "workloads are {}; classes are host, lan, metadata, multicast, world",
                    names.join(", ")
                )
            };
            return Err(Failure::new(format!("`{word}` is no workload, class or address")).hint(hint));
        }
    }
    let Some(attempt) = stage.attempt(&args.from, &args.to, port) else {
        return Err(Failure::new("nobody to ask about"));
    };
    let explanation = explain_attempt(&stage.world, &attempt);
    call.print(&explanation, ToString::to_string)?;
    let denied = explanation.verdict.action == Action::Deny && !explanation.verdict.observed;
    Ok(if denied { crate::FINDINGS } else { crate::OK })
}
