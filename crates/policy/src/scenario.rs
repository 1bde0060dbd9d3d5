//! The scenario table: `tests/scenarios/*.toml`, read for whichever engine runs it.
