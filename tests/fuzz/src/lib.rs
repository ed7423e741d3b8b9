//! What the fuzz targets share: keys of nobody, and the requests' round trip.
//!
//! Each target is one file in `targets/`: bytes of a stranger go in, and what comes out must hold what its first lines
//! say. Seeds are made from the project's vectors and recordings by `cargo xtask fuzz`, words to try lie in
//! `dictionaries/`.

pub mod keys;
pub mod requests;
