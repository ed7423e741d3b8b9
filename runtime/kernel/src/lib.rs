#![doc = include_str!("../README.md")]

mod actor;
mod cell;
mod clock;
pub mod config;
mod context;
mod entropy;
mod error;
mod gate;
mod health;
mod kernel;
mod lifecycle;
mod message;
mod panics;
mod parcel;
mod plan;
mod pool;
mod recipient;
mod registry;
mod request;
mod spec;
mod telemetry;
mod threads;

pub use actor::{Actor, Handler, Task, done, task};
pub use clock::{Clock, ManualClock, Sleep, SystemClock};
pub use context::{Context, Environment};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use error::{CallError, ErrorKind, Fault, Kinded, StartError};
pub use health::Health;
pub use kernel::{Kernel, KernelBuilder};
pub use lifecycle::{Observation, Status};
pub use message::{Event, Message};
pub use panics::log_panics;
pub use pool::{CpuPool, PoolError};
pub use recipient::Recipient;
pub use registry::{Publisher, Registry};
pub use spec::{Bounds, Spec};
