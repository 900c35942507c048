//! What a classifier goes by when it assigns customers to these segments: how many right answers it
//! loses when the values of one column change places. It does not know which algorithm answers.
//!
//! Source: Breiman, "Random forests", Machine Learning 45 (2001), section 10.

use crate::{
    frame::Table,
    kinds::{
        classify_common::Classifier,
        page::{self, Bar, number},
        segments::figures::Segments,
    },
    ml::rng::Rng,
    stage::{error::StageError, work::Work},
};

/// Customers that are asked about.
const MOST_ROWS: usize = 2000;
/// Columns drawn.
pub const MOST_DRAWN: usize = 15;

/// What the classifier goes by.
pub struct Drivers {
    /// Share of the asked customers whose segment it gets right.
    pub accuracy: f64,
    /// Customers asked about.
    pub n_rows: usize,
    /// Columns and the accuracy lost without them, largest first.
    pub columns: Vec<(String, f64)>,
}

/// Asks the classifier about up to 2,000 customers that are not noise, once as they are and once for each
/// column it reads with that column shuffled (fixed seeds). An inner error says why there is nothing to
/// show.
///
/// # Errors
/// If the model is damaged, cannot read a value, or the work was asked to stop.
pub fn find(
    model: &Table,
    table: &Table,
    segments: &Segments,
    work: &Work,
) -> Result<Result<Drivers, String>, StageError> {
    let classifier = Classifier::from_table(model)?;
    if let Some(target) = &classifier.classes.target {
        return Ok(Err(format!("the champion answers `{target}`, not these segments")));
    }
    let columns = classifier.input_columns();
    let names = table.names();
    if let Some(missing) = columns.iter().find(|c| !names.contains(c)) {
        return Ok(Err(format!("the champion reads column `{missing}`, which `table` has not")));
    }
    let known: Vec<usize> =
        (0..table.n_rows()).filter(|&row| segments.numbers[segments.of_row[row]] >= 0).collect();
    if known.is_empty() {
        return Ok(Err("there is no customer in a segment".to_string()));
    }
    let asked: Vec<usize> =
        Rng::new(0).sample(known.len(), MOST_ROWS).into_iter().map(|i| known[i]).collect();
    let truth: Vec<i32> = asked.iter().map(|&row| segments.numbers[segments.of_row[row]]).collect();
    let sample = table.take(&asked)?;
    let right = |table: &Table| -> Result<f64, StageError> {
        let p = classifier.predict(table, work)?;
        let answers = p.rows().map(|row| classifier.classes.segments[most_likely(row)]);
        let n_right = answers.zip(&truth).filter(|(answer, truth)| answer == *truth).count();
        Ok(n_right as f64 / truth.len() as f64)
    };
    let accuracy = right(&sample)?;
    let mut lost = Vec::with_capacity(columns.len());
    for (i, column) in columns.into_iter().enumerate() {
        work.check()?;
        let mut order: Vec<usize> = (0..asked.len()).collect();
        Rng::stream(0, i as u64).shuffle(&mut order);
        let drop = accuracy - right(&with_column_of(&sample, &column, &sample.take(&order)?)?)?;
        lost.push((column, drop));
    }
    lost.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(Ok(Drivers { accuracy, n_rows: asked.len(), columns: lost }))
}

/// The first of equally likely classes.
fn most_likely(p: &[f64]) -> usize {
    let mut best = 0;
    for (class, value) in p.iter().enumerate() {
        if *value > p[best] {
            best = class;
        }
    }
    best
}

/// `table` with one column taken from `other`.
fn with_column_of(table: &Table, column: &str, other: &Table) -> Result<Table, StageError> {
    let names = table.names();
    let mut columns = Vec::with_capacity(names.len());
    for name in &names {
        let from = if name == column { other } else { table };
        columns.push((name.as_str(), from.column(name)?.clone()));
    }
    Ok(Table::new(table.id_name().as_deref(), columns)?)
}

impl Drivers {
    /// Returns the section of the page.
    pub fn html(&self) -> String {
        let most = self.columns.first().map_or(0.0, |c| c.1).max(1e-9);
        let bars: Vec<Bar> = self
            .columns
            .iter()
            .filter(|(_, lost)| *lost > 0.0)
            .take(MOST_DRAWN)
            .map(|(column, lost)| Bar {
                label: page::value(column),
                share: lost / most,
                figure: format!("{} points", number::fixed(100.0 * lost, 1)),
                class: String::new(),
            })
            .collect();
        let lead = format!(
            "The champion classifier puts {} of {} customers into their segment. Each bar tells how many percentage \
             points of that are lost when the values of one column are shuffled.",
            number::percent(self.accuracy),
            number::count(self.n_rows)
        );
        let content = format!("<div class=\"card\">{}</div>\n", page::bars(&bars));
        page::section("drivers", "What a new customer is assigned by", &lead, &content)
    }
}
