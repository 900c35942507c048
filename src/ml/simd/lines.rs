//! Lines of 64 bytes, one byte for each of as many rows, and what the compiler does not make of loops over them by itself:
//! looking bytes up in a table without going to memory for each. It does not know what the bytes mean.
//!
//! The instructions are pulp's, which are safe in the hands of whoever holds its proof that the processor has them.

use pulp::Arch;

use super::{FORCED, Level};

/// One value for each of 64 rows. Lines that straddle lines of the cache take twice as long.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Line<T>(pub [T; 64]);

/// What is done with lines on one level.
pub trait Lines: Copy {
    /// A line in registers.
    type Bytes: Copy;

    /// Takes a line up.
    fn load(self, line: &Line<u8>) -> Self::Bytes;

    /// Puts a line down.
    fn store(self, bytes: Self::Bytes, line: &mut Line<u8>);

    /// Returns a line of the same byte.
    fn splat(self, byte: u8) -> Self::Bytes;

    /// Returns, row by row, the byte of `below` where `value` is below `cut`, else that of `other`.
    fn pick(
        self,
        value: Self::Bytes,
        cut: u8,
        below: Self::Bytes,
        other: Self::Bytes,
    ) -> Self::Bytes;

    /// Adds to each row's sum what its byte, which is below 64, finds in a table.
    fn add_found(self, at: Self::Bytes, table: &[f32; 64], sums: &mut Line<f32>);
}

/// A kernel over lines. It and whatever it calls must be `#[inline(always)]`; closures handed to `map` are not.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// Runs on a level.
    fn run<L: Lines>(self, lines: L) -> Self::Output;
}

/// Runs a kernel on the best level of this machine, or on the one that is forced.
#[inline(always)]
pub fn on_lines<K: Kernel>(kernel: K) -> K::Output {
    let Level(arch) = FORCED.get().unwrap_or_else(Level::best);
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(v4) => v4.vectorize(Running { kernel, lines: x86::Whole(v4) }),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(v3) => v3.vectorize(Running { kernel, lines: x86::Halves(v3) }),
        arch => arch.dispatch(Running { kernel, lines: Plain }),
    }
}

struct Running<K, L> {
    kernel: K,
    lines: L,
}

impl<K: Kernel, L: Lines> pulp::NullaryFnOnce for Running<K, L> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.kernel.run(self.lines)
    }
}

/// Lines without instructions of their own.
#[derive(Clone, Copy)]
struct Plain;

impl Lines for Plain {
    type Bytes = [u8; 64];

    #[inline(always)]
    fn load(self, line: &Line<u8>) -> [u8; 64] {
        line.0
    }

    #[inline(always)]
    fn store(self, bytes: [u8; 64], line: &mut Line<u8>) {
        line.0 = bytes;
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> [u8; 64] {
        [byte; 64]
    }

    #[inline(always)]
    fn pick(self, value: [u8; 64], cut: u8, below: [u8; 64], other: [u8; 64]) -> [u8; 64] {
        let mut picked = other;
        for ((picked, below), value) in picked.iter_mut().zip(below).zip(value) {
            // Without a branch, so that the compiler puts them side by side.
            let mask = u8::from(value < cut).wrapping_neg();
            *picked = (below & mask) | (*picked & !mask);
        }
        picked
    }

    #[inline(always)]
    fn add_found(self, at: [u8; 64], table: &[f32; 64], sums: &mut Line<f32>) {
        for (sum, at) in sums.0.iter_mut().zip(at) {
            *sum += table[usize::from(at) % 64];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The two levels of the processors that most people have.

    use std::arch::x86_64::{__m128i, __m256i, __m512i};

    use pulp::{
        bytemuck::cast,
        x86::{V3, V4},
    };

    use super::{Line, Lines, Plain};

    /// A line is two registers.
    #[derive(Clone, Copy)]
    pub struct Halves(pub V3);

    impl Halves {
        #[inline(always)]
        fn pick_half(self, value: __m256i, cut: u8, below: __m256i, other: __m256i) -> __m256i {
            let (avx, avx2) = (self.0.avx, self.0.avx2);
            let larger = avx2._mm256_max_epu8(value, avx._mm256_set1_epi8(cut.cast_signed()));
            let is_other = avx2._mm256_cmpeq_epi8(larger, value);
            avx2._mm256_blendv_epi8(below, other, is_other)
        }
    }

    impl Lines for Halves {
        type Bytes = [__m256i; 2];

        #[inline(always)]
        fn load(self, line: &Line<u8>) -> [__m256i; 2] {
            cast(line.0)
        }

        #[inline(always)]
        fn store(self, bytes: [__m256i; 2], line: &mut Line<u8>) {
            line.0 = cast(bytes);
        }

        #[inline(always)]
        fn splat(self, byte: u8) -> [__m256i; 2] {
            [self.0.avx._mm256_set1_epi8(byte.cast_signed()); 2]
        }

        #[inline(always)]
        fn pick(
            self,
            value: [__m256i; 2],
            cut: u8,
            below: [__m256i; 2],
            other: [__m256i; 2],
        ) -> [__m256i; 2] {
            [
                self.pick_half(value[0], cut, below[0], other[0]),
                self.pick_half(value[1], cut, below[1], other[1]),
            ]
        }

        #[inline(always)]
        fn add_found(self, at: [__m256i; 2], table: &[f32; 64], sums: &mut Line<f32>) {
            // A table of 64 is too large for registers of eight; the compiler gathers.
            Plain.add_found(cast(at), table, sums);
        }
    }

    /// A line is a register.
    #[derive(Clone, Copy)]
    pub struct Whole(pub V4);

    impl Lines for Whole {
        type Bytes = __m512i;

        #[inline(always)]
        fn load(self, line: &Line<u8>) -> __m512i {
            cast(line.0)
        }

        #[inline(always)]
        fn store(self, bytes: __m512i, line: &mut Line<u8>) {
            line.0 = cast(bytes);
        }

        #[inline(always)]
        fn splat(self, byte: u8) -> __m512i {
            self.0.avx512f._mm512_set1_epi8(byte.cast_signed())
        }

        #[inline(always)]
        fn pick(self, value: __m512i, cut: u8, below: __m512i, other: __m512i) -> __m512i {
            let bw = self.0.avx512bw;
            let is_below = bw._mm512_cmplt_epu8_mask(value, self.splat(cut));
            bw._mm512_mask_blend_epi8(is_below, other, below)
        }

        #[inline(always)]
        fn add_found(self, at: __m512i, table: &[f32; 64], sums: &mut Line<f32>) {
            let f = self.0.avx512f;
            // The table lies in four registers, and one instruction looks 16 rows up in two of them.
            let [a, b, c, d]: [[f32; 16]; 4] = cast(*table);
            let (a, b, c, d) = (cast(a), cast(b), cast(c), cast(d));
            let upper_half = f._mm512_set1_epi32(32);
            let parts: [__m128i; 4] = cast(at);
            let (sums, _) = sums.0.as_chunks_mut::<16>();
            for (sums, part) in sums.iter_mut().zip(parts) {
                let at = f._mm512_cvtepu8_epi32(part);
                let lower = f._mm512_permutex2var_ps(a, at, b);
                let upper = f._mm512_permutex2var_ps(c, at, d);
                let is_upper = f._mm512_test_epi32_mask(at, upper_half);
                let found = f._mm512_mask_blend_ps(is_upper, lower, upper);
                *sums = cast(f._mm512_add_ps(cast(*sums), found));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some<'a> {
        values: &'a Line<u8>,
        table: &'a [f32; 64],
    }

    impl Kernel for Some<'_> {
        type Output = (Line<u8>, Line<f32>);

        fn run<L: Lines>(self, lines: L) -> (Line<u8>, Line<f32>) {
            let values = lines.load(self.values);
            let mut at = Line([0; 64]);
            lines.store(lines.pick(values, 128, values, lines.splat(63)), &mut at);
            at.0.iter_mut().for_each(|byte| *byte %= 64);
            let mut sums = Line([0.5; 64]);
            lines.add_found(lines.load(&at), self.table, &mut sums);
            (at, sums)
        }
    }

    #[test]
    fn every_level_picks_and_finds_the_same() {
        let table = std::array::from_fn(|i| i as f32 * 1.25 - 7.0);
        for step in [1, 3, 37, 129, 255] {
            let values = Line(std::array::from_fn(|i| (i * step + 60) as u8));
            for level in Level::all() {
                let (at, sums) = level.force(|| on_lines(Some { values: &values, table: &table }));
                for ((at, sum), value) in at.0.into_iter().zip(sums.0).zip(values.0) {
                    let expected = if value < 128 { value % 64 } else { 63 };
                    assert_eq!(at, expected, "{level:?}");
                    assert_eq!(sum, 0.5 + table[usize::from(at)], "{level:?}");
                }
            }
        }
    }
}
