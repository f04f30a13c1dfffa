//! What every target holds its input against: the same as the properties in `tests/it/hostile`.

#[path = "../../tests/it/hostile/holds/mod.rs"]
pub mod holds;
