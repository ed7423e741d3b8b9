//! Eats time and memory.

use std::hint::black_box;

use crate::{Failure, number, report, starling::plugin::clock};

/// The size of a small step: one page of WebAssembly.
const STEP: usize = 64 << 10;

/// Does one of these; `None` when it is none of them.
pub fn indulge(behaviour: &str, argument: &str) -> Option<Result<(), Failure>> {
    Some(match behaviour {
        "spin" => Err(spin()),
        "call-forever" => call_forever(),
        "recurse" => report(&format!("came back from {}", recurse(number(argument), 0))),
        "recurse-wide" => report(&format!("came back with {}", recurse_wide(number(argument)))),
        "allocate" => allocate(number(argument)),
        "hoard-in-steps" => hoard_in_steps(),
        "leak" => leak(number(argument)),
        "many-small" => many_small(),
        _ => return None,
    })
}

/// Never comes back, and asks the host for nothing.
pub fn spin() -> Failure {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Never comes back, and spends its time in the host.
fn call_forever() -> ! {
    loop {
        let _ = black_box(clock::now());
    }
}

/// Goes so deep, with nothing in linear memory: what runs out is the host's stack.
#[inline(never)]
fn recurse(depth: u64, level: u64) -> u64 {
    if level == depth {
        return level;
    }
    recurse(depth, level + 1).rotate_left(7) ^ level
}

/// Goes so deep, with a kilobyte of its own on each level: what runs out is the guest's stack.
#[inline(never)]
fn recurse_wide(depth: u64) -> u64 {
    let own = black_box([depth; 128]);
    if depth == 0 { own[0] } else { recurse_wide(depth - 1).rotate_left(7) ^ own[5] }
}

/// Asks for so many MiB, in pieces as large as an allocator hands out, and touches each page.
fn allocate(mebibytes: u64) -> Result<(), Failure> {
    let mut held = Vec::new();
    let mut missing = mebibytes << 20;
    while missing > 0 {
        let piece = missing.min(1 << 30);
        held.push(vec![1_u8; piece as usize]);
        missing -= piece;
    }
    report(&format!("holds {mebibytes} MiB in {} pieces", black_box(held).len()))
}

/// Takes page after page, for good.
fn hoard_in_steps() -> ! {
    loop {
        black_box(Box::leak(vec![1_u8; STEP].into_boxed_slice()));
    }
}

/// Takes so many MiB, and keeps them over this call.
fn leak(mebibytes: u64) -> Result<(), Failure> {
    let length = (mebibytes << 20) as usize;
    black_box(Box::leak(vec![1_u8; length].into_boxed_slice()));
    Ok(())
}

/// Takes a few bytes after a few bytes, for good.
fn many_small() -> ! {
    loop {
        black_box(Box::leak(Box::new(black_box([1_u64; 12]))));
    }
}
