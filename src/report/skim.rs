//! What is in a table, on a terminal, in the manner of R's `skimr`: from the artifacts of `eda.profile`.
//! It does not compute any figure.

use arrow::array::Array;

use crate::{
    frame::Table,
    report::{
        grid::{Align, Cell, Grid, cut},
        style::{Style, Tone, count, counted},
    },
};

/// Columns of a kind that are listed; more are counted.
const MAX_COLUMNS: usize = 40;

/// Bars of a histogram.
const BARS: usize = 8;

/// Longest name of a column, and longest value.
const LONGEST_NAME: usize = 22;
const LONGEST_VALUE: usize = 24;

/// The artifacts of one profile.
pub struct Profile {
    /// `columns`.
    pub columns: Table,
    /// `histograms`.
    pub histograms: Table,
    /// `alerts`.
    pub alerts: Table,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Category,
    Date,
}

impl Kind {
    fn of(dtype: &str) -> Kind {
        match dtype {
            "integer" | "float" => Kind::Number,
            "text" | "boolean" => Kind::Category,
            _ => Kind::Date,
        }
    }
}

impl Profile {
    /// Returns the lines: the shape and the alerts, and with `each` every column by what it holds. `None` if the artifacts
    /// are not a profile's.
    pub fn lines(&self, width: usize, each: bool, style: &Style) -> Option<Vec<String>> {
        let dtypes = self.columns.texts("dtype").ok()?;
        let kinds: Vec<Kind> = dtypes.iter().map(|d| Kind::of(d.unwrap_or_default())).collect();
        let mut lines = vec![self.shape(&kinds, style)?, self.found(style)?];
        if each {
            for (kind, grid) in [
                (Kind::Number, self.numbers(&kinds)?),
                (Kind::Category, self.categories(&kinds)?),
                (Kind::Date, self.dates(&kinds)?),
            ] {
                let n = kinds.iter().filter(|k| **k == kind).count();
                if n == 0 {
                    continue;
                }
                lines.push(String::new());
                lines.extend(grid.render(Some(width), style).0.lines().map(str::to_string));
                if n > MAX_COLUMNS {
                    lines.push(style.dim(&format!("and {} more", n - MAX_COLUMNS)));
                }
            }
        }
        Some(lines)
    }

    fn shape(&self, kinds: &[Kind], style: &Style) -> Option<String> {
        let missing = self.columns.integers("missing").ok()?;
        let counts = self.columns.integers("count").ok()?;
        let n_rows = counts.first().zip(missing.first()).map_or(0, |(count, missing)| {
            (count.unwrap_or(0) + missing.unwrap_or(0)).max(0) as u64
        });
        let n_missing: i64 = missing.iter().flatten().sum();
        let share = n_missing as f64 / (n_rows as f64 * kinds.len() as f64).max(1.0);
        let of = |kind: Kind| kinds.iter().filter(|k| **k == kind).count();
        let parts = [
            counted(of(Kind::Number), "number", "numbers"),
            counted(of(Kind::Category), "category", "categories"),
            counted(of(Kind::Date), "date", "dates"),
        ];
        Some(format!(
            "{}  {}",
            style.bold(&format!("{} rows, {} columns", count(n_rows), kinds.len())),
            style.dim(&format!("{}; {:.1}% of cells missing", parts.join(", "), 100.0 * share))
        ))
    }

    /// How many alerts there are, and the first ones.
    fn found(&self, style: &Style) -> Option<String> {
        let severities = self.alerts.texts("severity").ok()?;
        let of = |word: &str| severities.iter().filter(|s| *s == Some(word)).count();
        let errors = counted(of("error"), "error", "errors");
        let warnings = counted(of("warning"), "warning", "warnings");
        let infos = counted(of("info"), "hint", "hints");
        let text = format!("{errors}, {warnings}, {infos}, each with an answer in the report");
        Some(match of("error") {
            0 => text,
            _ => style.warn(&text),
        })
    }

    fn rows<'a>(&self, kinds: &'a [Kind], kind: Kind) -> impl Iterator<Item = usize> + 'a {
        (0..kinds.len()).filter(move |&row| kinds[row] == kind).take(MAX_COLUMNS)
    }

    fn name(&self, row: usize) -> Option<Cell> {
        let names = self.columns.texts("column").ok()?;
        Some(Cell::new(cut(names.value(row), LONGEST_NAME), Tone::Bold))
    }

    fn missing(&self, row: usize) -> Option<Cell> {
        let n = self.columns.integers("missing").ok()?[row].unwrap_or(0).max(0) as u64;
        Some(Cell::new(count(n), if n == 0 { Tone::Dim } else { Tone::Plain }))
    }

    fn numbers(&self, kinds: &[Kind]) -> Option<Grid> {
        let shown = ["mean", "std", "min", "p25", "p50", "p75", "max"];
        let figures: Vec<Vec<f64>> =
            shown.iter().map(|name| self.columns.floats(name).ok()).collect::<Option<_>>()?;
        let heads = ["mean", "sd", "p0", "p25", "p50", "p75", "p100"];
        let titles = [("number", Align::Left), ("missing", Align::Right)].into_iter();
        let titles = titles.chain(heads.map(|head| (head, Align::Right)));
        let mut grid = Grid::new(titles.chain([("", Align::Left)]));
        for row in self.rows(kinds, Kind::Number) {
            let mut cells = vec![self.name(row)?, self.missing(row)?];
            cells.extend(figures.iter().map(|values| Cell::from(digits(values[row]))));
            cells.push(Cell::new(self.bars(row)?, Tone::Plain));
            grid.push(cells);
        }
        Some(grid)
    }

    fn categories(&self, kinds: &[Kind]) -> Option<Grid> {
        let distinct = self.columns.integers("distinct").ok()?;
        let (counts, tops) =
            (self.columns.integers("count").ok()?, self.columns.texts("top").ok()?);
        let top_counts = self.columns.integers("top_count").ok()?;
        let mut grid = Grid::new([
            ("category", Align::Left),
            ("missing", Align::Right),
            ("distinct", Align::Right),
            ("of all", Align::Right),
            ("most frequent", Align::Left),
        ]);
        for row in self.rows(kinds, Kind::Category) {
            let share =
                top_counts[row].unwrap_or(0) as f64 / counts[row].unwrap_or(0).max(1) as f64;
            // Under `redact` the value itself is not known.
            let top =
                if tops.is_valid(row) { cut(tops.value(row), LONGEST_VALUE) } else { "-".into() };
            grid.push(vec![
                self.name(row)?,
                self.missing(row)?,
                count(distinct[row].unwrap_or(0).max(0) as u64).into(),
                format!("{:.1}%", 100.0 * share).into(),
                top.into(),
            ]);
        }
        Some(grid)
    }

    fn dates(&self, kinds: &[Kind]) -> Option<Grid> {
        let shown = ["min", "p50", "max"];
        let figures: Vec<Vec<f64>> =
            shown.iter().map(|name| self.columns.floats(name).ok()).collect::<Option<_>>()?;
        let titles = [("date", Align::Left), ("missing", Align::Right)].into_iter();
        let titles = titles.chain(["first", "median", "last"].map(|head| (head, Align::Right)));
        let mut grid = Grid::new(titles.chain([("", Align::Left)]));
        for row in self.rows(kinds, Kind::Date) {
            let mut cells = vec![self.name(row)?, self.missing(row)?];
            cells.extend(figures.iter().map(|values| Cell::from(day(values[row]))));
            cells.push(Cell::new(self.bars(row)?, Tone::Plain));
            grid.push(cells);
        }
        Some(grid)
    }

    /// A column's histogram in a few bars.
    fn bars(&self, row: usize) -> Option<String> {
        let name = self.columns.texts("column").ok()?.value(row).to_string();
        let (names, counts) =
            (self.histograms.texts("column").ok()?, self.histograms.integers("count").ok()?);
        let bins: Vec<u64> = (0..counts.len())
            .filter(|&bin| names.value(bin) == name)
            .map(|bin| counts[bin].unwrap_or(0).max(0) as u64)
            .collect();
        Some(bars(&bins))
    }
}

/// Returns bins as a few blocks, the tallest full.
fn bars(bins: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let n = BARS.min(bins.len());
    let sum = |i: usize| bins[bins.len() * i / n..bins.len() * (i + 1) / n].iter().sum::<u64>();
    let sums: Vec<u64> = (0..n).map(sum).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    sums.iter().map(|s| BLOCKS[((s * 7 + most / 2) / most) as usize]).collect()
}

/// Three or four digits that count.
fn digits(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "-".to_string();
    }
    match size {
        0.0 => "0".to_string(),
        s if !(1e-3..1e6).contains(&s) => format!("{value:.2e}"),
        s if s >= 1000.0 => format!("{value:.0}"),
        s if s >= 100.0 => format!("{value:.1}"),
        s if s >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Days since 1970-01-01 as a date.
fn day(days: f64) -> String {
    let whole = days.is_finite() && days.abs() < 80_000_000.0;
    let date = whole.then(|| chrono::NaiveDate::from_epoch_days(days.floor() as i32)).flatten();
    date.map_or_else(|| "-".to_string(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, opt_text_array, text_array};

    fn profile() -> Profile {
        let gap = f64::NAN;
        let figure = |name, values: [f64; 3]| (name, float_array(values.to_vec()));
        let columns = vec![
            ("column", text_array(["spend", "plan", "seen"])),
            ("dtype", text_array(["float", "text", "date"])),
            ("count", int_array(vec![8, 10, 9])),
            ("missing", int_array(vec![2, 0, 1])),
            ("distinct", int_array(vec![8, 3, 9])),
            figure("mean", [1234.5, gap, gap]),
            figure("std", [0.25, gap, gap]),
            figure("min", [0.0, gap, 0.0]),
            figure("p25", [12.5, gap, gap]),
            figure("p50", [123.44, gap, 365.0]),
            figure("p75", [1e7, gap, gap]),
            figure("max", [2e7, gap, 19_000.0]),
            ("top", opt_text_array([None, Some("free"), None])),
            ("top_count", int_array(vec![1, 7, 1])),
        ];
        let histograms = vec![
            ("column", text_array(["spend", "spend", "plan"])),
            ("count", int_array(vec![7, 1, 10])),
        ];
        let alerts = vec![("severity", text_array(["warning", "info", "info"]))];
        let table = |columns| Table::new(None, columns).unwrap();
        Profile { columns: table(columns), histograms: table(histograms), alerts: table(alerts) }
    }

    #[test]
    fn each_kind_of_column_has_its_own_figures() {
        let lines = profile().lines(87, true, &Style::new(false)).unwrap().join("\n");
        let expected = "\
10 rows, 3 columns  1 number, 1 category, 1 date; 10.0% of cells missing
0 errors, 1 warning, 2 hints, each with an answer in the report

number  missing  mean     sd  p0    p25    p50     p75    p100
spend         2  1234  0.250   0  12.50  123.4  1.00e7  2.00e7  █▂

category  missing  distinct  of all  most frequent
plan            0         3   70.0%  free

date  missing       first      median        last
seen        1  1970-01-01  1971-01-01  2022-01-08";
        let trimmed: Vec<&str> = lines.lines().map(str::trim_end).collect();
        assert_eq!(trimmed.join("\n"), expected);
        let short = profile().lines(87, false, &Style::new(false)).unwrap();
        assert_eq!(short.len(), 2);
    }

    #[test]
    fn bars_are_as_tall_as_their_share() {
        assert_eq!(bars(&[0, 1, 50, 100]), "▁▁▅█");
        assert_eq!(bars(&[1; 30]).chars().count(), BARS);
        assert_eq!((bars(&[]), bars(&[0])), (String::new(), "▁".to_string()));
    }

    #[test]
    fn what_is_no_profile_has_no_lines() {
        let odd = Table::new(None, vec![("x", int_array(vec![1]))]).unwrap();
        let odd = Profile { columns: odd.clone(), histograms: odd.clone(), alerts: odd };
        assert!(odd.lines(80, true, &Style::new(false)).is_none());
    }
}
