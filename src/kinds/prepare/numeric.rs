//! One column of numbers: what is learnt from it and how a value becomes a feature.
//! It does not know other columns.

use serde::{Deserialize, Serialize};

use crate::{
    frame::{FrameError, Table, table::is_temporal},
    kinds::prepare::{
        in_column,
        settings::{NumericImpute, NumericSettings, PowerChoice, ScaleChoice},
    },
    ml::{math, power, quantiles},
    stage::error::StageError,
};

/// What was learnt from a column of numbers. Applied in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericColumn {
    /// The column's name.
    pub column: String,
    /// Whether it holds dates, read as days since 1970-01-01.
    pub date: bool,
    /// How many of the rows learnt from had no value.
    pub missing: u64,
    /// Whether a second feature says where the value was missing.
    pub indicator: bool,
    /// What stands in for a missing value; `None` leaves it missing.
    pub fill: Option<f64>,
    /// Smallest and largest value that is let through.
    pub clip: Option<(f64, f64)>,
    /// The power transformation.
    pub power: Power,
    /// Subtracted after that.
    pub center: f64,
    /// Divided by at last; never 0.
    pub scale: f64,
}

/// A fitted power transformation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// None.
    None,
    /// ln(1 + x).
    Log1p,
    /// Yeo and Johnson's with this exponent.
    YeoJohnson(f64),
}

/// What a column gives.
pub enum Learnt<T> {
    /// A fitted column, with something to tell about it perhaps.
    Column(T, Option<&'static str>),
    /// Nothing to learn from; the reason.
    LeftOut(String),
}

impl<T> Learnt<T> {
    /// Wraps the column, if there is one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Learnt<U> {
        match self {
            Learnt::Column(column, told) => Learnt::Column(f(column), told),
            Learnt::LeftOut(why) => Learnt::LeftOut(why),
        }
    }
}

impl NumericColumn {
    /// Learns from the given rows of column `name`, or all of them.
    ///
    /// # Errors
    /// If the column is missing, not numeric, has an infinite value or one that `log1p` cannot take.
    pub fn fit(
        table: &Table,
        rows: Option<&[usize]>,
        name: &str,
        settings: &NumericSettings,
    ) -> Result<Learnt<NumericColumn>, StageError> {
        let date = is_temporal(table.column(name).map_err(in_column)?.data_type());
        let mut values = read(table, name, date)?;
        if let Some(rows) = rows {
            values = rows.iter().filter_map(|&r| values.get(r).copied()).collect();
        }
        let n_rows = values.len();
        values.retain(|v| !v.is_nan());
        let n_missing = n_rows - values.len();
        values.sort_unstable_by(f64::total_cmp);
        let fill = fill_value(&values, settings);
        if values.is_empty() && settings.impute != NumericImpute::Constant {
            return Ok(Learnt::LeftOut("it has no value in any row".to_string()));
        }
        // Every later step learns from filled columns, as the steps of a scikit-learn pipeline do.
        if let Some(fill) = fill {
            let at = values.partition_point(|v| v.total_cmp(&fill).is_lt());
            values.splice(at..at, std::iter::repeat_n(fill, n_missing));
        }
        let clip = settings.clip.map(|(low, high)| {
            (quantiles::quantile(&values, low), quantiles::quantile(&values, high))
        });
        let varied = values.first() != values.last();
        if let Some((low, high)) = clip {
            values.iter_mut().for_each(|v| *v = v.max(low).min(high));
        }
        let mut column = NumericColumn {
            column: name.to_string(),
            date,
            missing: n_missing as u64,
            indicator: settings.indicator && n_missing > 0,
            fill,
            clip,
            power: Power::None,
            center: 0.0,
            scale: 1.0,
        };
        column.learn_power(&mut values, settings.power)?;
        column.learn_scale(&values, settings.scale);
        column.check_finite()?;
        let told = match values.first() == values.last() {
            true if varied => Some("one value is left after clipping"),
            true => Some("the same value in every row"),
            false => None,
        };
        Ok(Learnt::Column(column, told))
    }

    /// Sets the power transformation and applies it to the ascending values (it keeps their order).
    fn learn_power(&mut self, values: &mut [f64], choice: PowerChoice) -> Result<(), StageError> {
        self.power = match choice {
            PowerChoice::None => return Ok(()),
            PowerChoice::Log1p => Power::Log1p,
            PowerChoice::YeoJohnson => Power::YeoJohnson(power::yeo_johnson_lambda(values)),
        };
        if let (Power::Log1p, Some(lowest)) = (self.power, values.first().filter(|v| **v <= -1.0)) {
            return Err(StageError::Data(format!(
                "column `{}` has the value {lowest}; `power: log1p` needs values above -1 \
                 (use yeo-johnson, or clip)",
                self.column
            )));
        }
        values.iter_mut().for_each(|v| *v = self.power.of(*v));
        Ok(())
    }

    /// Sets centre and scale from the ascending values.
    fn learn_scale(&mut self, values: &[f64], choice: ScaleChoice) {
        let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
        let (center, scale) = match choice {
            ScaleChoice::None => return,
            // Exact for constant columns, where the rounding of a mean would leave a residue.
            _ if first == last => (*first, 1.0),
            ScaleChoice::Standard => {
                let mean = quantiles::mean(values);
                (mean, deviation(values, mean))
            }
            ScaleChoice::Minmax => (*first, last - first),
            ScaleChoice::Robust => {
                let quartile = |q| quantiles::quantile(values, q);
                (quartile(0.5), quartile(0.75) - quartile(0.25))
            }
        };
        self.center = center;
        self.scale = if scale > 0.0 { scale } else { 1.0 };
    }

    /// Sums and differences of values near the largest double overflow.
    fn check_finite(&self) -> Result<(), StageError> {
        let (low, high) = self.clip.unwrap_or_default();
        let learnt = [self.fill.unwrap_or_default(), low, high, self.center, self.scale];
        if learnt.iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        Err(StageError::Data(format!(
            "column `{}` has values too large to learn from; divide it in features.derive",
            self.column
        )))
    }

    /// Returns the feature of every row; NaN where a value is missing and nothing stands in for it.
    ///
    /// # Errors
    /// If the column is missing, has another type, or a value that has no feature.
    pub fn apply(&self, table: &Table) -> Result<Vec<f64>, StageError> {
        let mut values = read(table, &self.column, self.date)?;
        for (row, value) in values.iter_mut().enumerate() {
            let raw = *value;
            *value = self.feature(raw);
            let stays_missing = raw.is_nan() && self.fill.is_none();
            if !value.is_finite() && !stays_missing {
                let row = table.first_row() + row;
                return Err(StageError::Data(format!(
                    "column `{}`, row {row}: the value {raw} cannot be transformed (power {})",
                    self.column,
                    self.power.word()
                )));
            }
        }
        Ok(values)
    }

    fn feature(&self, raw: f64) -> f64 {
        let mut value = raw;
        if let (true, Some(fill)) = (value.is_nan(), self.fill) {
            value = fill;
        }
        if let (false, Some((low, high))) = (value.is_nan(), self.clip) {
            // Not `clamp`, which panics where a damaged model has the limits the wrong way round.
            value = value.max(low).min(high);
        }
        (self.power.of(value) - self.center) / self.scale
    }
}

impl Power {
    /// Returns the transformed value; NaN stays NaN.
    pub fn of(self, value: f64) -> f64 {
        match self {
            Power::None => value,
            Power::Log1p => math::ln_1p(value),
            Power::YeoJohnson(_) if value.is_nan() => value,
            Power::YeoJohnson(lambda) => power::yeo_johnson(value, lambda),
        }
    }

    /// Returns its name among the parameters.
    pub fn word(self) -> &'static str {
        match self {
            Power::None => "none",
            Power::Log1p => "log1p",
            Power::YeoJohnson(_) => "yeo-johnson",
        }
    }
}

/// The standard deviation (ddof 0); 0 if it is within what rounding makes of a constant column, by
/// scikit-learn's bound (Chan, Golub and LeVeque 1983).
fn deviation(values: &[f64], mean: f64) -> f64 {
    let variance = quantiles::variance(values, mean);
    let n_epsilons = values.len() as f64 * f64::EPSILON;
    let noise = n_epsilons * mean;
    let constant = variance.is_finite() && variance <= n_epsilons * variance + noise * noise;
    if constant { 0.0 } else { variance.sqrt() }
}

/// What stands in for a missing value, given the ascending values that are there.
fn fill_value(sorted: &[f64], settings: &NumericSettings) -> Option<f64> {
    match settings.impute {
        NumericImpute::None => None,
        NumericImpute::Constant => Some(settings.fill_value),
        NumericImpute::Mean => Some(quantiles::mean(sorted)),
        NumericImpute::Median => Some(quantiles::quantile(sorted, 0.5)),
        NumericImpute::MostFrequent => Some(quantiles::mode(sorted)),
    }
}

/// Reads a column as numbers, dates as days since 1970-01-01; NaN for a missing value.
///
/// # Errors
/// If the column is missing, has another type, or an infinite value.
pub fn read(table: &Table, name: &str, date: bool) -> Result<Vec<f64>, StageError> {
    let values = if date { days(table, name) } else { table.floats(name) }.map_err(in_column)?;
    match values.iter().position(|v| v.is_infinite()) {
        Some(row) => Err(StageError::Data(format!(
            "column `{name}`, row {}: the value is infinite; make it missing in features.derive, or \
             drop the column",
            table.first_row() + row
        ))),
        None => Ok(values),
    }
}

fn days(table: &Table, name: &str) -> Result<Vec<f64>, FrameError> {
    use arrow::{
        array::AsArray,
        datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType},
    };
    const MICROSECONDS_A_DAY: f64 = 86_400e6;
    let array = table.column(name)?;
    match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().iter();
            Ok(days.map(|d| d.map_or(f64::NAN, f64::from)).collect())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = array.as_primitive::<TimestampMicrosecondType>().iter();
            Ok(times.map(|t| t.map_or(f64::NAN, |t| t as f64 / MICROSECONDS_A_DAY)).collect())
        }
        other => Err(FrameError::WrongType {
            column: name.to_string(),
            found: crate::frame::table::type_word(other),
            expected: "a date",
        }),
    }
}
