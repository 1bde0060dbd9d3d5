//! Compiles `bpf/*.bpf.c` and generates their skeletons, Rust types of `abi.h` included.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use libbpf_cargo::SkeletonBuilder;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let multiarch = format!("/usr/include/{}-linux-gnu", env::var("CARGO_CFG_TARGET_ARCH")?);
    for object in ["cofferdam", "decide", "empty", "end", "refuse"] {
        SkeletonBuilder::new()
            .source(format!("bpf/{object}.bpf.c"))
            // v3: atomic operations that return the old value (kernel 5.12).
            .clang_args(["-mcpu=v3", "-Wall", "-Wno-unused-function", "-I", &multiarch])
            .build_and_generate(out.join(format!("{object}.skel.rs")))?;
    }
    println!("cargo:rerun-if-changed=bpf");
    Ok(())
}
