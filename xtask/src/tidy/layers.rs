//! Who may depend on whom. The table is the architecture: a change here is a change of design.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::Finding;

struct Layer {
    package: &'static str,
    /// Our packages that it may use.
    may_use: &'static [&'static str],
    /// No I/O: no runtime, no system calls.
    pure: bool,
}

const POLICY: &str = "cofferdam-policy";
const AUDIT: &str = "cofferdam-audit";
const LEARN: &str = "cofferdam-learn";
const DATAPATH: &str = "cofferdam-datapath";
const WORKLOAD: &str = "cofferdam-workload";
const API: &str = "cofferdam-api";
const DAEMON: &str = "cofferdam-daemon";
const TESTS: &str = "cofferdam-tests";

const LAYERS: &[Layer] = &[
    Layer {
        package: POLICY,
        may_use: &[],
        pure: true,
    },
    Layer {
        package: AUDIT,
        may_use: &[],
        pure: true,
    },
    Layer {
        package: LEARN,
        may_use: &[POLICY, AUDIT],
        pure: true,
    },
    Layer {
        package: DATAPATH,
        may_use: &[POLICY],
        pure: false,
    },
    Layer {
        package: WORKLOAD,
        may_use: &[POLICY],
        pure: false,
    },
    Layer {
        package: API,
        may_use: &[POLICY, AUDIT],
        pure: false,
    },
    Layer {
        package: DAEMON,
        may_use: &[POLICY, AUDIT, DATAPATH, WORKLOAD, API],
        pure: false,
    },
    Layer {
        package: "cofferdam",
        may_use: &[API, POLICY, AUDIT, LEARN, DAEMON],
        pure: false,
    },
    // The lab drives the product from outside. `cargo xtask` builds it before clang is there, so no data plane.
    Layer {
        package: TESTS,
        may_use: &[POLICY, AUDIT, API],
        pure: false,
    },
    // Runs inside workloads, with bare system calls. It knows nothing of the product, or it would test what it was told.
    Layer {
        package: "cofferdam-attack",
        may_use: &[],
        pure: false,
    },
    // Attaches the empty programs that the product is compared with, and times the compiled decision.
    Layer {
        package: "cofferdam-bench",
        may_use: &[POLICY, DATAPATH, API],
        pure: false,
    },
    Layer {
        package: "xtask",
        may_use: &[TESTS],
        pure: false,
    },
];

/// What a pure crate never uses.
const IO: &[&str] = &[
    "tokio",
    "hyper",
    "axum",
    "bollard",
    "nix",
    "libc",
    "rustix",
    "libbpf-rs",
    "libbpf-sys",
];

/// Every dependency of every package of the workspace, development dependencies left out.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let file = package
            .manifest_path
            .strip_prefix(root)
            .unwrap_or(&package.manifest_path);
        for what in check_package(package) {
            findings.push(Finding::new(file.as_std_path(), 0, what));
        }
    }
    Ok(findings)
}

fn check_package(package: &Package) -> Vec<String> {
    let Some(layer) = LAYERS.iter().find(|l| package.name == l.package) else {
        return vec![format!(
            "package {} has no layer: add it to xtask/src/tidy/layers.rs",
            package.name
        )];
    };
    let mut wrong = Vec::new();
    for dependency in package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Development)
    {
        let name = dependency.name.as_str();
        let ours = LAYERS.iter().any(|l| l.package == name);
        if ours && !layer.may_use.contains(&name) {
            wrong.push(format!("{} may not depend on {name} (layers)", package.name));
        }
        if layer.pure && IO.contains(&name) {
            wrong.push(format!("{} is pure and may not depend on {name}", package.name));
        }
        if name.starts_with("libbpf") && layer.package != DATAPATH {
            wrong.push(format!("only {DATAPATH} may depend on {name}"));
        }
    }
    wrong
}
