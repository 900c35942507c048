//! Whether the reference run's classifier still knows its segments under their new numbers.
//! It does not know the page.

use crate::{
    frame::Table,
    kinds::{
        classify_common::Classifier,
        page::number,
        segments::{
            figures::Segments,
            matching::{Matching, Pair},
            reference::Reference,
            space::{known_rows, some},
        },
    },
    ml::classify::scores,
    stage::{error::StageError, work::Work},
};

/// Customers asked about.
const MOST_ROWS: usize = 10_000;
/// By how much of macro F1 the old one may fall short of the new one and still hold.
const TOLERANCE: f64 = 0.05;

/// What came of asking both classifiers about the same customers.
pub struct Verdict {
    /// Customers asked.
    pub n_rows: usize,
    /// Whether they are the ones that the new champion was not trained on.
    pub held_out: bool,
    /// Accuracy and macro F1 of the old one, its segments read as their counterparts.
    pub old: (f64, f64),
    /// Those of the new one, if there is one.
    pub new: Option<(f64, f64)>,
}

/// Asks the reference's classifier, and the new one, about `held_out` customers, or some of all. An inner error says why the
/// old one cannot be asked; `None` if the reference had none.
///
/// # Errors
/// If a model is damaged, or the work was asked to stop.
pub fn ask(
    reference: &Reference,
    matching: &Matching,
    champion: Option<&Table>,
    table: &Table,
    segments: &Segments,
    held_out: Option<Vec<usize>>,
    work: &Work,
) -> Result<Option<Result<Verdict, String>>, StageError> {
    let Some(model) = &reference.champion else { return Ok(None) };
    let old = Classifier::from_table(model)?;
    if let Some(target) = &old.classes.target {
        return Ok(Some(Err(format!("it answers `{target}`, not segments"))));
    }
    let names = table.names();
    if let Some(missing) = old.input_columns().into_iter().find(|c| !names.contains(c)) {
        return Ok(Some(Err(format!(
            "it reads column `{missing}`, which `table` does not have; give this stage the table that the classifiers \
             learn from"
        ))));
    }
    let is_held_out = held_out.is_some();
    let rows = held_out.unwrap_or_else(|| some(&known_rows(segments), MOST_ROWS));
    if rows.is_empty() {
        return Ok(Some(Err("there is no customer in a segment".to_string())));
    }
    let asked = table.take(&rows)?;
    let truth: Vec<u32> = rows.iter().map(|&row| segments.of_row[row] as u32).collect();
    // One more class for what has no counterpart.
    let n_classes = segments.len() + 1;
    let score = |answers: Vec<u32>| {
        let table = scores::confusion(&truth, &answers, n_classes);
        (scores::accuracy(&table), scores::macro_f1(&table))
    };
    let nowhere = segments.len();
    let old = score(answers(&old, &asked, work, |number| {
        let place = reference.place(number);
        let is_it = |pair: &Option<Pair>| pair.is_some_and(|pair| Some(pair.old) == place);
        matching.pairs.iter().position(is_it).unwrap_or(nowhere)
    })?);
    let new = match champion.map(Classifier::from_table).transpose()? {
        Some(new) if new.classes.target.is_none() => {
            Some(score(answers(&new, &asked, work, |number| {
                segments.numbers.iter().position(|n| *n == number).unwrap_or(nowhere)
            })?))
        }
        _ => None,
    };
    Ok(Some(Ok(Verdict { n_rows: rows.len(), held_out: is_held_out, old, new })))
}

/// Returns each customer's most probable segment, as an index here.
fn answers(
    classifier: &Classifier,
    asked: &Table,
    work: &Work,
    index_of: impl Fn(i32) -> usize,
) -> Result<Vec<u32>, StageError> {
    let p = classifier.predict(asked, work)?;
    let numbers = classifier.classes.segments.iter();
    let index: Vec<u32> = numbers.map(|number| index_of(*number) as u32).collect();
    Ok(scores::predicted(&p).into_iter().map(|class| index[class as usize]).collect())
}

impl Verdict {
    /// Returns whether the old one still holds; `None` without a new one to hold it against.
    pub fn holds(&self) -> Option<bool> {
        self.new.map(|new| self.old.1 >= new.1 - TOLERANCE)
    }

    /// Returns the verdict in a sentence.
    pub fn words(&self) -> String {
        let figures = |(accuracy, f1): (f64, f64)| {
            format!("macro F1 {}, accuracy {}", number::fixed(f1, 4), number::fixed(accuracy, 4))
        };
        let asked = format!(
            "on {} customers{}",
            number::count(self.n_rows),
            if self.held_out { " that the new champion was not trained on" } else { "" }
        );
        match (self.holds(), self.new) {
            (Some(holds), Some(new)) => format!(
                "the reference's champion {}: {} {asked}; the new one {}",
                if holds { "still holds" } else { "no longer holds" },
                figures(self.old),
                figures(new)
            ),
            _ => format!("the reference's champion has {} {asked}", figures(self.old)),
        }
    }
}
