//! The page of `eda.profile`: overview, alerts, missing values, correlations, columns, first rows.
//! It does not compute anything that is not only for drawing.

use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::{
    frame::{FrameError, Table},
    kinds::{
        eda::{
            Settings,
            alerts::{Alert, Severity},
            columns::{Column, Values},
            correlations::{Method, Pair},
            extremes::{self, Extreme},
            figures, gaps, histograms,
        },
        page::{self, Bar, Heat, chart, number, scale},
    },
};

/// Rows shown of the data's beginning, and as many of its end.
pub const HEAD_ROWS: usize = 10;
/// Columns shown of the data, and in a heat map: those of wide tables are still in the artifacts.
const MOST_SHOWN: usize = 40;
/// Alerts listed; a table of hundreds of columns can have thousands.
const MOST_ALERTS: usize = 200;
/// Levels drawn for a column.
const LEVELS_DRAWN: usize = 8;

/// Everything the page tells of.
pub struct Profile<'a> {
    /// The first rows of the table.
    pub head: &'a Table,
    /// The last ones.
    pub tail: &'a Table,
    /// How many it has.
    pub n_rows: usize,
    /// Its columns in order.
    pub columns: &'a [Column],
    /// Every pair of columns.
    pub pairs: &'a [Pair],
    /// What to look at.
    pub alerts: &'a [Alert],
    /// Rows that repeat an earlier one.
    pub n_duplicates: usize,
    /// The parameters.
    pub settings: &'a Settings,
}

impl Profile<'_> {
    /// Returns the whole page.
    ///
    /// # Errors
    /// If Arrow cannot show a value.
    pub fn html(&self) -> Result<String, FrameError> {
        let (rows, columns) = (self.n_rows, self.columns.len());
        let subtitle = format!("{} rows, {} columns", number::count(rows), number::count(columns));
        let mut body = self.overview();
        body.push_str(&self.alert_list());
        body.push_str(&self.missing());
        body.push_str(&self.correlations());
        body.push_str(&self.column_cards());
        body.push_str(&self.rows()?);
        Ok(page::document("Data profile", &subtitle, &body))
    }

    fn overview(&self) -> String {
        let cells = self.n_rows * self.columns.len();
        let missing: usize = self.columns.iter().map(|c| c.missing).sum();
        let share = if cells == 0 { 0.0 } else { missing as f64 / cells as f64 };
        let of = |severity| self.alerts.iter().filter(|a| a.severity == severity).count();
        let kinds = |test: fn(&Values) -> bool| {
            number::count(self.columns.iter().filter(|c| test(&c.values)).count())
        };
        page::tiles(&[
            (number::count(self.n_rows), "rows"),
            (kinds(|v| matches!(v, Values::Number { .. })), "numeric columns"),
            (kinds(|v| matches!(v, Values::Text(_) | Values::Boolean { .. })), "text and boolean"),
            (kinds(|v| matches!(v, Values::Date { .. })), "dates and times"),
            (number::percent(share), "of cells missing"),
            (number::count(self.n_duplicates), "duplicate rows"),
            (number::count(of(Severity::Error) + of(Severity::Warning)), "errors and warnings"),
        ])
    }

    fn alert_list(&self) -> String {
        let lead = "What to look at before going on, each with the line of the pipeline file that would answer it.";
        if self.alerts.is_empty() {
            return page::section("alerts", "Alerts", "Nothing stands out.", "");
        }
        let row = |alert: &Alert| {
            let severity = alert.severity.word();
            let column = match alert.column {
                Some(i) => format!("<a href=\"#c{i}\">{}</a>", page::value(&self.columns[i].name)),
                None => "the whole table".to_string(),
            };
            vec![
                format!("<span class=\"badge {severity}\">{severity}</span>"),
                column,
                page::escape(&alert.alert.replace('_', " ")),
                page::escape(&page::cut(&alert.words, 120)),
                format!("<code>{}</code>", page::escape(&page::cut(&alert.advice, 160))),
            ]
        };
        let rows: Vec<_> = self.alerts.iter().take(MOST_ALERTS).map(row).collect();
        let mut out =
            page::stacking_table(&["severity", "column", "alert", "what", "answer"], &[], &rows);
        if self.alerts.len() > MOST_ALERTS {
            out.push_str(&note(&format!(
                "{} more are in the alerts artifact.",
                number::count(self.alerts.len() - MOST_ALERTS)
            )));
        }
        page::section("alerts", "Alerts", lead, &out)
    }

    fn missing(&self) -> String {
        let mut gaps: Vec<&Column> = self.columns.iter().filter(|c| c.missing > 0).collect();
        if gaps.is_empty() {
            return String::new();
        }
        gaps.sort_by_key(|c| std::cmp::Reverse(c.missing));
        let bar = |c: &&Column| Bar {
            label: page::value(&c.name),
            share: c.missing_share(),
            figure: format!(
                "{} ({})",
                number::percent(c.missing_share()),
                number::count(c.missing)
            ),
            class: String::new(),
        };
        let bars: Vec<Bar> = gaps.iter().take(MOST_SHOWN).map(bar).collect();
        let mut content = format!("<div class=\"card\">{}</div>\n", page::bars(&bars));
        let mut lead = format!("{} of {} columns have gaps.", gaps.len(), self.columns.len());
        // In the order of the table: gaps that come together stand side by side.
        gaps.truncate(MOST_SHOWN);
        gaps.sort_by_key(|gap| self.columns.iter().position(|column| column.name == gap.name));
        if let Some(svg) = gaps::svg(&gaps, self.n_rows) {
            lead.push_str(
                " The picture shows in which rows, from the first at the top; darker is more.",
            );
            content.push_str(&format!(
                "<div class=\"card after\"><div class=\"wide\" tabindex=\"0\">{svg}</div></div>\n"
            ));
        }
        page::section("missing", "Missing values", &lead, &content)
    }

    fn correlations(&self) -> String {
        let mut out = String::new();
        for (method, heading) in [
            (Method::Spearman, "Spearman, between numbers"),
            (Method::CramersV, "Cramér's V, with categories (numbers cut at their deciles)"),
            (Method::Pearson, "Pearson, between numbers"),
        ] {
            let shown = self.most_correlated(method);
            if shown.len() < 2 {
                continue;
            }
            let names: Vec<&str> = shown.iter().map(|&i| self.columns[i].name.as_str()).collect();
            let names = page::heads(&names, page::LONGEST_HEAD);
            let heat = Heat { rows: &names, columns: &names, upright: true };
            let n = self.columns.len();
            let mut grid = vec![f64::NAN; n * n];
            for pair in self.pairs.iter().filter(|p| p.method == method) {
                grid[pair.left * n + pair.right] = pair.value;
                grid[pair.right * n + pair.left] = pair.value;
            }
            out.push_str(&format!(
                "<div><h3>{}</h3>\n{}</div>\n",
                page::escape(heading),
                heat.html(|i, j| {
                    let value = if i == j { 1.0 } else { grid[shown[i] * n + shown[j]] };
                    (!value.is_nan()).then(|| (value, number::fixed(value, 2)))
                })
            ));
        }
        if out.is_empty() {
            return out;
        }
        let lead = "Over the rows where both have a value.";
        page::section(
            "correlations",
            "Correlations",
            lead,
            &format!("<div class=\"stack\">{out}</div>"),
        )
    }

    /// Columns in their order; of many, those with the strongest partner.
    fn most_correlated(&self, method: Method) -> Vec<usize> {
        let mut strength = vec![-1.0_f64; self.columns.len()];
        for pair in self.pairs.iter().filter(|p| p.method == method && !p.value.is_nan()) {
            for i in [pair.left, pair.right] {
                strength[i] = strength[i].max(pair.value.abs());
            }
        }
        let mut order: Vec<usize> = (0..strength.len()).filter(|&i| strength[i] >= 0.0).collect();
        order.sort_by(|&a, &b| strength[b].total_cmp(&strength[a]).then(a.cmp(&b)));
        order.truncate(MOST_SHOWN);
        order.sort_unstable();
        order
    }

    fn column_cards(&self) -> String {
        let mut flags: Vec<Vec<&Alert>> = vec![Vec::new(); self.columns.len()];
        for alert in self.alerts {
            if let Some(i) = alert.column {
                flags[i].push(alert);
            }
        }
        let cards: String =
            self.columns.iter().enumerate().map(|(i, c)| self.card(i, c, &flags[i])).collect();
        page::section("columns", "Columns", "", &format!("<div class=\"cards\">\n{cards}</div>\n"))
    }

    fn card(&self, index: usize, column: &Column, flags: &[&Alert]) -> String {
        let id = if column.is_id { "id, " } else { "" };
        let mut out = format!(
            "<article class=\"card\" id=\"c{index}\"><div class=\"card-head\"><h3>{}</h3><span class=\"kind\">{id}{}</span></div>\n",
            page::value(&column.name),
            page::escape(&column.dtype)
        );
        out.push_str(&self.drawing(column));
        out.push_str(&self.figure_list(column));
        if !flags.is_empty() {
            out.push_str("<ul class=\"flags\">");
            for alert in flags.iter().take(6) {
                out.push_str(&format!(
                    "<li class=\"{}\">{}: {}</li>",
                    alert.severity.word(),
                    page::escape(&alert.alert.replace('_', " ")),
                    page::escape(&page::cut(&alert.words, 90))
                ));
            }
            out.push_str("</ul>\n");
        }
        out + "</article>\n"
    }

    fn drawing(&self, column: &Column) -> String {
        if column.is_id || column.count() == 0 {
            return String::new();
        }
        let levels = histograms::top_levels(
            column,
            &Settings {
                top_levels: LEVELS_DRAWN.min(self.settings.top_levels),
                ..self.settings.clone()
            },
        );
        if !levels.is_empty() {
            let most = levels.iter().map(|l| l.1).max().unwrap_or(1) as f64;
            let bars: Vec<Bar> = levels
                .iter()
                .map(|(level, n)| Bar {
                    label: page::value(level),
                    share: *n as f64 / most,
                    figure: format!(
                        "{} ({})",
                        number::count(*n),
                        number::percent(*n as f64 / column.count() as f64)
                    ),
                    class: if level == histograms::OTHER { "rest".into() } else { String::new() },
                })
                .collect();
            return page::bars(&bars);
        }
        let (bins, outside) = (&column.shape.drawn, column.shape.outside);
        let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return String::new() };
        let (low, high) = (first.lower, last.upper);
        let label = format!("Histogram of {}", page::cut(&column.name, 60));
        let mut out = match column.values {
            Values::Date { with_time, .. } => {
                let ticks = scale::date_ticks(low, high, 5);
                chart::histogram(bins, &ticks, &label, |v| number::date(v, with_time))
            }
            _ => chart::histogram(bins, &chart::plain_ticks(low, high, 5), &label, number::figure),
        };
        if outside > 0 {
            out.push_str(&note(&format!(
                "{} more {} outside this range.",
                number::count(outside),
                if outside == 1 { "value lies" } else { "values lie" }
            )));
        }
        out
    }

    fn figure_list(&self, column: &Column) -> String {
        let mut rows: Vec<(&str, String)> = vec![
            ("values", number::count(column.count())),
            (
                "missing",
                match column.missing {
                    0 => "0".to_string(),
                    n => format!(
                        "{} ({})",
                        number::count(n),
                        number::percent(column.missing_share())
                    ),
                },
            ),
            ("distinct", number::count(column.distinct)),
        ];
        let figures = figures::figures(column, self.settings.redact);
        let [mean, std, min, _, p05, p25, p50, p75, p95, _, max, skewness, kurtosis] = figures;
        match (&column.values, &column.spread) {
            (Values::Number { .. }, Some(spread)) if !column.is_id => {
                let count = |n: usize| number::count(n);
                rows.extend([
                    ("mean", number::figure(mean)),
                    ("std", number::figure(std)),
                    ("min", number::figure(min)),
                    ("5%", number::figure(p05)),
                    ("25%", number::figure(p25)),
                    ("median", number::figure(p50)),
                    ("75%", number::figure(p75)),
                    ("95%", number::figure(p95)),
                    ("max", number::figure(max)),
                    ("skewness", number::figure(skewness)),
                    ("kurtosis", number::figure(kurtosis)),
                    ("zeros", count(spread.zeros)),
                    ("negative", count(spread.negatives)),
                    ("IQR outliers", count(spread.outliers_iqr)),
                    ("MAD", number::figure(figures::mad(column, self.settings.redact))),
                    ("MAD outliers", count(spread.outliers_mad)),
                ]);
                if column.infinite > 0 {
                    rows.push(("infinite", count(column.infinite)));
                }
            }
            (Values::Date { with_time, .. }, _) => {
                let date = |days| number::date(days, *with_time);
                rows.extend([
                    ("first", date(min)),
                    ("25%", date(p25)),
                    ("median", date(p50)),
                    ("75%", date(p75)),
                    ("last", date(max)),
                ]);
            }
            (Values::Boolean { .. }, Some(_)) => rows.push(("true", number::percent(mean))),
            _ => {}
        }
        // Where every value is another one, none is frequent.
        if let (Values::Number { .. }, Some((_, n @ 2..)), false) =
            (&column.values, &column.top, column.is_id)
        {
            rows.push(("most frequent", number::count(*n)));
        }
        let items: String = rows
            .iter()
            .map(|(name, figure)| {
                format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", page::escape(figure))
            })
            .collect();
        format!("<dl class=\"figures\">\n{items}</dl>\n{}", self.extremes(column))
    }

    /// The smallest and the largest values, which are somebody's.
    fn extremes(&self, column: &Column) -> String {
        let [(_, smallest), (_, largest)] = extremes::of(column, self.settings.redact);
        if smallest.is_empty() {
            return String::new();
        }
        let show = |value: f64| match column.values {
            Values::Date { with_time, .. } => number::date(value, with_time),
            _ => number::figure(value),
        };
        let list = |values: &[Extreme]| -> String {
            let one = |(value, n): &Extreme| {
                let times = if *n > 1 {
                    format!(" <span class=\"soft\">×{}</span>", number::count(*n))
                } else {
                    String::new()
                };
                format!("<span class=\"id\">{}{times}</span>", page::escape(&show(*value)))
            };
            values.iter().map(one).collect()
        };
        format!(
            "<dl class=\"facts\"><div><dt>smallest</dt><dd>{}</dd></div><div><dt>largest</dt><dd>{}</dd></div></dl>\n",
            list(smallest),
            list(largest)
        )
    }

    fn rows(&self) -> Result<String, FrameError> {
        if self.settings.redact {
            let lead = "Raw values are left out (<code>redact: true</code>).";
            return Ok(page::section("rows", "First and last rows", lead, ""));
        }
        if self.n_rows == 0 || self.columns.is_empty() {
            return Ok(String::new());
        }
        let mut out = self.some_rows(self.head, 0)?;
        // What the first rows have shown already is not shown again.
        let behind = self.n_rows - self.tail.n_rows();
        let skipped = HEAD_ROWS.min(self.n_rows).saturating_sub(behind);
        let tail: Vec<usize> = (skipped..self.tail.n_rows()).collect();
        if !tail.is_empty() {
            out.push_str("<div class=\"after\">");
            out.push_str(&self.some_rows(&self.tail.take(&tail)?, behind + skipped)?);
            out.push_str("</div>\n");
        }
        if self.columns.len() > MOST_SHOWN {
            out.push_str(&note(&format!(
                "The first {MOST_SHOWN} of {} columns.",
                self.columns.len()
            )));
        }
        Ok(page::section("rows", "First and last rows", "", &out))
    }

    /// A table of raw values, of which the first is that of row `first`.
    fn some_rows(&self, table: &Table, first: usize) -> Result<String, FrameError> {
        let options = FormatOptions::default().with_null("");
        let shown = &self.columns[..self.columns.len().min(MOST_SHOWN)];
        let mut cells: Vec<Vec<String>> = (first..first + table.n_rows())
            .map(|row| vec![format!("<span class=\"soft\">{}</span>", number::count(row))])
            .collect();
        for column in shown {
            let array = table.column(&column.name)?;
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
            for (row, line) in cells.iter_mut().enumerate() {
                let text = formatter.value(row).to_string();
                line.push(if array.is_null(row) { String::new() } else { page::value(&text) });
            }
        }
        let names: Vec<&str> = shown.iter().map(|c| c.name.as_str()).collect();
        let names = page::cut_apart(&names, page::LONGEST_HEAD);
        let mut heads = vec!["row"];
        heads.extend(names.iter().map(String::as_str));
        let mut numeric = vec![true];
        numeric.extend(shown.iter().map(|c| matches!(c.values, Values::Number { .. })));
        Ok(page::table(&heads, &numeric, &cells))
    }
}

fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", page::escape(text))
}
