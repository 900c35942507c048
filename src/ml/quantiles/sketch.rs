//! Quantiles of a column too long to keep: exact up to a stated number of values, then within a stated error.
//! It does not know where the values come from, nor what is missing: callers leave that out.
//!
//! Source: Manku, Rajagopalan and Lindsay, "Approximate medians and other quantiles in one pass and with limited memory",
//! SIGMOD 1998; the levels of doubling weights as in Karnin, Lang and Liberty, "Optimal quantile approximation in
//! streams", FOCS 2016, but without their coins: results are hashed. Where those toss a coin for the odd or the
//! even half, this takes the half that levels out the error so far, and so knows its bound.
//!
//! Halving a sorted level whose values stand for w each moves no rank by more than w: up by 0 or w with the first of
//! each pair, down by 0 or w with the second. All moves up, and all moves down, are summed; the larger sum bounds
//! the error of every rank. With capacity c and n values there are H = log2(n / c) levels, rounded up, each halved
//! n / (c w) times or less, half of them either way: the error is at most about H n / 2c ranks. At the default capacity
//! that is one rank in 500,000 at 500 thousand values and six in 500,000 at ten million, in at most 8 c (H + 1) bytes.

/// Values up to which quantiles are exact: 2 MiB.
pub const EXACT_VALUES: usize = 1 << 18;

/// What is kept of a column. Merging the sketches of its chunks in chunk order gives the same bits for any number
/// of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    capacity: usize,
    /// Level h holds values that stand for 2^h values each.
    levels: Vec<Vec<f64>>,
    n_values: u64,
    least: f64,
    largest: f64,
    /// By how much halving may have raised any rank, and lowered it.
    raised: u64,
    lowered: u64,
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch::new(EXACT_VALUES)
    }
}

impl Sketch {
    /// Makes an empty sketch that is exact up to `capacity` values (at least two).
    pub fn new(capacity: usize) -> Sketch {
        Sketch {
            capacity: capacity.max(2),
            levels: vec![Vec::new()],
            n_values: 0,
            least: f64::INFINITY,
            largest: f64::NEG_INFINITY,
            raised: 0,
            lowered: 0,
        }
    }

    /// Adds values; none may be NaN.
    pub fn extend(&mut self, values: impl IntoIterator<Item = f64>) {
        for value in values {
            self.least = self.least.min(value);
            self.largest = self.largest.max(value);
            self.n_values += 1;
            self.levels[0].push(value);
            if self.levels[0].len() > self.capacity {
                self.halve_full_levels();
            }
        }
    }

    /// Adds what `later`, the sketch of the rows that follow, has seen.
    #[must_use]
    pub fn merge(mut self, later: Sketch) -> Sketch {
        self.least = self.least.min(later.least);
        self.largest = self.largest.max(later.largest);
        self.n_values += later.n_values;
        self.raised += later.raised;
        self.lowered += later.lowered;
        for (h, values) in later.levels.into_iter().enumerate() {
            match self.levels.get_mut(h) {
                Some(level) => level.extend(values),
                None => self.levels.push(values),
            }
        }
        self.halve_full_levels();
        self
    }

    fn halve_full_levels(&mut self) {
        let mut h = 0;
        while h < self.levels.len() {
            if self.levels[h].len() > self.capacity {
                self.halve(h);
            }
            h += 1;
        }
    }

    fn halve(&mut self, h: usize) {
        let mut values = std::mem::take(&mut self.levels[h]);
        // Stable: a level is a few sorted runs, which this sort recognises.
        values.sort_by(f64::total_cmp);
        if values.len() % 2 == 1 {
            self.levels[h].extend(values.pop());
        }
        let raise = self.raised <= self.lowered;
        let moved = if raise { &mut self.raised } else { &mut self.lowered };
        *moved += 1 << h;
        let half = values.into_iter().skip(usize::from(!raise)).step_by(2);
        if h + 1 == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[h + 1].extend(half);
    }

    /// Returns the number of values seen.
    pub fn n_values(&self) -> u64 {
        self.n_values
    }

    /// Returns true while every quantile is exact.
    pub fn is_exact(&self) -> bool {
        self.max_rank_error() == 0
    }

    /// Returns by how many ranks a quantile may be off: it is a value of the column (or lies between two) whose rank is
    /// that near to the one asked for.
    pub fn max_rank_error(&self) -> u64 {
        self.raised.max(self.lowered)
    }

    /// Puts the values in order, to be asked for quantiles.
    pub fn finish(self) -> Quantiles {
        let (least, largest) = (self.least, self.largest);
        let mut weighted: Vec<(f64, u64)> = Vec::new();
        for (h, level) in self.levels.into_iter().enumerate() {
            weighted.extend(level.into_iter().map(|v| (v, 1_u64 << h)));
        }
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut end = 0;
        for (_, weight) in &mut weighted {
            end += *weight;
            *weight = end;
        }
        Quantiles { ends: weighted, least, largest }
    }
}

/// The ordered values of a finished sketch.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    /// Each value with the number of values up to and with those that it stands for.
    ends: Vec<(f64, u64)>,
    least: f64,
    largest: f64,
}

impl Quantiles {
    /// Returns the `q` quantile (`0..=1`) with linear interpolation, as [`super::quantile`]; NaN for no values.
    /// Least and largest value are always exact.
    pub fn quantile(&self, q: f64) -> f64 {
        let Some((_, n)) = self.ends.last() else { return f64::NAN };
        super::interpolate(*n as usize, q, |rank| self.at(rank as u64, *n))
    }

    fn at(&self, rank: u64, n: u64) -> f64 {
        if rank == 0 {
            return self.least;
        }
        if rank + 1 >= n {
            return self.largest;
        }
        self.ends[self.ends.partition_point(|(_, end)| *end <= rank)].0
    }
}

#[cfg(test)]
mod tests;
