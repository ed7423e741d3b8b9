//! The sandbox with real guests in it: those of `tests/plugins`, most of which mean no good.

mod abi;
mod beside;
mod fuzz;
mod golden;
mod grants;
mod hostile;
mod limits;
mod loading;
mod people;
mod seated;
mod town;
