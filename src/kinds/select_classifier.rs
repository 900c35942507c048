//! `select.classifier`: the best of several classifier stages by one metric, and why.
//! It does not know how any of them was trained.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Int64Array},
    datatypes::{DataType, Field},
};
use serde::Deserialize;

use crate::{
    base::canon,
    frame::{
        FrameError, Table,
        table::{float_array, schema_with_id, text_array},
    },
    ml::classify::scores,
    stage::{
        ctx::{Candidate, StageCtx},
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType},
        params::{Param, Shape},
    },
};

/// The kind.
pub struct SelectClassifier;

const SPLITS: &[&str] = &["test", "cv", "train"];

static PARAMS: &[Param] = &[
    Param::with_default(
        "metric",
        Shape::Choice(&scores::NAMES),
        "\"macro_f1\"",
        "what decides; log_loss is better when smaller, the others when larger",
    ),
    Param::with_default(
        "split",
        Shape::Choice(SPLITS),
        "\"test\"",
        "which rows decide: the hold-out, the folds (every candidate needs `folds`), or the training rows",
    ),
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    metric: String,
    split: String,
}

impl Kind for SelectClassifier {
    fn name(&self) -> &'static str {
        "select.classifier"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Choose the best of several classifiers by one metric and say why; equal ones go by name"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[InputPort {
            name: "candidates",
            ty: PortType::Classifications,
            required: true,
            help: "classifier stages",
        }])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[
            FixedOutput {
                name: "leaderboard",
                ty: PortType::Table,
                help: "stage, algorithm, params, the metrics, eligible, reason, score (1 the best, 0 the last), rank, \
                       chosen",
            },
            FixedOutput {
                name: "model",
                ty: PortType::Classifier,
                help: "the winner's model, byte for byte",
            },
        ]
    }

    fn check(&self, _given: &Given) -> Checked {
        let mut checked = Checked::default();
        let fields = leaderboard_fields().map(|(name, ty)| Field::new(name, ty, true)).collect();
        let schema = Arc::new(schema_with_id(fields, None));
        checked.schemas.insert("leaderboard".to_string(), schema);
        checked
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        let mut entries = Vec::new();
        for candidate in ctx.candidates("candidates") {
            ctx.work.check()?;
            entries.push(Entry::read(candidate, &params)?);
        }
        rank(&mut entries, &params)?;
        if !judged_alike(&entries)? {
            ctx.note(
                "the candidates were judged by different rows; give them the same labels and seed",
            );
        }
        let winner = entries[0].candidate;
        ctx.write("leaderboard", &leaderboard(&entries)?)?;
        ctx.copy(winner, "model")
    }
}

/// A candidate and how it did.
struct Entry<'a> {
    candidate: &'a Candidate,
    /// In the order of [`scores::NAMES`]; NaN where there is none.
    metrics: [f64; 5],
    /// The metric that decides, larger is better; `None` if there is none.
    merit: Option<f64>,
    rank: Option<usize>,
    score: f64,
    reason: String,
}

impl<'a> Entry<'a> {
    fn read(candidate: &'a Candidate, params: &Params) -> Result<Entry<'a>, StageError> {
        let table = candidate.table("metrics")?;
        let (splits, names) = (table.texts("split")?, table.texts("metric")?);
        let values = table.floats("value")?;
        let mut metrics = [f64::NAN; 5];
        for (row, value) in values.iter().enumerate() {
            let at = scores::NAMES.iter().position(|name| *name == names.value(row));
            if let (Some(at), true) = (at, splits.value(row) == params.split) {
                metrics[at] = *value;
            }
        }
        let decisive = scores::NAMES.iter().position(|name| *name == params.metric);
        let value = decisive.map(|at| metrics[at]).filter(|v| !v.is_nan());
        let sign = if scores::smaller_is_better(&params.metric) { -1.0 } else { 1.0 };
        let merit = value.map(|v| sign * v);
        Ok(Entry { candidate, metrics, merit, rank: None, score: f64::NAN, reason: String::new() })
    }
}

/// Sorts the entries, best first, and writes down why. Those without the metric come last.
fn rank(entries: &mut [Entry<'_>], params: &Params) -> Result<(), StageError> {
    let merit = |e: &Entry<'_>| e.merit.unwrap_or(f64::NEG_INFINITY);
    entries.sort_by(|a, b| {
        b.merit
            .is_some()
            .cmp(&a.merit.is_some())
            .then(merit(b).total_cmp(&merit(a)))
            .then(a.candidate.name.cmp(&b.candidate.name))
    });
    let what = format!("{} on the {} rows", params.metric, params.split);
    let merits: Vec<f64> = entries.iter().map_while(|e| e.merit).collect();
    let Some(&best) = merits.first() else {
        let missing = |e: &Entry<'_>| format!("`{}` has no {what}", e.candidate.name);
        let texts: Vec<String> = entries.iter().map(missing).collect();
        let advice = if params.split == "cv" { "; set `folds` in the candidates" } else { "" };
        let text = format!("no candidate can be chosen: {}{advice}", texts.join("; "));
        return Err(StageError::Data(text));
    };
    let first = entries[0].candidate.name.clone();
    let second = entries.get(1).filter(|e| e.merit.is_some()).map(|e| e.candidate.name.clone());
    for (i, entry) in entries.iter_mut().enumerate() {
        let Some(merit) = entry.merit else {
            entry.reason = format!("not eligible: has no {what}");
            continue;
        };
        entry.rank = Some(i + 1);
        // Equal candidates share the better place.
        let place = merits.iter().take_while(|&&m| m > merit).count();
        entry.score = match merits.len() {
            1 => 1.0,
            n => 1.0 - place as f64 / (n - 1) as f64,
        };
        let value = format!("{:.4}", merit.abs());
        entry.reason = match (i, &second) {
            (0, None) => format!("chosen: the only candidate with {what}, {value}"),
            (0, Some(second)) if merits[1] == merit => {
                format!("chosen: best {what}, {value}, equal to `{second}` but first by name")
            }
            (0, Some(second)) => {
                format!(
                    "chosen: best {what}, {value}, {:.4} better than `{second}`",
                    merit - merits[1]
                )
            }
            _ if merit == best => {
                format!("{what} is {value}, equal to `{first}`, which is first by name")
            }
            _ => format!("{what} is {value}, {:.4} worse than `{first}`", best - merit),
        };
    }
    Ok(())
}

/// Returns true if all hold-outs have the same ids.
fn judged_alike(entries: &[Entry<'_>]) -> Result<bool, StageError> {
    let mut ids: Option<ArrayRef> = None;
    for entry in entries.iter().filter(|e| e.candidate.ports.contains_key("predictions")) {
        let (_, own) = entry.candidate.table("predictions")?.id()?;
        if ids.as_ref().is_some_and(|ids| ids.to_data() != own.to_data()) {
            return Ok(false);
        }
        ids = Some(own);
    }
    Ok(true)
}

fn leaderboard_fields() -> impl Iterator<Item = (&'static str, DataType)> {
    let texts = ["stage", "algorithm", "params"].map(|name| (name, DataType::Utf8));
    let metrics = scores::NAMES.map(|name| (name, DataType::Float64));
    let verdict = [
        ("eligible", DataType::Boolean),
        ("reason", DataType::Utf8),
        ("score", DataType::Float64),
        ("rank", DataType::Int64),
        ("chosen", DataType::Boolean),
    ];
    texts.into_iter().chain(metrics).chain(verdict)
}

fn leaderboard(entries: &[Entry<'_>]) -> Result<Table, FrameError> {
    let names = entries.iter().map(|e| e.candidate.name.as_str());
    let algorithms = entries.iter().map(|e| {
        let kind = e.candidate.kind.as_str();
        kind.strip_prefix("classify.").unwrap_or(kind)
    });
    let params = entries.iter().map(|e| canon::to_string(&e.candidate.params));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("stage", text_array(names)),
        ("algorithm", text_array(algorithms)),
        ("params", text_array(params)),
    ];
    for (i, name) in scores::NAMES.iter().enumerate() {
        columns.push((name, float_array(entries.iter().map(|e| e.metrics[i]).collect())));
    }
    let eligible: BooleanArray = entries.iter().map(|e| Some(e.merit.is_some())).collect();
    let rank: Int64Array = entries.iter().map(|e| e.rank.map(|r| r as i64)).collect();
    let chosen: BooleanArray = entries.iter().map(|e| Some(e.rank == Some(1))).collect();
    columns.push(("eligible", Arc::new(eligible)));
    columns.push(("reason", text_array(entries.iter().map(|e| e.reason.as_str()))));
    columns.push(("score", float_array(entries.iter().map(|e| e.score).collect())));
    columns.push(("rank", Arc::new(rank)));
    columns.push(("chosen", Arc::new(chosen)));
    Table::new(None, columns)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read};

    use arrow::array::AsArray;
    use serde_json::json;

    use super::*;
    use crate::stage::{
        ctx::Arrivals,
        memory::{self, MemoryOutputs},
        work::Work,
    };

    fn candidate(name: &str, metric: &str, value: f64, split: &str) -> Candidate {
        let metrics = Table::new(
            None,
            vec![
                ("split", text_array([split])),
                ("metric", text_array([metric])),
                ("value", float_array(vec![value])),
                ("std", float_array(vec![f64::NAN])),
            ],
        );
        let model = Table::new(None, vec![("name", text_array([name]))]);
        let port = |name: &str, table: Result<Table, FrameError>| {
            (name.to_string(), memory::input(name, &table.unwrap()).unwrap())
        };
        Candidate {
            name: name.to_string(),
            kind: "classify.forest".to_string(),
            params: json!({ "trees": 3 }),
            ports: BTreeMap::from([port("metrics", metrics), port("model", model)]),
        }
    }

    fn select(with: serde_json::Value, given: &[Candidate]) -> Result<MemoryOutputs, StageError> {
        let params = memory::canonical(&SelectClassifier, &with)?;
        let candidates = BTreeMap::from([("candidates".to_string(), given.to_vec())]);
        let arrivals = Arrivals { candidates, ..Arrivals::default() };
        memory::run(&SelectClassifier, &params, &arrivals, &Work::alone(1))
    }

    fn column(table: &Table, name: &str) -> Vec<String> {
        let texts = table.texts(name).unwrap();
        texts.iter().map(|t| t.unwrap().to_string()).collect()
    }

    #[test]
    fn the_best_wins_and_everyone_gets_a_reason() {
        let given = [
            candidate("a", "macro_f1", 0.8, "test"),
            candidate("b", "macro_f1", 0.9, "test"),
            candidate("c", "macro_f1", 0.9, "test"),
            candidate("d", "accuracy", 0.9, "test"),
        ];
        let out = select(json!({}), &given).unwrap();
        let board = out.table("leaderboard").unwrap();
        let known =
            SelectClassifier.check(&Given::default()).schemas.remove("leaderboard").unwrap();
        assert_eq!(board.schema(), known);
        let verdict = ["eligible", "reason", "score", "rank", "chosen"];
        let expected = [&["stage", "algorithm", "params"][..], &scores::NAMES, &verdict].concat();
        assert_eq!(board.names(), expected);
        assert_eq!(column(&board, "stage"), ["b", "c", "a", "d"]);
        assert_eq!(
            column(&board, "reason"),
            [
                "chosen: best macro_f1 on the test rows, 0.9000, equal to `c` but first by name",
                "macro_f1 on the test rows is 0.9000, equal to `b`, which is first by name",
                "macro_f1 on the test rows is 0.8000, 0.1000 worse than `b`",
                "not eligible: has no macro_f1 on the test rows",
            ]
        );
        assert_eq!(board.floats("score").unwrap()[..3], [1.0, 1.0, 0.0]);
        assert_eq!(board.integers("rank").unwrap(), [Some(1), Some(2), Some(3), None]);
        let chosen = board.column("chosen").unwrap().as_boolean().clone();
        assert_eq!(chosen, BooleanArray::from(vec![true, false, false, false]));
        let mut winner = Vec::new();
        given[1].ports["model"].reader().unwrap().read_to_end(&mut winner).unwrap();
        assert_eq!(out.bytes["model"], winner);
        assert_eq!(out.rows["model"], 1);
    }

    #[test]
    fn log_loss_is_better_when_smaller() {
        let given = [candidate("a", "log_loss", 0.8, "cv"), candidate("b", "log_loss", 0.3, "cv")];
        let out = select(json!({ "metric": "log_loss", "split": "cv" }), &given).unwrap();
        let board = out.table("leaderboard").unwrap();
        assert_eq!(column(&board, "stage"), ["b", "a"]);
        assert_eq!(
            column(&board, "reason"),
            [
                "chosen: best log_loss on the cv rows, 0.3000, 0.5000 better than `a`",
                "log_loss on the cv rows is 0.8000, 0.5000 worse than `b`",
            ]
        );
    }

    #[test]
    fn without_the_metric_nobody_wins() {
        let given = [candidate("a", "accuracy", 0.8, "test")];
        let text = select(json!({ "split": "cv" }), &given).unwrap_err().to_string();
        assert!(text.contains("`a` has no macro_f1 on the cv rows") && text.contains("folds"));
        assert!(select(json!({ "metric": "accuracy" }), &given).is_ok());
    }
}
