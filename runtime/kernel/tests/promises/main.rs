//! What the kernel promises (`runtime/SEMANTICS.md`), one test a claim.

mod events;
mod given;
mod mailbox;
mod panics;
mod restarts;
mod start;
mod stop;
mod worker;
