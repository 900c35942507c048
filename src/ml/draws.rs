//! Draws from named distributions, with a sequence that is part of the artifact format, like that of
//! [`Rng`]. It does not know what is drawn for.

use crate::ml::{math, rng::Rng};

/// Means above this are drawn in parts, as e^-mean would lose precision.
const POISSON_PART: f64 = 16.0;

impl Rng {
    /// Returns e to a normal value with this mean and standard deviation.
    pub fn log_normal(&mut self, mean: f64, std: f64) -> f64 {
        math::exp(mean + std * self.normal())
    }

    /// Returns a gamma value of mean `shape * scale`; both above 0.
    ///
    /// Source: Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000).
    pub fn gamma(&mut self, shape: f64, scale: f64) -> f64 {
        if shape < 1.0 {
            let boost = math::pow(1.0 - self.uniform(), 1.0 / shape);
            return self.gamma(shape + 1.0, scale) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            let u = 1.0 - self.uniform();
            if math::ln(u) < 0.5 * x * x + d - d * v + d * math::ln(v) {
                return d * v * scale;
            }
        }
    }

    /// Returns a beta value in 0..1 of mean `a / (a + b)`; both above 0.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a, 1.0), self.gamma(b, 1.0));
        x / (x + y)
    }

    /// Returns a Poisson count (Knuth's products of uniforms, in parts); takes time in the mean.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let (mut left, mut count) = (mean, 0);
        while left > 0.0 {
            let limit = math::exp(-left.min(POISSON_PART));
            let mut product = 1.0 - self.uniform();
            while product > limit {
                count += 1;
                product *= 1.0 - self.uniform();
            }
            left -= POISSON_PART;
        }
        count
    }

    /// Returns a negative binomial count of this mean; the smaller `size`, the wider it spreads
    /// (variance `mean + mean^2 / size`). Drawn as a Poisson count whose mean is a gamma value.
    pub fn negative_binomial(&mut self, size: f64, mean: f64) -> u64 {
        let mean = self.gamma(size, mean / size);
        self.poisson(mean)
    }

    /// Returns an index with probability in proportion to its weight; the last one if all are 0.
    pub fn pick(&mut self, weights: &[f64]) -> usize {
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return i;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of 40,000 draws.
    fn moments(mut draw: impl FnMut(&mut Rng) -> f64) -> (f64, f64) {
        let mut rng = Rng::new(5);
        let draws: Vec<f64> = (0..40_000).map(|_| draw(&mut rng)).collect();
        let mean = math::sum(&draws) / draws.len() as f64;
        let squares: Vec<f64> = draws.iter().map(|v| (v - mean) * (v - mean)).collect();
        (mean, math::sum(&squares) / draws.len() as f64)
    }

    #[test]
    fn moments_are_those_of_the_textbook() {
        let check = |(mean, var): (f64, f64), expected: (f64, f64)| {
            assert!((mean / expected.0 - 1.0).abs() < 0.03, "mean {mean}, expected {}", expected.0);
            assert!(
                (var / expected.1 - 1.0).abs() < 0.06,
                "variance {var}, expected {}",
                expected.1
            );
        };
        check(moments(|r| r.gamma(3.0, 2.0)), (6.0, 12.0));
        check(moments(|r| r.gamma(0.5, 2.0)), (1.0, 2.0));
        check(moments(|r| r.beta(2.0, 6.0)), (0.25, 0.25 * 0.75 / 9.0));
        check(moments(|r| r.poisson(0.7) as f64), (0.7, 0.7));
        check(moments(|r| r.poisson(50.0) as f64), (50.0, 50.0));
        check(moments(|r| r.negative_binomial(5.0, 20.0) as f64), (20.0, 20.0 + 80.0));
        check(moments(|r| r.pick(&[1.0, 0.0, 3.0]) as f64), (1.5, 0.75));
        let log_normal = (math::exp(0.125), (math::exp(0.25) - 1.0) * math::exp(0.25));
        check(moments(|r| r.log_normal(0.0, 0.5)), log_normal);
    }

    #[test]
    fn limits_are_defined() {
        let mut rng = Rng::new(1);
        assert_eq!(rng.poisson(0.0), 0);
        assert_eq!(rng.pick(&[]), 0);
        assert_eq!(rng.pick(&[0.0, 0.0]), 1);
    }
}
