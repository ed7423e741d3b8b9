use std::sync::{Arc, atomic::AtomicUsize};

use super::*;
use crate::signature::{Demands, tests::Signer};

/// Enough of a component for this folder, which does not run any.
fn component(text: &str) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0", text.as_bytes()].concat()
}

fn manifest_text(version: &str, permissions: &str) -> String {
    format!(
        "name = \"echo\"\nversion = \"{version}\"\nworld = \"starling:plugin/bot@0.1.0\"\npermissions = {permissions}\n"
    )
}

fn package(version: &str) -> Package {
    let manifest_text = manifest_text(version, "[\"log\", \"kv\"]");
    let component = component(version);
    let signature = (version == "2.0.0").then(|| Signer::new(1).sign(&component));
    let manifest = manifest::Manifest::parse(Path::new("plugin.toml"), &manifest_text).unwrap();
    Package { manifest, manifest_text, component, signature }
}

fn pin(package: &Package) -> Pin {
    let demands = Demands { trusted_keys: vec![Signer::new(1).key()], ..Demands::default() };
    let provenance = demands.check(&package.component, package.signature.as_deref()).unwrap();
    Pin::new(package, provenance, 1_000)
}

fn name() -> PluginName {
    "echo".parse().unwrap()
}

fn grants(texts: &[&str]) -> Grants {
    texts.iter().map(|text| text.parse::<Permission>().unwrap()).collect()
}

struct Place {
    data: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { data: tempfile::tempdir().unwrap() }
    }

    fn with(versions: &[&str]) -> Self {
        let place = Self::new();
        for version in versions {
            place.install(version).unwrap();
        }
        place
    }

    fn folder(&self) -> PluginFolder {
        PluginFolder::new(self.data.path())
    }

    /// The folder as a process sees it that has so many steps to live.
    fn dying(&self, steps: usize) -> PluginFolder {
        let disk = Disk { life: Some(Arc::new(AtomicUsize::new(steps))) };
        PluginFolder { disk, ..self.folder() }
    }

    fn install(&self, version: &str) -> Result<Report, FolderError> {
        install(&self.folder(), version)
    }

    fn version(&self) -> Option<String> {
        self.folder().get(&name()).unwrap().map(|installed| installed.pin.version.to_string())
    }

    fn previous(&self) -> Option<String> {
        self.folder().previous(&name()).unwrap().map(|installed| installed.pin.version.to_string())
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder().of(&name())).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn install(folder: &PluginFolder, version: &str) -> Result<Report, FolderError> {
    let package = package(version);
    folder.install(&name(), &package, pin(&package), &grants(&["log"]))
}

#[test]
fn what_was_installed_is_read_back_and_listed() {
    let place = Place::with(&["2.0.0"]);

    let installed = place.folder().get(&name()).unwrap().unwrap();

    assert_eq!(installed.package, package("2.0.0"));
    assert_eq!(installed.pin, pin(&package("2.0.0")));
    assert_eq!(installed.pin.signer, Some(Signer::new(1).key()));
    assert_eq!(place.folder().installed().unwrap(), [(name(), installed.pin)]);
    assert_eq!(place.folder().names().unwrap(), [name()]);
    assert_eq!(place.files(), ["component.wasm", "component.wasm.minisig", "plugin.toml"]);
}

#[test]
fn a_version_that_asks_for_more_is_installed_and_what_is_missing_is_told() {
    let place = Place::new();

    let report = place.install("1.0.0").unwrap();

    assert_eq!(report.missing, ["kv".parse().unwrap()]);
    assert_eq!(report.before, None);
    assert_eq!(place.version().as_deref(), Some("1.0.0"));
}

#[test]
fn the_version_before_comes_back_and_goes_again() {
    let place = Place::with(&["1.0.0", "2.0.0"]);
    assert_eq!(place.previous().as_deref(), Some("1.0.0"));

    let report = place.folder().roll_back(&name(), &Grants::none()).unwrap();

    assert_eq!((report.now.version.major, report.missing.len()), (1, 2));
    assert_eq!((place.version().as_deref(), place.previous().as_deref()), (Some("1.0.0"), Some("2.0.0")));
    assert!(
        !place.files().contains(&"component.wasm.minisig".to_owned()),
        "the first version has no signature"
    );
    place.folder().roll_back(&name(), &Grants::none()).unwrap();
    assert_eq!((place.version().as_deref(), place.previous().as_deref()), (Some("2.0.0"), Some("1.0.0")));
    assert_eq!(place.folder().get(&name()).unwrap().unwrap().package, package("2.0.0"));
}

#[test]
fn installing_the_same_again_keeps_the_version_before() {
    let place = Place::with(&["1.0.0", "2.0.0", "2.0.0"]);

    assert_eq!((place.version().as_deref(), place.previous().as_deref()), (Some("2.0.0"), Some("1.0.0")));
}

#[test]
fn what_is_not_there_is_said() {
    let place = Place::new();
    let roll_back = || place.folder().roll_back(&name(), &Grants::none()).unwrap_err().to_string();

    assert_eq!(place.folder().get(&name()).unwrap(), None);
    assert_eq!(place.folder().names().unwrap(), []);
    assert_eq!(roll_back(), "no plugin echo is installed");
    place.install("1.0.0").unwrap();
    assert_eq!(roll_back(), "there is no version of echo to roll back to");
}

#[test]
fn a_file_that_was_altered_is_not_to_be_rolled_back_to_what_is_not_there() {
    let place = Place::with(&["1.0.0"]);
    fs::write(place.folder().of(&name()).join(COMPONENT), component("evil")).unwrap();

    let refused = place.folder().get(&name()).unwrap_err().to_string();

    assert!(refused.ends_with(": install the plugin again"), "{refused}");
}

#[test]
fn a_file_that_was_altered_is_found_and_can_be_replaced() {
    for file in [COMPONENT, manifest::FILE_NAME] {
        let place = Place::with(&["1.0.0", "2.0.0"]);
        let path = place.folder().of(&name()).join(file);
        let other =
            if file == COMPONENT { component("evil") } else { manifest_text("2.0.0", "[]").into_bytes() };
        fs::write(&path, other).unwrap();

        let refused = place.folder().get(&name()).unwrap_err();

        assert!(
            matches!(&refused, FolderError::Altered { path: found, has_previous: true } if *found == path),
            "{refused}"
        );
        place.install("3.0.0").unwrap();
        assert_eq!((place.version().as_deref(), place.previous().as_deref()), (Some("3.0.0"), Some("1.0.0")));
    }
}

/// Lets a process die at every single step of `act`, and checks that the next one finds the version before or after it, whole.
#[track_caller]
fn dies_at_every_step(
    installed: &[&str],
    act: impl Fn(&PluginFolder) -> Result<Report, FolderError>,
    before: (Option<&str>, Option<&str>),
    after: (Option<&str>, Option<&str>),
) {
    let (mut seen_before, mut survived) = (0, 0);
    for steps in 0.. {
        let place = Place::with(installed);
        let outcome = act(&place.dying(steps));

        let (version, previous) = (place.version(), place.previous());

        let found = (version.as_deref(), previous.as_deref());
        assert!(found == before || found == after, "{found:?} after {steps} steps");
        if found == before {
            seen_before += 1;
            assert!(outcome.is_err(), "told it was done after {steps} steps");
        }
        assert!(
            !place.files().iter().any(|file| file == "next" || file == ".placing"),
            "{:?}",
            place.files()
        );
        // And it goes on from there.
        place.install("9.0.0").unwrap();
        assert_eq!(place.version().as_deref(), Some("9.0.0"));
        assert_eq!(place.previous(), version, "after {steps} steps");
        assert!(!place.files().iter().any(|file| file.starts_with('.')), "{:?}", place.files());
        survived += usize::from(outcome.is_ok());
        // The last step is one that need not succeed.
        if survived == 3 {
            break;
        }
    }
    assert!(seen_before > 5, "it died before the decision {seen_before} times");
}

#[test]
fn a_death_while_installing_leaves_one_version_whole() {
    let install = |folder: &PluginFolder| install(folder, "2.0.0");

    dies_at_every_step(&["1.0.0"], install, (Some("1.0.0"), None), (Some("2.0.0"), Some("1.0.0")));
}

#[test]
fn a_death_while_installing_a_third_version_leaves_the_right_one_to_roll_back_to() {
    let install = |folder: &PluginFolder| install(folder, "3.0.0");

    dies_at_every_step(
        &["1.0.0", "2.0.0"],
        install,
        (Some("2.0.0"), Some("1.0.0")),
        (Some("3.0.0"), Some("2.0.0")),
    );
}

#[test]
fn a_death_while_rolling_back_leaves_one_version_whole() {
    let roll_back = |folder: &PluginFolder| folder.roll_back(&name(), &Grants::none());

    dies_at_every_step(
        &["1.0.0", "2.0.0"],
        roll_back,
        (Some("2.0.0"), Some("1.0.0")),
        (Some("1.0.0"), Some("2.0.0")),
    );
}

#[test]
fn what_the_operator_set_is_kept_through_death_and_new_versions() {
    let place = Place::with(&["1.0.0"]);
    let grant = |config: &mut PluginConfig| config.grants = Some(grants(&["log", "kv"]));
    place.folder().change_operator(&name(), grant).unwrap();

    for steps in 0..8 {
        let disable = |config: &mut PluginConfig| config.enabled = Some(false);
        let outcome = place.dying(steps).change_operator(&name(), disable);
        let found = place.folder().operator(&name()).unwrap();
        assert_eq!(found.granted(), grants(&["log", "kv"]), "after {steps} steps");
        assert!(outcome.is_err() || !found.is_enabled());
    }
    place.install("2.0.0").unwrap();
    assert_eq!(place.folder().operator(&name()).unwrap().granted(), grants(&["log", "kv"]));
}

#[test]
fn whoever_comes_after_an_uninstalled_plugin_inherits_no_grants() {
    let grant = |config: &mut PluginConfig| config.grants = Some(grants(&["log", "kv"]));
    for steps in 0..20 {
        let place = Place::with(&["1.0.0", "2.0.0"]);
        place.folder().change_operator(&name(), grant).unwrap();
        fs::write(place.folder().receipts(&name()), "").unwrap();

        let outcome = place.dying(steps).uninstall(&name());

        let is_there = place.version().is_some();
        assert!(!(is_there && outcome.is_ok()), "after {steps} steps");
        if !is_there {
            assert_eq!(place.folder().operator(&name()).unwrap(), PluginConfig::default());
        }
        if outcome.is_ok() {
            assert_eq!(place.files(), ["receipts.jsonl"]);
        }
        place.install("3.0.0").unwrap();
        assert_eq!(place.version().as_deref(), Some("3.0.0"));
        assert_eq!(place.previous().is_some(), is_there);
    }
    let place = Place::new();
    assert!(matches!(place.folder().uninstall(&name()), Err(FolderError::NotInstalled(_))));
}

#[test]
fn an_operator_s_file_written_by_hand_and_wrong_is_told_with_its_line() {
    let place = Place::with(&["1.0.0"]);
    fs::write(place.folder().of(&name()).join(OPERATOR), "enabled = true\ngrant = []\n").unwrap();

    let error = place.folder().operator(&name()).unwrap_err().to_string();

    assert!(error.ends_with("operator.toml:2: unknown key grant; did you mean grants?"), "{error}");
}

#[test]
fn a_plugin_can_be_configured_before_it_is_installed() {
    let place = Place::new();

    let set = place.folder().change_operator(&name(), |config| config.enabled = Some(false)).unwrap();

    assert!(!set.is_enabled());
    assert_eq!(place.folder().names().unwrap(), [name()]);
    assert_eq!(place.folder().installed().unwrap(), []);
}

#[test]
fn every_change_gives_another_stamp() {
    let place = Place::new();
    let folder = place.folder();
    let mut seen = vec![folder.stamp(&name())];
    let mut changed = || {
        let now = folder.stamp(&name());
        assert!(!seen.contains(&now));
        seen.push(now.clone());
        assert_eq!(folder.stamp(&name()), now);
    };

    place.install("1.0.0").unwrap();
    changed();
    place.install("2.0.0").unwrap();
    changed();
    folder.change_operator(&name(), |config| config.enabled = Some(false)).unwrap();
    changed();
    folder.change_operator(&name(), |config| config.enabled = None).unwrap();
    changed();
    folder.roll_back(&name(), &Grants::none()).unwrap();
    changed();
}

#[test]
fn readers_never_see_half_a_change() {
    let place = Place::with(&["1.0.0"]);
    let is_done = std::sync::atomic::AtomicBool::new(false);

    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10 {
                for version in ["2.0.0", "1.0.0"] {
                    place.install(version).unwrap();
                }
            }
            is_done.store(true, std::sync::atomic::Ordering::Release);
        });
        scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Acquire) {
                let installed = place.folder().get(&name()).unwrap().unwrap();
                assert_eq!(installed.package, package(&installed.pin.version.to_string()));
            }
        });
    });
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::with(&["1.0.0", "2.0.0"]);
    place.folder().change_operator(&name(), |_| {}).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = place.folder().of(&name());

    for path in [place.folder().root, folder.clone(), folder.join(PREVIOUS)] {
        assert_eq!(mode(&path), 0o700, "{path:?}");
    }
    for file in [COMPONENT, manifest::FILE_NAME, OPERATOR] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

fn shipped(component_file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plugin.toml"), manifest_text("1.0.0", "[]")).unwrap();
    fs::write(folder.path().join(component_file), component("x")).unwrap();
    folder
}

#[test]
fn a_package_is_read_from_a_folder_or_from_its_component() {
    let folder = shipped("echo.wasm");
    fs::write(folder.path().join("echo.wasm.minisig"), "signed").unwrap();

    let of_folder = Package::read(folder.path()).unwrap();
    let of_file = Package::read(&folder.path().join("echo.wasm")).unwrap();

    assert_eq!(of_folder, of_file);
    assert_eq!(of_folder.signature.as_deref(), Some("signed"));
    assert_eq!(of_folder.digest(), Digest::of(&component("x")));
}

#[test]
fn what_is_no_package_is_told_by_file() {
    let refused = |path: &Path| Package::read(path).unwrap_err().to_string();
    let folder = shipped("other.wasm");
    let echo = folder.path().join("echo.wasm");

    assert!(refused(folder.path()).ends_with("echo.wasm: build the plugin first"));
    assert!(refused(&folder.path().join("plugin.toml")).contains("is no plugin"));
    fs::write(&echo, b"\0asm\x01\0\0\0").unwrap();
    assert!(refused(folder.path()).contains("is a core module"));
    fs::write(&echo, b"#!/bin/sh").unwrap();
    assert!(refused(&echo).contains("another kind of file"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(empty.path()).contains("plugin.toml"));
}
