//! `cofferdam explain FROM TO PORT`.

use cofferdam_api::{ExplainRequest, ExplainResponse, Verdict};

use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::output::{BAD, Call, GOOD, ODD, styled};

#[cfg(test)]
mod tests;

/// A port and its protocol, as `80` or `53/udp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    number: u16,
    protocol: String,
}

/// Parses `PORT[/PROTOCOL]`.
pub(crate) fn port(text: &str) -> Result<Port, String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = number
        .parse()
        .map_err(|_| format!("`{number}` is no port; write for example `443` or `53/udp`"))?;
    if protocol.is_empty() {
        return Err("the protocol is missing; write for example `53/udp`".to_owned());
    }
    Ok(Port {
        number,
        protocol: protocol.to_ascii_lowercase(),
    })
}

/// Prints what would happen; 1 where it would be denied.
pub(crate) fn explain(call: &Call, args: ExplainArgs) -> Result<u8, Failure> {
    let request = ExplainRequest {
        from: args.from,
        to: args.to,
        port: args.port.number,
        protocol: args.port.protocol,
    };
    let answer = call.wait(call.client.explain(&request))?;
    call.print(&answer, text)?;
    Ok(if answer.verdict == Verdict::Deny {
        crate::FINDINGS
    } else {
        crate::OK
    })
}

fn text(answer: &ExplainResponse) -> String {
    let (style, verdict) = match (answer.verdict, answer.observed) {
        (Verdict::Allow, _) => (GOOD, "allow"),
        (Verdict::Deny, false) => (BAD, "deny"),
        (Verdict::Deny, true) => (ODD, "would deny (observed only)"),
    };
    let mut text = format!("{}: {}", styled(style, verdict), answer.reason);
    if let Some(rule) = &answer.rule {
        text.push_str(&format!(" {} ({})", rule.name, rule.source));
    }
    text.push('\n');
    for line in answer.text.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    if let Some(allow) = &answer.allow_with {
        text.push_str(&format!("allow with: {allow}\n"));
    }
    text
}
