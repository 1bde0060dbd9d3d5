//! Lab hosts and the walkthrough, shared by the tests in `tests/` and by `cargo xtask demo`.
