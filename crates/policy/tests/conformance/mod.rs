//! Where the conformance data are. They are not part of the repository.

use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;

/// A file of the suites, unpacked; `None` where they are absent, which is said and counted.
pub(crate) fn read(name: &str) -> Option<String> {
    let folder = std::env::var_os("COFFERDAM_CONFORMANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        PathBuf::from,
    );
    let path = folder.join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        println!(
            "skipped: {} is absent; name its folder in COFFERDAM_CONFORMANCE",
            path.display()
        );
        return None;
    };
    let mut text = String::new();
    let read = if name.ends_with(".gz") {
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)
    } else {
        bytes.as_slice().read_to_string(&mut text)
    };
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text)
}
