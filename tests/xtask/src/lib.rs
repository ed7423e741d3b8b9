//! The project's own recipes, run as `cargo xtask RECIPE`.
//!
//! - [`floors`]: which crate may import which; pure, so that it is tested on workspaces that break the rules.
//! - [`mod@fuzz`]: running the fuzz targets, with seeds from the project's vectors.
//! - [`metadata`]: what `cargo metadata` says of a workspace.
//! - [`tally`]: the sum of what several test binaries report.
//! - [`recipe`]: the recipes themselves, and the order in which CI runs them.
//! - [`tool`]: running other programs, and installing the one that may be missing.

pub mod floors;
pub mod fuzz;
pub mod metadata;
pub mod recipe;
pub mod tally;
pub mod tool;
