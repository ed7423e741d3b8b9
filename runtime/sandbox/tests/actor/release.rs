//! Versions of plugins, as they are installed.

use starling_sandbox::{
    folder::{Package, Pin, PluginFolder},
    permission::Grants,
    signature::Demands,
};
use starling_test_guests::{guest, plugins_folder};

/// A version to be installed: a guest of the tests under any name.
#[derive(Clone)]
pub(crate) struct Release {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) world: &'static str,
    pub(crate) component: Component,
    pub(crate) permissions: Vec<&'static str>,
    /// More lines of `plugin.toml`.
    pub(crate) more: &'static str,
}

/// Which code it is.
#[derive(Clone, Copy)]
pub(crate) enum Component {
    Guest(&'static str),
    /// A component that an earlier version of the contract was built with.
    Golden(&'static str),
}

impl Release {
    /// Answers each message with its number and its text.
    pub(crate) fn counter() -> Self {
        Self {
            name: "counter",
            version: "1.0.0",
            world: "bot",
            component: Component::Guest("counter"),
            permissions: vec!["send:reply", "kv"],
            more: "",
        }
    }

    /// Does what each message tells it.
    pub(crate) fn misbehave() -> Self {
        Self {
            name: "misbehave",
            component: Component::Guest("misbehave"),
            permissions: vec!["send:direct", "delete", "kv", "timers", "log", "config"],
            ..Self::counter()
        }
    }

    /// A filter that does what each item tells it.
    pub(crate) fn misjudge(name: &'static str) -> Self {
        Self {
            name,
            world: "filter",
            component: Component::Guest("misjudge"),
            permissions: vec!["kv"],
            ..Self::counter()
        }
    }

    pub(crate) fn version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    /// Installs it, and grants it all that it asks for.
    pub(crate) fn install(&self, folder: &PluginFolder) {
        let granted = self.asked();
        let name = self.name.parse().expect("it is a plugin's name");
        folder.change_operator(&name, |operator| operator.grants = Some(granted)).expect("the disk is there");
        self.install_only(folder);
    }

    /// Installs it over what is there, with the grants that are there.
    pub(crate) fn install_only(&self, folder: &PluginFolder) {
        let source = tempfile::tempdir().expect("there is room for files");
        let component = match self.component {
            Component::Guest(name) => guest(name),
            Component::Golden(name) => {
                let file = plugins_folder().join(format!("golden/0.1.0/{name}.wasm"));
                std::fs::read(file).expect("it is part of the tests")
            }
        };
        let permissions: Vec<_> =
            self.permissions.iter().map(|permission| format!("{permission:?}")).collect();
        let Self { name, version, world, more, .. } = self;
        let manifest = format!(
            "name = \"{name}\"\nversion = \"{version}\"\nworld = \"starling:plugin/{world}@0.1.0\"\n\
             permissions = [{}]\n{more}\n",
            permissions.join(", ")
        );
        std::fs::write(source.path().join("plugin.toml"), manifest).expect("there is room for files");
        std::fs::write(source.path().join(format!("{name}.wasm")), component)
            .expect("there is room for files");
        let package = Package::read(source.path()).expect("it is a plugin");
        let demands = Demands { digest: None, signer: None, require_signed: false, trusted_keys: Vec::new() };
        let provenance = demands.check(&package.component, None).expect("nothing is demanded");
        let pin = Pin::new(&package, provenance, 1);
        let name = name.parse().expect("it is a plugin's name");
        folder.install(&name, &package, pin, &self.asked()).expect("the disk is there");
    }

    pub(crate) fn asked(&self) -> Grants {
        let granted = self.permissions.iter().map(|text| text.parse().expect("it is a permission"));
        granted.collect()
    }
}
