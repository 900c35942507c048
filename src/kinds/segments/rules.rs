//! A small tree of plain questions that tells the segments apart about as well as can be said in three of them.
//! It does not assign anybody: the classifier does, and this says roughly how.

use crate::{
    kinds::{
        page::{self, number, palette},
        segments::{
            details::Detail,
            figures::{CategoryFigures, Figures, NumberFigures, Profile, Segments},
            label,
            space::{known_rows, some},
        },
    },
    ml::{
        Matrix,
        classify::{
            Samples,
            forest::{self, ForestParams},
            tree::{Node, Tree},
        },
        stats::levels::MISSING,
    },
    stage::{error::StageError, work::Work},
};

/// Questions on the way to an answer.
const DEPTH: usize = 3;
/// Rows that the tree is grown on.
const MOST_ROWS: usize = 20_000;
/// Fewest rows behind an answer: a share of all, and a number below which a threshold could be somebody's value.
const LEAST_SHARE: f64 = 0.01;
const LEAST_ROWS: usize = 10;
/// Levels of a category that are asked about.
const MOST_LEVELS: usize = 10;

/// One question's subject: a number, or one level of a category.
enum Subject<'a> {
    Number(&'a Profile, &'a NumberFigures),
    Level(&'a Profile, &'a CategoryFigures, usize),
}

/// How a condition is written.
struct Language {
    /// Writes a name or value of at most so many characters.
    name: fn(&str, usize) -> String,
    less: &'static str,
    more: &'static str,
}

const HTML: Language = Language { name: page::value_within, less: "&lt;", more: "&gt;" };
const PLAIN: Language = Language { name: |text, _| text.to_string(), less: "<", more: ">" };

/// A condition that all rows behind an answer fulfil, of one subject.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    subject: usize,
    above: f64,
    up_to: f64,
    /// Whether rows without a value are among them.
    missing: bool,
}

/// An answer: conditions, the segment, and how well they fit.
struct Rule {
    bounds: Vec<Bounds>,
    segment: usize,
    n_rows: usize,
    n_right: usize,
}

/// The rules as they are told.
pub struct Told {
    /// A table, as HTML.
    pub html: String,
    /// A sentence about it.
    pub lead: String,
    /// The figures in it.
    pub details: Vec<Detail>,
}

/// Finds the rules; `None` if no question tells segments apart.
///
/// # Errors
/// If the work was asked to stop.
pub fn find(
    profiles: &[Profile],
    segments: &Segments,
    names: &[String],
    redact: bool,
    work: &Work,
) -> Result<Option<Told>, StageError> {
    let rows = some(&known_rows(segments), MOST_ROWS);
    let subjects = subjects(profiles);
    if rows.is_empty() || subjects.is_empty() {
        return Ok(None);
    }
    let columns: Vec<Vec<f64>> =
        work.pool.map(subjects.len(), |i| rows.iter().map(|&row| subjects[i].value(row)).collect());
    let x = Matrix::from_columns(&columns);
    let y: Vec<u32> = rows.iter().map(|&row| segments.of_row[row] as u32).collect();
    let samples = Samples { x: &x, y: &y, n_classes: segments.len() };
    let params = ForestParams {
        n_trees: 1,
        max_depth: Some(DEPTH),
        min_samples_split: 2,
        min_samples_leaf: LEAST_ROWS.max((LEAST_SHARE * rows.len() as f64) as usize),
        max_features: subjects.len(),
        bootstrap: false,
        balanced: false,
        seed: 0,
    };
    let (forest, _) = forest::fit(&samples, &params, work)?;
    let Some(tree) = forest.trees.first().filter(|tree| tree.nodes().len() > 1) else {
        return Ok(None);
    };
    let mut rules = rules(tree, &x, &y, segments.len());
    let right: usize = rules.iter().map(|rule| rule.n_right).sum();
    rules.sort_by_key(|rule| (rule.segment, std::cmp::Reverse(rule.n_right)));
    let lead = format!(
        "A tree of at most three questions puts {} of {} customers into their segment. Coverage is the share of the segment \
         that a rule finds, precision the share of those found that belong to it.",
        number::percent(right as f64 / rows.len() as f64),
        if rows.len() < known_rows(segments).len() {
            format!("{} sampled", number::count(rows.len()))
        } else {
            number::count(rows.len())
        }
    );
    let mut of_segment = vec![0; segments.len()];
    y.iter().for_each(|&segment| of_segment[segment as usize] += 1);
    let lines = lines(&rules, &subjects, segments, &of_segment, redact);
    let details = lines.iter().flat_map(Line::details).collect();
    Ok(Some(Told { html: table(&lines, &rules, segments, names), lead, details }))
}

fn subjects(profiles: &[Profile]) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    for profile in profiles {
        match &profile.figures {
            Figures::Number(number) => subjects.push(Subject::Number(profile, number)),
            // Of two answers, one is the other's opposite.
            Figures::Category(c) if c.levels.len() == 2 => {
                subjects.push(Subject::Level(
                    profile,
                    c,
                    usize::from(c.boolean && c.levels[1] == "true"),
                ));
            }
            Figures::Category(c) => {
                let told = c.levels.len().min(MOST_LEVELS);
                subjects.extend((0..told).map(|level| Subject::Level(profile, c, level)));
            }
        }
    }
    subjects
}

impl Subject<'_> {
    fn value(&self, row: usize) -> f64 {
        match self {
            Subject::Number(_, number) => {
                let value = number.numbers.values()[row];
                if value.is_finite() { value } else { f64::NAN }
            }
            Subject::Level(_, category, level) => match category.codes[row] {
                MISSING => f64::NAN,
                code => f64::from(u8::from(code as usize == *level)),
            },
        }
    }

    /// Returns the condition in words.
    fn words(&self, bounds: &Bounds, redact: bool, language: &Language) -> String {
        let name = language.name;
        let known = match self {
            Subject::Level(profile, category, level) => {
                let (column, level) = (name(&profile.name, 30), name(&category.levels[*level], 24));
                let is = if bounds.above >= 0.0 { "is" } else { "is not" };
                format!("{column} {is} {level}")
            }
            Subject::Number(profile, number) => {
                let (column, less) = (name(&profile.name, 30), language.less);
                let show = |v: f64| match number.date {
                    Some(_) => number::date(v, false),
                    None if redact => number::figure(two_digits(v)),
                    None => number::figure(v),
                };
                match (bounds.above.is_finite(), bounds.up_to.is_finite()) {
                    (true, true) => {
                        format!("{} {less} {column} ≤ {}", show(bounds.above), show(bounds.up_to))
                    }
                    (true, false) => format!("{column} {} {}", language.more, show(bounds.above)),
                    _ => format!("{column} ≤ {}", show(bounds.up_to)),
                }
            }
        };
        if bounds.missing { format!("({known} or missing)") } else { known }
    }

    fn has_missing(&self) -> bool {
        match self {
            Subject::Number(_, number) => number.numbers.values().iter().any(|v| !v.is_finite()),
            Subject::Level(_, category, _) => category.codes.contains(&MISSING),
        }
    }
}

/// A threshold lies between two values of the data; so rounded it tells neither.
fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// Walks every row down the tree and sums up what arrives.
fn rules(tree: &Tree, x: &Matrix, y: &[u32], n_segments: usize) -> Vec<Rule> {
    let mut arrived: Vec<Vec<usize>> = vec![Vec::new(); tree.nodes().len()];
    for (row, segment) in x.rows().zip(y) {
        let counts = &mut arrived[leaf_of(tree, row)];
        counts.resize(n_segments, 0);
        counts[*segment as usize] += 1;
    }
    let mut rules = Vec::new();
    let mut stack = vec![(0_usize, Vec::<Bounds>::new())];
    while let Some((at, bounds)) = stack.pop() {
        match tree.nodes()[at] {
            Node::Leaf(_) => {
                let counts = &arrived[at];
                let most = counts.iter().copied().max().unwrap_or(0);
                if let Some(segment) = counts.iter().position(|n| *n == most && most > 0) {
                    rules.push(Rule {
                        bounds,
                        segment,
                        n_rows: counts.iter().sum(),
                        n_right: most,
                    });
                }
            }
            Node::Split { feature, threshold, left, right, missing_left } => {
                let subject = feature as usize;
                let below = narrowed(&bounds, subject, f64::NEG_INFINITY, threshold, missing_left);
                let above = narrowed(&bounds, subject, threshold, f64::INFINITY, !missing_left);
                stack.extend([(right as usize, above), (left as usize, below)]);
            }
        }
    }
    rules
}

fn leaf_of(tree: &Tree, row: &[f64]) -> usize {
    let mut at = 0;
    while let Node::Split { feature, threshold, left, right, missing_left } = tree.nodes()[at] {
        let value = row[feature as usize];
        let goes_left = if value.is_nan() { missing_left } else { value <= threshold };
        at = if goes_left { left } else { right } as usize;
    }
    at
}

/// Adds a condition; one of a subject that has one already narrows it.
fn narrowed(
    bounds: &[Bounds],
    subject: usize,
    above: f64,
    up_to: f64,
    missing: bool,
) -> Vec<Bounds> {
    let mut bounds = bounds.to_vec();
    match bounds.iter_mut().find(|b| b.subject == subject) {
        Some(known) => {
            known.above = known.above.max(above);
            known.up_to = known.up_to.min(up_to);
            known.missing &= missing;
        }
        None => bounds.push(Bounds { subject, above, up_to, missing }),
    }
    bounds
}

/// A rule with its figures.
struct Line {
    /// Place of the segment among all.
    index: usize,
    segment: i32,
    /// The conditions, as HTML.
    html: Vec<String>,
    /// The same as text, with whole names.
    text: String,
    n_rows: usize,
    coverage: f64,
    precision: f64,
}

impl Line {
    fn details(&self) -> [Detail; 3] {
        [("coverage", self.coverage), ("precision", self.precision), ("rows", self.n_rows as f64)]
            .map(|(figure, value)| Detail {
                section: "rules",
                segment: Some(self.segment),
                item: Some(self.text.clone()),
                figure,
                value,
            })
    }
}

fn lines(
    rules: &[Rule],
    subjects: &[Subject<'_>],
    segments: &Segments,
    of_segment: &[usize],
    redact: bool,
) -> Vec<Line> {
    let has_missing: Vec<bool> = subjects.iter().map(Subject::has_missing).collect();
    let line = |rule: &Rule| {
        let words = |language: &Language| -> Vec<String> {
            let bounds = rule
                .bounds
                .iter()
                .map(|b| Bounds { missing: b.missing && has_missing[b.subject], ..*b });
            bounds.map(|b| subjects[b.subject].words(&b, redact, language)).collect()
        };
        Line {
            index: rule.segment,
            segment: segments.numbers[rule.segment],
            html: words(&HTML),
            text: words(&PLAIN).join(" and "),
            n_rows: rule.n_rows,
            coverage: rule.n_right as f64 / of_segment[rule.segment] as f64,
            precision: rule.n_right as f64 / rule.n_rows as f64,
        }
    };
    rules.iter().map(line).collect()
}

fn table(lines: &[Line], rules: &[Rule], segments: &Segments, names: &[String]) -> String {
    let row = |line: &Line| {
        vec![
            format!(
                "<span class=\"tag\">{}{} {}</span>",
                palette::key(line.segment),
                label(line.segment),
                page::escape(&page::cut(&names[line.index], 40))
            ),
            line.html.join(" <i class=\"and\">and</i> "),
            number::percent(line.coverage),
            number::percent(line.precision),
            number::count(line.n_rows),
        ]
    };
    let cells: Vec<Vec<String>> = lines.iter().map(row).collect();
    let mut out = page::stacking_table(
        &["segment", "rule", "coverage", "precision", "customers"],
        &[false, false, true, true, true],
        &cells,
    );
    let without: Vec<String> = (0..segments.len())
        .filter(|&i| segments.numbers[i] >= 0 && rules.iter().all(|rule| rule.segment != i))
        .map(|i| format!("{} {}", label(segments.numbers[i]), page::cut(&names[i], 40)))
        .collect();
    if !without.is_empty() {
        out.push_str(&format!(
            "<p class=\"note\">No rule this short is mostly about {}.</p>\n",
            page::escape(&without.join("; "))
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_one_subject_are_one() {
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let first = narrowed(&[], 3, low, 10.0, true);
        let second = narrowed(&first, 3, 4.0, high, false);
        assert_eq!(second, [Bounds { subject: 3, above: 4.0, up_to: 10.0, missing: false }]);
        assert_eq!(narrowed(&second, 1, 0.5, high, true).len(), 2);
    }

    #[test]
    fn redacted_thresholds_have_two_digits() {
        assert_eq!(two_digits(123.456), 120.0);
        assert_eq!(two_digits(-0.098_76), -0.099);
        assert_eq!(two_digits(0.0), 0.0);
    }
}
