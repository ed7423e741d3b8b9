//! The border of the component. Only what the macros write names anything in here.

mod convert;
mod exports;
mod imports;

#[expect(missing_docs, reason = "generated: the contract is documented in wit/")]
pub mod bot {
    wit_bindgen::generate!({
        path: "wit",
        world: "starling:plugin/bot@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_bot_world",
        default_bindings_module: "starling_plugin::guest::bot",
        generate_all,
    });
}

#[expect(missing_docs, reason = "generated, as above")]
pub mod filter {
    wit_bindgen::generate!({
        path: "wit",
        world: "starling:plugin/filter@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_filter_world",
        default_bindings_module: "starling_plugin::guest::filter",
        // What both worlds import is generated once, above.
        with: {
            "starling:plugin/types@0.1.0": crate::guest::bot::starling::plugin::types,
            "starling:plugin/kv@0.1.0": crate::guest::bot::starling::plugin::kv,
            "starling:plugin/config@0.1.0": crate::guest::bot::starling::plugin::config,
            "starling:plugin/log@0.1.0": crate::guest::bot::starling::plugin::log,
            "starling:plugin/clock@0.1.0": crate::guest::bot::starling::plugin::clock,
            "starling:plugin/random@0.1.0": crate::guest::bot::starling::plugin::random,
            "starling:plugin/identity@0.1.0": crate::guest::bot::starling::plugin::identity,
        },
    });
}

pub use exports::{ExportedBot, ExportedFilter, Kept};

/// Asks the host through the component's imports.
#[derive(Clone, Copy)]
pub(crate) struct Component;
