//! A panic of the command itself, told like any other failure.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
};

use starling::kernel::log_panics;

use crate::exit::{Code, Failure};

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics go to the log, if there is one, and their places are remembered.
pub(crate) fn watch() {
    log_panics();
    remember_places();
}

fn remember_places() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        // A thread that is ending has no place to remember anything in.
        let _ = PLACE.try_with(|there| there.replace(place));
        before(panic);
    }));
}

/// Runs `work`; a panic in it is a failure, which says where and not what: nobody knows what stands in a panic's text.
pub(crate) fn guarded(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let place = PLACE.take().unwrap_or_else(|| "an unknown place".to_owned());
        Err(Failure::new(Code::Other, format!("the command broke off at {place} (a defect of this program)")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_sentence_with_its_place_and_without_its_text() {
        remember_places();
        let secret = String::from("rafts");

        let failure = guarded(|| panic!("no word like {secret}")).unwrap_err();

        assert_eq!(failure.code(), Code::Other);
        let sentence = failure.to_string();
        assert!(sentence.ends_with("(a defect of this program)"), "{sentence}");
        assert!(sentence.contains("defect.rs:") && !sentence.contains("rafts"), "{sentence}");
    }
}
