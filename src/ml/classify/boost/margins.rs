//! The scores of the training rows from round to round, and the gradients of the log-loss by them.
//! It does not know trees.

use std::sync::Mutex;

use crate::{
    ml::classify::{Samples, boost::histogram::Small, boost::start, softmax},
    stage::work::Work,
};

/// Rows that are taken up together. They do not meet, so the number changes no bit.
const BLOCK: usize = 1024;
/// Bits of a gradient: its unit is so small that the largest one just fits.
const BITS: i32 = 30;

/// Scores and probabilities of all training rows, row after row.
pub(super) struct Margins<'a> {
    y: &'a [u32],
    /// The weight of each class in units of a gradient.
    scaled: Vec<f64>,
    unit: f64,
    n_scores: usize,
    margins: Vec<f32>,
    p: Vec<f32>,
}

impl<'a> Margins<'a> {
    /// Starts with the same scores for all rows.
    pub(super) fn new(samples: &Samples<'a>, weights: &[f64], base: &[f64]) -> Margins<'a> {
        let largest = weights.iter().copied().fold(0.0, f64::max);
        // The smallest power of two that is not below the largest weight, over 2^BITS.
        let unit = (-BITS..1023).map(power_of_two).find(|u| u * power_of_two(BITS) >= largest);
        let unit = unit.unwrap_or(1.0);
        let margins = start(base, samples.y.len());
        Margins {
            y: samples.y,
            scaled: weights.iter().map(|w| w / unit).collect(),
            unit,
            n_scores: base.len(),
            p: vec![0.0; margins.len()],
            margins,
        }
    }

    /// Returns what one unit of a gradient is worth, a power of two.
    pub(super) fn unit(&self) -> f64 {
        self.unit
    }

    /// Adds the steps of the last round's trees, one list a score, and computes probabilities.
    pub(super) fn advance(&mut self, steps: &[Vec<f32>], work: &Work) {
        let k = self.n_scores;
        let blocks = self.margins.chunks_mut(BLOCK * k).zip(self.p.chunks_mut(BLOCK * k));
        let n_blocks = blocks.len();
        let blocks = Mutex::new(blocks.enumerate());
        work.pool.map(n_blocks, |_| {
            let next = blocks.lock().ok().and_then(|mut blocks| blocks.next());
            let Some((i, (margins, p))) = next else { return };
            for (score, step) in steps.iter().enumerate() {
                let own = margins[score..].iter_mut().step_by(k);
                own.zip(&step[i * BLOCK..]).for_each(|(margin, step)| *margin += step);
            }
            let mut scores: Vec<f64> = margins.iter().map(|&v| f64::from(v)).collect();
            match k {
                1 => softmax::sigmoid_each(&mut scores),
                k => softmax::rows(&mut scores, k),
            }
            p.iter_mut().zip(scores).for_each(|(p, v)| *p = v as f32);
        });
    }

    /// Puts first and second derivatives of each row's loss by one score into `found`.
    pub(super) fn gradients(&self, score: usize, found: &mut Vec<Small>) {
        // With one score that is the second class's; the softmax counts the second derivative double.
        let (class, twice) = if self.n_scores == 1 { (1, 1.0) } else { (score as u32, 2.0) };
        let own = self.p[score.min(self.p.len())..].iter().step_by(self.n_scores);
        let gradient = |(&p, &y): (&f32, &u32)| {
            let p = f64::from(p);
            let weight = self.scaled[y as usize];
            let g = (p - f64::from(u8::from(y == class))) * weight;
            let h = twice * p * (1.0 - p) * weight;
            // A weight of nothing is nothing; else a row is never without curvature.
            [round(g), if weight > 0.0 { round(h).max(1) } else { 0 }]
        };
        found.clear();
        found.extend(own.zip(self.y).map(gradient));
    }
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

fn round(v: f64) -> i32 {
    // Half away from zero: the same everywhere, and no call of a library.
    (v + if v < 0.0 { -0.5 } else { 0.5 }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::Matrix;

    #[test]
    fn gradients_by_hand() {
        let x = Matrix::zeros(2, 0);
        let samples = Samples { x: &x, y: &[2, 0], n_classes: 4 };
        let mut margins = Margins::new(&samples, &[1.0, 1.0, 3.0, 0.0], &[0.0; 4]);
        margins.advance(&[], &Work::alone(1));
        let unit = margins.unit();
        assert_eq!(unit, 4.0 / f64::from(1 << 30));
        let mut found = Vec::new();
        margins.gradients(2, &mut found);
        let whole = found.iter().map(|pair| pair.map(|v| f64::from(v) * unit));
        assert_eq!(whole.collect::<Vec<_>>(), [[-0.75 * 3.0, 0.375 * 3.0], [0.25, 0.375]]);
        let steps = vec![vec![f32::MAX, 0.0], vec![0.0; 2], vec![0.0; 2], vec![0.0; 2]];
        margins.advance(&steps, &Work::alone(1));
        margins.gradients(0, &mut found);
        assert_eq!(found[0], [3 << 28, 1]);
    }
}
