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

/// Most values that a heap can ask; a power of two, so that no place needs a check.
const VALUES: usize = 512;

/// Values of one row.
pub struct Values {
    values: [u16; VALUES],
    n: usize,
}

/// Three levels of splits, the children of split `i` being `2 i` and `2 i + 1`: each asks whether the value at a place is at
/// or above a cut, which sends it right. The first split has number 1; 0 is not used.
#[derive(Clone, Copy, Default)]
#[repr(C, align(32))]
pub struct Heap {
    /// The places.
    pub places: [u16; 8],
    /// The cuts.
    pub cuts: [u16; 8],
}

impl Values {
    /// Makes room for `n` values; `None` if that is too many.
    pub fn zeros(n: usize) -> Option<Values> {
        (n <= VALUES).then_some(Values { values: [0; VALUES], n })
    }

    /// Puts a value at a place.
    pub fn put(&mut self, place: usize, value: u8) {
        self.values[place % VALUES] = u16::from(value);
    }
}

impl Heap {
    /// Goes down from split to split; returns which of the eight places under the heap that comes to.
    #[inline(always)]
    fn descend(&self, values: &Values) -> usize {
        let mut at = 1;
        for _ in 0..3 {
            let value = values.values[usize::from(self.places[at % 8]) % VALUES];
            at = 2 * at + usize::from(value >= self.cuts[at % 8]);
        }
        at % 8
    }
}

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

    /// Returns which of the places under each heap the values come to.
    #[inline(always)]
    fn descend(self, values: &Values, heaps: [&Heap; 4]) -> [usize; 4] {
        let [a, b, c, d] = heaps;
        [a.descend(values), b.descend(values), c.descend(values), d.descend(values)]
    }
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

    use super::{Heap, Line, Lines, Plain, Values};

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

    /// Values that two registers hold.
    const HELD: usize = 64;

    /// Which of the places under a heap is come to if the splits of these bits send right.
    const UNDER: [u8; 256] = {
        let mut under = [0; 256];
        let mut bits = 0;
        while bits < 256 {
            let mut at = 1;
            while at < 8 {
                at = 2 * at + (bits >> at & 1);
            }
            under[bits] = (at - 8) as u8;
            bits += 1;
        }
        under
    };

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

        #[inline(always)]
        fn descend(self, values: &Values, heaps: [&Heap; 4]) -> [usize; 4] {
            if values.n > HELD {
                return Plain.descend(values, heaps);
            }
            // All splits of four heaps are asked at once.
            let bw = self.0.avx512bw;
            let (held, _) = values.values.as_chunks::<32>();
            let [a, b, c, d] = heaps;
            let places = cast([a.places, b.places, c.places, d.places]);
            let cuts = cast([a.cuts, b.cuts, c.cuts, d.cuts]);
            let asked = bw._mm512_permutex2var_epi16(cast(held[0]), places, cast(held[1]));
            let right = bw._mm512_cmpge_epu16_mask(asked, cuts).to_le_bytes();
            let under = |bits: u8| usize::from(UNDER[usize::from(bits)]);
            [under(right[0]), under(right[1]), under(right[2]), under(right[3])]
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

    struct Down<'a> {
        values: &'a Values,
        heaps: [&'a Heap; 4],
    }

    impl Kernel for Down<'_> {
        type Output = [usize; 4];

        fn run<L: Lines>(self, lines: L) -> [usize; 4] {
            lines.descend(self.values, self.heaps)
        }
    }

    #[test]
    fn every_level_goes_down_to_the_same_places() {
        let mut state = 5_u64;
        let mut roll = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        let mut seen = [0; 8];
        for n in [1, 2, 63, 64, 65, VALUES] {
            for _ in 0..100 {
                let mut values = Values::zeros(n).unwrap();
                (0..n).for_each(|place| values.put(place, roll(256) as u8));
                let heaps: [Heap; 4] = std::array::from_fn(|_| Heap {
                    places: std::array::from_fn(|_| roll(n as u64) as u16),
                    cuts: std::array::from_fn(|_| 1 + roll(255) as u16),
                });
                let expected = heaps.map(|heap| heap.descend(&values));
                expected.iter().for_each(|&place| seen[place] += 1);
                for level in Level::all() {
                    let down = Down { values: &values, heaps: heaps.each_ref() };
                    assert_eq!(level.force(|| on_lines(down)), expected, "{}", level.name());
                }
            }
        }
        assert!(seen.iter().all(|n| *n > 100), "{seen:?}");
        assert!(Values::zeros(VALUES + 1).is_none());
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
