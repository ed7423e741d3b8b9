//! Builds libzmq from source, with CURVE.
//!
//! The published crate of this name builds it without: then a server could not even say which key it has. Where libsodium
//! lies is told by the build script of `libsodium-sys`.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let told = |name: &str| env::var_os(name).unwrap_or_else(|| panic!("libsodium-sys did not set {name}"));
    let sodium = zeromq_src::LibLocation::new(told("DEP_SODIUM_LIB"), told("DEP_SODIUM_INCLUDE"));
    // Warnings about a library's code are nobody's to act on here, and cargo would show them at every build.
    let flags = env::var("CXXFLAGS").unwrap_or_default();
    env::set_var("CXXFLAGS", format!("{flags} -w"));
    zeromq_src::Build::new().with_libsodium(Some(sodium)).build();
}
