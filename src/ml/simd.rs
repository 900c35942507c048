//! Kernels compiled for each instruction set of the processor family, one chosen at run time.
//! It does not know any kernel.
//!
//! A kernel is a closure over plain loops, handed over as `simd::run(#[inline(always)] || ...)`. It and whatever it calls
//! must be `#[inline(always)]`, or that part stays compiled for the oldest processor, where `mul_add` is a call (a test of
//! the sources looks for those). Two habits make its bits the same on every level (a test forces each level on each
//! kernel):
//! - sums run over a fixed number of virtual lanes (`[f64; 8]`) that the compiler maps to registers of any width;
//!   it never reorders floating-point sums by itself;
//! - what shall be rounded once is written [`f64::mul_add`]: the compiler never makes that of `a * b + c` by itself. Its
//!   result is defined; a processor without the instruction computes the same, slowly.
//!
//! `target-cpu=native` was rejected: one binary serves all machines. Own intrinsics were rejected: they need `unsafe`.

mod lines;

use std::{cell::Cell, sync::OnceLock};

use pulp::Arch;
pub use pulp::{Scalar, Simd, WithSimd};

pub use self::lines::{Heap, Kernel, Line, Lines, Values, on_lines};

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug)]
pub struct Level(Arch);

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

impl Level {
    /// Returns the widest level of this machine, detected once.
    pub fn best() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Level(Arch::new()))
    }

    /// Returns every level of this machine, the portable one first.
    pub fn all() -> Vec<Level> {
        let mut levels = vec![Level(Arch::Scalar)];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            levels.extend(pulp::x86::V3::try_new().map(|v3| Level(Arch::V3(v3))));
            levels.extend(pulp::x86::V4::try_new().map(|v4| Level(Arch::V4(v4))));
        }
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        if Level::best().name() != levels[0].name() {
            levels.push(Level::best());
        }
        levels
    }

    /// Returns the level's name, for messages.
    pub fn name(self) -> String {
        let shown = format!("{:?}", self.0);
        shown.split('(').next().unwrap_or_default().to_lowercase()
    }

    /// Runs `f`, whose kernels on this thread (not those on threads of a pool) use this level.
    pub fn force<T>(self, f: impl FnOnce() -> T) -> T {
        /// Puts the level before back, also when `f` panics.
        struct Restore(Option<Level>);
        impl Drop for Restore {
            fn drop(&mut self) {
                FORCED.set(self.0);
            }
        }
        let _restore = Restore(FORCED.replace(Some(self)));
        f()
    }
}

/// Runs a kernel that handles registers itself, where the compiler does not see that a loop over lanes is one.
/// Lanes must not meet in it, or their number would show.
#[inline(always)]
pub fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    let Level(arch) = FORCED.get().unwrap_or_else(Level::best);
    arch.dispatch(kernel)
}

/// Runs a kernel on the best level of this machine, or on the one that is forced.
#[inline(always)]
pub fn run<T>(kernel: impl FnOnce() -> T) -> T {
    let Level(arch) = FORCED.get().unwrap_or_else(Level::best);
    arch.dispatch(kernel)
}

#[cfg(test)]
mod tests;
