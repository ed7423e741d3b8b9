//! Loads a program's settings from everywhere an operator may write them, and remembers where each came from.
//!
//! Later layers win over earlier ones, key by key:
//!
//! 1. the defaults: `T::default()`, which is their only source;
//! 2. the given files, in their order;
//! 3. `conf.d/*.toml` next to each file, sorted by name;
//! 4. the environment: `STARLING_SECTION__KEY`;
//! 5. `-O section.key=value`;
//! 6. flags that the program itself understands.
//!
//! Every layer is checked when it is laid on, so a wrong value is reported where it was written even if a later layer
//! would have hidden it. A list is replaced as a whole; a table is merged key by key, unless its `type` changes: then what
//! belonged to the other type is forgotten.
//!
//! The value of a key that is named like a secret, such as `passphrase`, is repeated by no error.
//!
//! - [`Loader`]: takes the layers, gives [`Loaded`].
//! - [`Setting`], [`Origin`]: every effective key, and where its value was written.
//! - [`Note`], [`Notes`]: what each key means, made into an annotated example file.
//! - [`differences`]: whether a shipped file says what the defaults say.

mod decode;
mod error;
mod expectation;
mod layer;
mod loader;
mod notes;
mod origin;
mod refusal;
mod secrecy;
mod setting;
mod suggestion;

pub use error::Error;
pub use loader::{Loaded, Loader};
pub use notes::{Note, Notes, differences};
pub use origin::Origin;
pub use setting::Setting;
pub use suggestion::Hint;
