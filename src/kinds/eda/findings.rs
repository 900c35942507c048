//! What stands out in one column. It does not know the other columns, and tells no value that occurs.

use crate::{
    kinds::{
        eda::{
            Settings,
            alerts::{Alert, Severity},
            columns::{Column, Values},
            dates::{date_like, number_like},
            yaml,
        },
        page::number,
    },
    ml::stats::Levels,
};

/// Smallest number of rows for which "all different" means anything.
const FEWEST_ROWS: usize = 20;

/// Share of a text column's rows that must look like numbers or dates to call it so.
const MOSTLY: f64 = 0.9;

/// Collects the alerts of one column.
pub struct Finder<'a> {
    /// The column.
    pub column: &'a Column,
    /// Its index.
    pub index: usize,
    /// Whether a person named an id.
    pub has_id: bool,
    /// The limits.
    pub settings: &'a Settings,
    /// Where alerts go.
    pub alerts: &'a mut Vec<Alert>,
}

impl Finder<'_> {
    /// Adds everything there is to say of the column.
    pub fn find(&mut self) {
        let column = self.column;
        let drop = format!("drop: [{}]", yaml::scalar(&column.name));
        if column.count() == 0 {
            self.add(Severity::Error, "all_missing", 1.0, "no value at all", drop);
            return;
        }
        self.missing();
        if column.distinct == 1 {
            self.add(Severity::Warning, "constant", 1.0, "one and the same value everywhere", drop);
            return;
        }
        self.infinite();
        match &column.values {
            Values::Number { whole, .. } => self.numeric(*whole),
            Values::Text(levels) => self.text(levels),
            _ => {}
        }
    }

    fn add(
        &mut self,
        severity: Severity,
        alert: &'static str,
        value: f64,
        words: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let column = Some(self.index);
        let (words, advice) = (words.into(), advice.into());
        self.alerts.push(Alert { severity, column, alert, value, words, advice });
    }

    fn missing(&mut self) {
        let share = self.column.missing_share();
        if share == 0.0 || share < self.settings.missing {
            return;
        }
        let advice = match (&self.column.values, share >= 0.5) {
            (_, true) => format!("drop: [{}]", yaml::scalar(&self.column.name)),
            (Values::Number { .. }, _) => {
                "numeric: { impute: median, indicator: true }".to_string()
            }
            (Values::Date { .. }, _) => "numeric: { dates: days, impute: median }".to_string(),
            _ => "categorical: { impute: most_frequent }".to_string(),
        };
        let severity = if share >= 0.2 { Severity::Warning } else { Severity::Info };
        let words = format!("{} of the rows have no value", number::percent(share));
        self.add(severity, "missing", share, words, advice);
    }

    fn infinite(&mut self) {
        let n = self.column.infinite;
        if n > 0 {
            let name = yaml::scalar(&self.column.name);
            let sql = yaml::sql_name(&self.column.name);
            let expression = format!("case when abs({sql}) < 1e300 then {sql} end");
            self.add(
                Severity::Error,
                "infinite",
                n as f64,
                format!("{} infinite, left out of all figures", number::count(n)),
                format!("columns: {{ {name}: {} }}", yaml::text(&expression)),
            );
        }
    }

    fn numeric(&mut self, whole: bool) {
        let Some(spread) = self.column.spread.as_ref() else { return };
        let n = spread.moments.count as f64;
        if whole && self.looks_like_id(spread.max - spread.min) {
            self.id_like();
            return;
        }
        if self.column.distinct <= 2 {
            return;
        }
        let skewness = spread.moments.skewness;
        if skewness.abs() >= self.settings.skewness {
            let words = format!("skewness {}", number::fixed(skewness, 1));
            self.add(
                Severity::Warning,
                "skewed",
                skewness,
                words,
                "numeric: { power: yeo-johnson }",
            );
        }
        let (q1, q3) = (spread.quantiles[2], spread.quantiles[4]);
        let outside = spread.outliers_iqr as f64 / n;
        // A column of mostly one value has no width between its quartiles; zeros say so better.
        if q3 > q1 && outside > 0.0 && outside >= self.settings.outliers {
            let severity = if outside >= 0.1 { Severity::Warning } else { Severity::Info };
            let words =
                format!("{} of the values lie outside the IQR fences", number::percent(outside));
            self.add(severity, "outliers", outside, words, "numeric: { clip: [0.01, 0.99] }");
        }
        let zeros = spread.zeros as f64 / n;
        if zeros > 0.0 && zeros >= self.settings.zeros {
            let new = yaml::scalar(&format!("has_{}", self.column.name));
            let test = format!("{} <> 0", yaml::sql_name(&self.column.name));
            let words = format!("{} of the values are 0", number::percent(zeros));
            let advice = format!("columns: {{ {new}: {} }}", yaml::text(&test));
            self.add(Severity::Info, "zeros", zeros, words, advice);
        }
    }

    fn looks_like_id(&self, range: f64) -> bool {
        let column = self.column;
        let all_different = column.distinct == column.n_rows && column.n_rows >= FEWEST_ROWS;
        let name = column.name.to_ascii_lowercase();
        let named = name == "id" || name.ends_with("_id") || name.ends_with(" id");
        all_different && (named || range < 2.0 * column.n_rows as f64)
    }

    fn id_like(&mut self) {
        let name = yaml::scalar(&self.column.name);
        let unique = self.column.distinct == self.column.n_rows;
        let advice =
            if unique && !self.has_id { format!("id: {name}") } else { format!("drop: [{name}]") };
        let share = self.column.distinct as f64 / self.column.count() as f64;
        let words = match unique {
            true => "every row has a value of its own".to_string(),
            false => format!("{} of the values are different", number::percent(share)),
        };
        self.add(Severity::Warning, "id_like", share, words, advice);
    }

    fn text(&mut self, levels: &Levels) {
        let count = self.column.count();
        let name = yaml::scalar(&self.column.name);
        let share = |accept: &dyn Fn(&str) -> bool| {
            let rows = levels.names.iter().zip(&levels.counts);
            rows.filter(|(text, _)| accept(text)).map(|(_, n)| *n).sum::<usize>() as f64
                / levels.count() as f64
        };
        let numbers = share(&number_like);
        if numbers >= MOSTLY {
            let words = format!("{} of the texts are numbers", number::percent(numbers));
            let advice = format!("types: {{ {name}: float }}");
            self.add(Severity::Warning, "numeric_text", numbers, words, advice);
            return;
        }
        let dates = share(&|text| date_like(text).is_some());
        if dates >= MOSTLY {
            self.dates(levels, dates);
            return;
        }
        if count >= FEWEST_ROWS && self.column.distinct as f64 >= 0.95 * count as f64 {
            self.id_like();
            return;
        }
        if self.column.distinct > self.settings.max_levels {
            self.add(
                Severity::Warning,
                "high_cardinality",
                self.column.distinct as f64,
                format!("{} different levels", number::count(self.column.distinct)),
                "categorical: { encode: frequency }",
            );
            return;
        }
        let limit = self.settings.min_frequency * count as f64;
        let rare = levels.counts.iter().filter(|n| (**n as f64) < limit).count();
        if rare > 0 {
            self.add(
                Severity::Info,
                "rare_levels",
                rare as f64,
                format!(
                    "{} with less than {} of the rows",
                    if rare == 1 {
                        "1 level".to_string()
                    } else {
                        format!("{} levels", number::count(rare))
                    },
                    number::percent(self.settings.min_frequency)
                ),
                format!("categorical: {{ min_frequency: {} }}", self.settings.min_frequency),
            );
        }
    }

    fn dates(&mut self, levels: &Levels, share: f64) {
        let found: Vec<_> = levels.names.iter().filter_map(|text| date_like(text)).collect();
        let day_first = found.iter().all(|d| d.day_first);
        let month_first = found.iter().all(|d| d.month_first);
        let name = yaml::scalar(&self.column.name);
        let order = |order| format!("date_order: {{ {name}: {order} }}");
        let (advice, words) = match (day_first, month_first) {
            (true, true) => (order("dmy"), "dates whose day and month cannot be told apart"),
            (true, false) => (order("dmy"), "dates, day first, kept as text"),
            (false, true) => (order("mdy"), "dates, month first, kept as text"),
            (false, false) => (
                format!("types: {{ {name}: text }}  # no one order of day and month fits all"),
                "dates of which some have the day first, some the month",
            ),
        };
        self.add(Severity::Warning, "ambiguous_dates", share, words, advice);
    }
}
