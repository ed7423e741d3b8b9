//! The macros that make a type the component's export.

/// Makes a type the bot of this crate: `export_bot!(Echo);`. The type is a [`Bot`](crate::Bot) and has a `Default`.
///
/// It is written once, in the crate that becomes the component. In a build for another target than WebAssembly it only checks
/// the type.
#[macro_export]
macro_rules! export_bot {
    ($bot:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            impl $crate::guest::Kept for $bot {
                fn place() -> &'static ::std::thread::LocalKey<::std::cell::Cell<::std::option::Option<$bot>>>
                {
                    ::std::thread_local! {
                        static PLACE: ::std::cell::Cell<::std::option::Option<$bot>> =
                            const { ::std::cell::Cell::new(::std::option::Option::None) };
                    }
                    &PLACE
                }
            }

            type Exported = $crate::guest::ExportedBot<$bot>;

    $crate::guest::bot::export_bot_world!(Exported with_types_in $crate::guest::bot);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_bot<B: $crate::Bot + ::std::default::Default + 'static>() {}
            is_bot::<$bot>();
        };
    };
}

/// Makes a type the filter of this crate: `export_filter!(NoShouting);`. The type is a [`Filter`](crate::Filter) and has a
/// `Default`.
///
/// It is written once, in the crate that becomes the component. In a build for another target than WebAssembly it only checks
/// the type.
#[macro_export]
macro_rules! export_filter {
    ($filter:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            impl $crate::guest::Kept for $filter {
                fn place()
                -> &'static ::std::thread::LocalKey<::std::cell::Cell<::std::option::Option<$filter>>>
                {
                    ::std::thread_local! {
                        static PLACE: ::std::cell::Cell<::std::option::Option<$filter>> =
                            const { ::std::cell::Cell::new(::std::option::Option::None) };
                    }
                    &PLACE
                }
            }

            type Exported = $crate::guest::ExportedFilter<$filter>;

    $crate::guest::filter::export_filter_world!(Exported with_types_in $crate::guest::filter);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_filter<F: $crate::Filter + ::std::default::Default + 'static>() {}
            is_filter::<$filter>();
        };
    };
}
