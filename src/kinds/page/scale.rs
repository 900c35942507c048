//! Axes: where ticks stand and where values fall. It does not know what is drawn.

use chrono::{Datelike, NaiveDate};

use crate::{kinds::page::number, ml::math};

/// Returns round values within `low..=high`, about `wanted` of them: multiples of 1, 2 or 5 times a
/// power of ten.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite()) {
        return Vec::new();
    }
    if low >= high {
        return vec![low];
    }
    let step = round_step(high / wanted.max(1) as f64 - low / wanted.max(1) as f64);
    let first = (low / step).ceil();
    let n = ((high / step).floor() - first).clamp(-1.0, 100.0) as i64;
    (0..=n).map(|i| (first + i as f64) * step).filter(|t| t.is_finite()).collect()
}

/// Returns edges at round values around `low..=high`, at most `most` bins.
pub fn round_edges(low: f64, high: f64, most: usize) -> Vec<f64> {
    let step =
        round_step(((high - low) / most.max(3) as f64).max(low.abs().max(high.abs()) * 1e-9));
    let (first, last) = ((low / step).floor(), (high / step).floor() + 1.0);
    let n = (last - first).clamp(1.0, 10_000.0) as i64;
    (0..=n).map(|i| (first + i as f64) * step).collect()
}

/// Returns the smallest of 1, 2, 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    if !(least > 0.0 && least.is_finite()) {
        return 1.0;
    }
    let unit = math::pow(10.0, math::log10(least).floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * unit >= least * (1.0 - 1e-12));
    factor.unwrap_or(10.0) * unit
}

/// Returns ticks at the starts of years, quarters, months or days, given as days since 1970-01-01, each
/// with its label.
pub fn date_ticks(low: f64, high: f64, wanted: usize) -> Vec<(f64, String)> {
    let (Some(first), Some(last)) = (number::civil(low), number::civil(high)) else {
        return Vec::new();
    };
    let months = |d: NaiveDate| d.year() * 12 + d.month0() as i32;
    let span = months(last) - months(first);
    if span < 3 {
        let days = ticks(low, high, wanted.min(4)).into_iter().filter(|t| *t == t.floor());
        return days.map(|t| (t, number::date(t, false))).collect();
    }
    let steps = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 12_000];
    let step = steps.into_iter().find(|s| span / s <= wanted as i32).unwrap_or(120_000);
    let start = (months(first) + step - 1).div_euclid(step) * step;
    (0..)
        .map(|i| start + i * step)
        .take_while(|m| *m <= months(last))
        .filter_map(|m| {
            let date = NaiveDate::from_ymd_opt(m.div_euclid(12), m.rem_euclid(12) as u32 + 1, 1)?;
            let label = if step % 12 == 0 {
                date.year().to_string()
            } else {
                format!("{}-{:02}", date.year(), date.month())
            };
            Some((f64::from(date.to_epoch_days()), label))
        })
        .filter(|(t, _)| (low..=high).contains(t))
        .collect()
}

/// A linear mapping from values to pixels.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// Maps `from.0..from.1` onto `to.0..to.1`; a single value falls in the middle.
    pub fn new(from: (f64, f64), to: (f64, f64)) -> Scale {
        Scale { from, to }
    }

    /// Returns the range of values.
    pub fn from(&self) -> (f64, f64) {
        self.from
    }

    /// Returns the pixel of a value, with two decimals.
    pub fn at(&self, value: f64) -> f64 {
        let span = self.from.1 - self.from.0;
        // Halved first, so that the widest ranges do not overflow.
        let t = if span.is_finite() {
            (value - self.from.0) / span
        } else {
            (value / 2.0 - self.from.0 / 2.0) / (self.from.1 / 2.0 - self.from.0 / 2.0)
        };
        let t = if t.is_finite() { t } else { 0.5 };
        ((self.to.0 + t * (self.to.1 - self.to.0)) * 100.0).round() / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_ticks() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(13.0, 87.0, 4), [20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(4.0, 4.0, 5), [4.0]);
        assert!(ticks(f64::NAN, 1.0, 5).is_empty());
        assert!(ticks(-f64::MAX, f64::MAX, 5).len() < 10);
    }

    #[test]
    fn round_edges_hide_the_extremes() {
        assert_eq!(round_edges(13.0, 87.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(round_edges(80.0, 80.0, 5).len(), 2);
    }

    #[test]
    fn dates_start_on_calendar_units() {
        let labels = |low, high| -> Vec<String> {
            date_ticks(low, high, 5).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(17_900.0, 19_723.0), ["2020", "2021", "2022", "2023", "2024"]);
        assert_eq!(
            labels(19_700.0, 19_860.0),
            ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"]
        );
        assert!(labels(f64::NAN, 1.0).is_empty());
    }

    #[test]
    fn scales() {
        let scale = Scale::new((0.0, 10.0), (100.0, 200.0));
        assert_eq!(scale.at(5.0), 150.0);
        assert_eq!(Scale::new((1.0, 1.0), (0.0, 10.0)).at(1.0), 5.0);
        assert_eq!(Scale::new((-f64::MAX, f64::MAX), (0.0, 10.0)).at(0.0), 5.0);
    }
}
