//! What is no plugin of this host is refused before it runs, in one sentence that names what is wrong.

use starling_sandbox::{LoadError, World, config::CodeMode};
use starling_test_guests::{abuse, contract, guest, of_world};

use crate::seated::sandbox;

/// Why the component is refused.
#[track_caller]
fn refusal(component: &[u8]) -> String {
    match sandbox(CodeMode::Native).compile(component) {
        Ok(plugin) => panic!("it was taken for a {}", plugin.world().name()),
        Err(error) => error.to_string(),
    }
}

/// The contract with something more, or something else, in it.
fn contract_with(more: &str) -> Vec<String> {
    let mut texts = contract();
    texts.push(format!("package starling:plugin@0.1.0;\n{more}"));
    texts
}

#[test]
fn both_worlds_are_told_apart() {
    let world = |name: &str| sandbox(CodeMode::Native).compile(&guest(name)).unwrap().world();

    assert_eq!(world("counter"), World::Bot);
    assert_eq!(world("misjudge"), World::Filter);
}

#[test]
fn an_unknown_import_is_named_with_the_nearest_that_there_is() {
    let strange = contract_with(
        "interface telephone { ring: func(); }
         world strange { include bot; import telephone; }",
    );
    let misspelt = contract_with(
        "interface kvs { get: func(); }
         world strange { include filter; import kvs; }",
    );

    let unknown = refusal(&of_world(&strange, "strange"));
    let nearly = refusal(&of_world(&misspelt, "strange"));

    assert!(
        unknown.starts_with("it imports starling:plugin/telephone@0.1.0, which this host does not have"),
        "{unknown}"
    );
    assert!(nearly.ends_with("the nearest that it has is starling:plugin/kv@0.1.0"), "{nearly}");
    for sentence in [unknown, nearly] {
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
}

#[test]
fn a_later_contract_is_named_with_the_version_that_there_is() {
    let later: Vec<_> = contract().iter().map(|text| text.replace("plugin@0.1.0", "plugin@0.2.0")).collect();

    let refused = refusal(&of_world(&later, "bot"));

    assert!(refused.contains("@0.2.0"), "{refused}");
    assert!(refused.contains("@0.1.0"), "{refused}");
}

#[test]
fn a_patch_of_the_contract_that_uses_nothing_new_is_taken() {
    let patched: Vec<_> =
        contract().iter().map(|text| text.replace("plugin@0.1.0", "plugin@0.1.9")).collect();

    for world in ["bot", "filter"] {
        let taken = sandbox(CodeMode::Native).compile(&of_world(&patched, world));

        assert_eq!(taken.map(|plugin| plugin.world().name()).map_err(|error| error.to_string()), Ok(world));
    }
}

#[test]
fn exports_and_imports_of_other_types_are_refused() {
    let package = "package starling:plugin@0.1.0;";
    let export =
        format!("{package} interface handler {{ on-start: func() -> u32; }} world bot {{ export handler; }}");
    let import = format!(
        "{package}
        interface kv {{ get: func(key: u64) -> string; }}
        interface handler {{ on-start: func(); }}
        world bot {{ import kv; export handler; }}"
    );

    for component in [of_world(&[export], "bot"), of_world(&[import], "bot")] {
        let refused = refusal(&component);

        assert!(refused.starts_with("it does not fit this host: "), "{refused}");
        assert_eq!(refused.lines().count(), 1, "{refused}");
    }
}

#[test]
fn a_component_that_is_neither_bot_nor_filter_is_refused_with_what_it_is() {
    let program = "package test:program; interface run { run: func(); } world program { export run; }";

    let refused = refusal(&of_world(&[program.to_owned()], "program"));

    assert!(refused.contains("expected an export starling:plugin/handler@0.1"), "{refused}");
    assert!(refused.ends_with("found test:program/run"), "{refused}");
}

#[test]
fn what_is_no_component_is_refused_whatever_it_is() {
    let whole = guest("counter");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0xff;
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    let pieces = (1..8).map(|eighth| whole[..whole.len() * eighth / 8].to_vec());
    let other = [Vec::new(), b"hello".to_vec(), b"\x7fELF".to_vec(), core_module, vec![0; 100_000]];

    for bytes in other.into_iter().chain(pieces) {
        let error = sandbox(CodeMode::Native).compile(&bytes).map(|_| ()).expect_err("it is no component");

        assert!(matches!(error, LoadError::NotAComponent(_)), "{} bytes: {error}", bytes.len());
    }
    // A flipped bit may hit something that does not matter; it may only not do any harm.
    let _ = sandbox(CodeMode::Native).compile(&flipped);
}

#[test]
fn a_component_that_wants_more_than_any_may_have_is_refused_or_ends_at_its_first_call() {
    let honest = abuse("honest");

    assert!(sandbox(CodeMode::Native).compile(&honest).is_ok());
    for (what, field) in [
        ("4 GiB of memory", "(core module $m (memory 65536)) (core instance (instantiate $m))"),
        (
            "a billion table elements",
            "(core module $m (table 1000000000 funcref)) (core instance (instantiate $m))",
        ),
    ] {
        let text = format!("(component {field})");
        let refused = sandbox(CodeMode::Native).compile(&wat::parse_str(&text).unwrap());

        assert!(refused.is_err(), "{what}");
    }
    let many = "(core instance (instantiate $m))".repeat(10_000);
    let many = wat::parse_str(format!("(component (core module $m) {many})")).unwrap();
    assert!(sandbox(CodeMode::Native).compile(&many).is_err(), "ten thousand modules");
}
