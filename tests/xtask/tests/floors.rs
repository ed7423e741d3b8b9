//! The workspace keeps its own floors.

use xtask::{floors, metadata::Metadata};

#[test]
fn no_arrow_in_this_workspace_points_up_or_sideways() {
    let metadata = Metadata::read().expect("cargo knows this workspace");
    assert!(metadata.packages.iter().any(|package| package.name == "starling"), "this is the workspace");

    let violations: Vec<_> = floors::violations(&metadata).iter().map(ToString::to_string).collect();

    assert_eq!(violations, Vec::<String>::new());
}
