//! Lets libraries decode bytes of unknown origin. Parquet and Arrow files are full of lengths and offsets, and the crates that
//! read them answer some of the wrong ones with a panic; here such a panic becomes an error like any other. It does
//! not know what is decoded.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
};

use crate::frame::FrameError;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Decodes.
///
/// # Errors
/// As `decode` does, and where it panics. Nothing that it worked on is used then.
pub fn decoding<T, E: From<FrameError>>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let before = DECODING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(before);
    result.unwrap_or_else(|panic| Err(FrameError::Damaged(text(panic.as_ref())).into()))
}

/// Keeps panics silent that [`decoding`] turns into errors. For the start of a program.
pub fn silence() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !DECODING.get() {
            others(info);
        }
    }));
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_one_is_a_panic_again() {
        let found: Result<u32, FrameError> = decoding(|| panic!("offset {} of 3", 7));
        assert_eq!(found.unwrap_err().to_string(), "the file is damaged: offset 7 of 3");
        assert!(!DECODING.get());
        assert!(decoding(|| Ok::<_, FrameError>(1)).is_ok());
    }
}
