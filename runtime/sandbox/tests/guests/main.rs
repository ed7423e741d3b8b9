//! The sandbox with real guests in it: those of `tests/plugins`, most of which mean no good.

#[cfg(test)]
mod abi;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod people;
#[cfg(test)]
mod seated;
#[cfg(test)]
mod swaps;
#[cfg(test)]
mod town;
