//! Every guest can be built.

use std::fs;

use starling_test_guests::{abuse, contract, guest, of_world, plugins_folder};

/// How a component begins: the magic number, the version of the encoding, and that it is no core module.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

#[test]
fn every_rust_guest_is_a_component_and_has_a_manifest() {
    for (name, folder) in [
        ("counter", "counter"),
        ("fuzzer", "fuzzer"),
        ("misbehave", "hostile/misbehave"),
        ("misjudge", "hostile/misjudge"),
    ] {
        let component = guest(name);

        assert!(component.starts_with(COMPONENT), "{name}");
        let manifest = fs::read_to_string(plugins_folder().join(folder).join("plugin.toml")).unwrap();
        assert!(manifest.contains(&format!("component = \"{name}.wasm\"")), "{name}");
    }
}

#[test]
fn every_module_that_breaks_the_abi_is_a_sound_component() {
    let files = fs::read_dir(plugins_folder().join("hostile/abi")).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());

    for name in names.filter(|name| name != "frame") {
        assert!(abuse(&name).starts_with(COMPONENT), "{name}");
    }
}

#[test]
fn a_component_can_be_made_of_either_world_of_the_contract() {
    for world in ["bot", "filter"] {
        assert!(of_world(&contract(), world).starts_with(COMPONENT), "{world}");
    }
}
