//! How well classifiers know the segments: scores of all, and of the champion the confusion, the probabilities held against
//! what came true, and what it goes by. It reads what they were judged by and judges nothing itself.

use std::collections::HashSet;

use crate::{
    frame::Table,
    kinds::{
        page::{
            self, Bar, Heat,
            chart::{self, Frame, plain_ticks},
            number, palette,
        },
        segments::{details::Detail, drivers, join::ids, label},
    },
    ml::classify::scores,
    stage::{
        ctx::{Candidate, Input},
        error::StageError,
    },
};

/// Bins of the calibration chart.
const BINS: usize = 10;

/// What the classifiers' own artifacts say.
pub struct Answers<'a> {
    candidates: &'a [Candidate],
    champion: &'a Candidate,
}

/// Returns the classifiers if one of them has the model that is the champion's. Its own artifacts tell more of it than the
/// model alone.
pub fn of<'a>(candidates: &'a [Candidate], champion: Option<&Input>) -> Option<Answers<'a>> {
    let is_champion =
        |c: &&Candidate| c.ports.get("model").map(|m| m.hash) == champion.map(|input| input.hash);
    let found = champion.and_then(|_| candidates.iter().find(is_champion))?;
    Some(Answers { candidates, champion: found })
}

impl Answers<'_> {
    /// Returns the rows of `table` that the champion was judged by, in their order.
    ///
    /// # Errors
    /// If its predictions cannot be read.
    pub fn held_out(&self, table: &Table) -> Result<Vec<usize>, StageError> {
        let judged: HashSet<String> =
            ids(&self.champion.table("predictions")?)?.into_iter().collect();
        let ids = ids(table)?;
        Ok((0..ids.len()).filter(|&row| judged.contains(&ids[row])).collect())
    }

    /// Returns the sections of the page; `names` finds a segment's name by its number.
    ///
    /// # Errors
    /// If an artifact cannot be read.
    pub fn html(&self, names: &dyn Fn(i32) -> String) -> Result<String, StageError> {
        let mut out = self.scores()?;
        out.push_str(&self.importance()?);
        let confusion = self.confusion(names)?;
        let calibration = self.calibration()?;
        out.push_str(&page::section(
            "answers",
            "How sure it is",
            "",
            &format!("<div class=\"two\">{confusion}{calibration}</div>\n"),
        ));
        Ok(out)
    }

    fn scores(&self) -> Result<String, StageError> {
        let mut rows = Vec::new();
        for candidate in self.candidates {
            let metrics = candidate.table("metrics")?;
            let (splits, metric) = (metrics.texts("split")?, metrics.texts("metric")?);
            let values = metrics.floats("value")?;
            let of = |split: &str, name: &str| {
                let found = (0..values.len())
                    .find(|&row| splits.value(row) == split && metric.value(row) == name);
                found.map_or(f64::NAN, |row| values[row])
            };
            let mark = match candidate.name == self.champion.name {
                true => " <span class=\"badge info\">champion</span>",
                false => "",
            };
            let mut cells = vec![format!("{}{mark}", page::value(&candidate.name))];
            let shown = |v: f64| if v.is_nan() { number::figure(v) } else { number::fixed(v, 4) };
            cells.extend(scores::NAMES.iter().map(|name| shown(of("test", name))));
            cells.push(shown(of("train", "accuracy")));
            rows.push(cells);
        }
        let mut head = vec!["classifier"];
        head.extend(scores::NAMES.iter().map(|name| words(name)));
        head.push("accuracy in training");
        let numeric: Vec<bool> = (0..head.len()).map(|i| i > 0).collect();
        let lead = "On customers that none of them was trained on; log loss is better when smaller, the others when larger.";
        let table = page::table(&head, &numeric, &rows);
        Ok(page::section("classifiers", "Classifiers for new customers", lead, &table))
    }

    fn importance(&self) -> Result<String, StageError> {
        let table = self.champion.table("importance")?;
        let (features, methods) = (table.texts("feature")?, table.texts("method")?);
        let (importance, std) = (table.floats("importance")?, table.floats("std")?);
        let shown: Vec<usize> = (0..importance.len())
            .filter(|&row| methods.value(row) == "permutation" && importance[row] > 0.0)
            .take(drivers::MOST_DRAWN)
            .collect();
        let Some(first) = shown.first() else { return Ok(String::new()) };
        let bars: Vec<Bar> = shown
            .iter()
            .map(|&row| Bar {
                label: page::value(features.value(row)),
                share: importance[row] / importance[*first],
                figure: format!(
                    "{} ± {}",
                    number::fixed(100.0 * importance[row], 1),
                    number::fixed(100.0 * std[row], 1)
                ),
                class: String::new(),
            })
            .collect();
        let lead = format!(
            "Percentage points of right answers that {} loses when the values of one column are shuffled among the \
             customers it was not trained on.",
            page::value(&self.champion.name)
        );
        let content = format!("<div class=\"card\">{}</div>\n", page::bars(&bars));
        Ok(page::section("drivers", "What a new customer is assigned by", &lead, &content))
    }

    fn confusion(&self, names: &dyn Fn(i32) -> String) -> Result<String, StageError> {
        let table = self.champion.table("confusion")?;
        let (actual, predicted) = (table.integers("actual")?, table.integers("predicted")?);
        let counts = table.integers("count")?;
        let mut classes: Vec<i32> =
            actual.iter().chain(&predicted).flatten().map(|c| *c as i32).collect();
        classes.sort_unstable();
        classes.dedup();
        let k = classes.len();
        let mut grid = vec![0_i64; k * k];
        for row in 0..counts.len() {
            let place =
                |c: Option<i64>| classes.iter().position(|class| Some(i64::from(*class)) == c);
            if let (Some(i), Some(j)) = (place(actual[row]), place(predicted[row])) {
                grid[i * k + j] += counts[row].unwrap_or(0);
            }
        }
        let tag = |class: &i32| format!("{}{}", palette::key(*class), label(*class));
        let rows: Vec<String> = classes
            .iter()
            .map(|class| {
                format!("{} {}", tag(class), page::value_within(&names(*class), page::LONGEST_HEAD))
            })
            .collect();
        let columns: Vec<String> = classes.iter().map(tag).collect();
        let heat = Heat { rows: &rows, columns: &columns, upright: false };
        let html = heat.html(|i, j| {
            let n = grid[i * k + j];
            let of: i64 = grid[i * k..(i + 1) * k].iter().sum();
            let share = n as f64 / (of as f64).max(1.0);
            Some((if i == j { share } else { -share }, number::count(n.max(0) as usize)))
        });
        Ok(format!(
            "<div><h3>Confusion</h3>\n<p class=\"note lead\">True segment by row, answer by column; orange is wrong.</p>\n{html}</div>\n"
        ))
    }

    /// Held-out customers by the probability of the champion's answer, and how many of these answers are right.
    fn bins(&self) -> Result<Vec<Bin>, StageError> {
        let table = self.champion.table("predictions")?;
        let sure = certainties(&table)?;
        let segments = table.integers("segment")?;
        let actual = table.integers("actual")?;
        let mut bins: Vec<Bin> = (0..BINS).map(Bin::new).collect();
        for (row, &p) in sure.iter().enumerate() {
            let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
            bin.n_rows += 1;
            bin.sum += p;
            bin.n_right += usize::from(segments[row] == actual[row]);
        }
        bins.retain(|bin| bin.n_rows > 0);
        Ok(bins)
    }

    /// Returns the figures of the calibration chart.
    ///
    /// # Errors
    /// If an artifact cannot be read.
    pub fn details(&self) -> Result<Vec<Detail>, StageError> {
        Ok(self.bins()?.iter().flat_map(Bin::details).collect())
    }

    fn calibration(&self) -> Result<String, StageError> {
        let bins = self.bins()?;
        let n_rows: usize = bins.iter().map(|bin| bin.n_rows).sum();
        let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.sure(), bin.right())).collect();
        let off = bins.iter().map(|bin| (bin.sum - bin.n_right as f64).abs());
        let error = off.sum::<f64>() / n_rows.max(1) as f64;
        let frame = Frame {
            label: "Probability of the answer against the share of right answers",
            x_title: "probability of the answer",
            x_ticks: plain_ticks(0.0, 1.0, 5),
            x: (0.0, 1.0),
            y_ticks: plain_ticks(0.0, 1.0, 5),
            y: (0.0, 1.02),
            size: (480.0, 300.0),
            slanted: false,
        };
        let svg = frame.around(|x, y| {
            let line = |points: &[(f64, f64)]| chart::path(points, x, y);
            let mut out = format!(
                "<path class=\"axis dashed\" d=\"{}\"/><path class=\"line plain\" d=\"{}\"/><g class=\"marks plain\">",
                line(&[(0.0, 0.0), (1.0, 1.0)]),
                line(&points)
            );
            for (Bin { n_rows: n, .. }, (px, py)) in bins.iter().zip(&points) {
                out.push_str(&format!(
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{:.1}\"><title>{} customers</title></circle>",
                    x.at(*px),
                    y.at(*py),
                    2.5 + 6.0 * (*n as f64 / n_rows as f64).sqrt(),
                    number::count(*n)
                ));
            }
            out + "</g>"
        });
        Ok(format!(
            "<div><h3>Calibration</h3>\n<p class=\"note lead\">Share of right answers by how sure the champion was; on the \
             dashed line its probabilities come true. Off it by {} on average.</p>\n<div class=\"card\">{svg}</div></div>\n",
            number::percent(error)
        ))
    }
}

/// Rows whose answers have about the same probability.
struct Bin {
    place: usize,
    n_rows: usize,
    /// Sum of the probabilities.
    sum: f64,
    n_right: usize,
}

impl Bin {
    fn new(place: usize) -> Bin {
        Bin { place, n_rows: 0, sum: 0.0, n_right: 0 }
    }

    fn sure(&self) -> f64 {
        self.sum / self.n_rows as f64
    }

    fn right(&self) -> f64 {
        self.n_right as f64 / self.n_rows as f64
    }

    fn details(&self) -> [Detail; 3] {
        let edge = |place: usize| number::fixed(place as f64 / BINS as f64, 1);
        let item = format!("{} to {}", edge(self.place), edge(self.place + 1));
        let figures =
            [("rows", self.n_rows as f64), ("probability", self.sure()), ("right", self.right())];
        figures.map(|(figure, value)| Detail {
            section: "calibration",
            segment: None,
            item: Some(item.clone()),
            figure,
            value,
        })
    }
}

/// The probability of the answer in each row.
fn certainties(table: &Table) -> Result<Vec<f64>, StageError> {
    let mut sure = vec![0.0_f64; table.n_rows()];
    for name in table.names().iter().filter(|name| is_probability(name)) {
        let p = table.floats(name)?;
        sure.iter_mut().zip(p).for_each(|(sure, p)| *sure = sure.max(p));
    }
    Ok(sure)
}

fn is_probability(name: &str) -> bool {
    name.strip_prefix("p_").is_some_and(|rest| rest.parse::<i32>().is_ok())
}

fn words(name: &str) -> &'static str {
    match name {
        "accuracy" => "accuracy",
        "macro_f1" => "macro F1",
        "balanced_accuracy" => "balanced accuracy",
        "log_loss" => "log loss",
        _ => "ROC AUC",
    }
}
