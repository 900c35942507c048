//! Two runs side by side: what was asked differently, what came out differently, who moved between segments.
//! It does not know how this is shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::DataType,
    util::display::array_value_to_string,
};
use serde_json::Value;

use crate::{
    app::{AppError, PastRun, Project, artifact},
    base::hash::ContentHash,
    engine::reason,
    frame::Table,
    ml::agreement::Contingency,
    store::{
        Store,
        records::{InstanceState, ManifestStage, Reason},
    },
};

/// Two runs and how they differ.
pub struct RunDiff {
    /// The first run.
    pub a: PastRun,
    /// The second run.
    pub b: PastRun,
    /// Parameters of the pipeline that differ.
    pub params: Vec<Change>,
    /// Stage instances that only the second run has.
    pub added: Vec<String>,
    /// Stage instances that only the first run has.
    pub removed: Vec<String>,
    /// Instances whose key differs, with the reasons.
    pub stages: Vec<StageChange>,
    /// Artifacts of instances that both have and whose bytes differ.
    pub artifacts: Vec<ArtifactChange>,
    /// How many artifacts are the same.
    pub n_same: usize,
    /// Figures side by side, also where they are the same.
    pub figures: Vec<Figures>,
    /// Who moved.
    pub migrations: Vec<Migration>,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// A value before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Of what.
    pub name: String,
    /// The first run's; null for none.
    pub old: Value,
    /// The second run's; null for none.
    pub new: Value,
}

/// An instance whose key differs.
pub struct StageChange {
    /// The instance.
    pub stage: String,
    /// In what it differs.
    pub reasons: Vec<Reason>,
}

/// An artifact whose bytes differ.
pub struct ArtifactChange {
    /// The instance.
    pub stage: String,
    /// The output.
    pub port: String,
    /// The first run's hash; `None` where only the second one has the output.
    pub old: Option<ContentHash>,
    /// The second run's hash.
    pub new: Option<ContentHash>,
}

/// Figures of one stage side by side.
pub struct Figures {
    /// The stage.
    pub stage: String,
    /// What they are.
    pub about: &'static str,
    /// The figures in the order of their table.
    pub rows: Vec<Change>,
}

/// How the rows that both labelings have moved between segments.
pub struct Migration {
    /// The stage that chose the labels.
    pub stage: String,
    /// How often each pair of segments meets.
    pub table: Contingency,
    /// Rows that only the first run has.
    pub only_old: usize,
    /// Rows that only the second run has.
    pub only_new: usize,
}

impl Migration {
    /// Returns true if the same rows are in the same segments.
    pub fn is_none(&self) -> bool {
        let Contingency { rows, columns, counts } = &self.table;
        let cells = counts.iter().enumerate().flat_map(|(i, c)| {
            c.iter().enumerate().filter(|(_, n)| **n > 0).map(move |(j, _)| (i, j))
        });
        self.only_old + self.only_new == 0 && cells.into_iter().all(|(i, j)| rows[i] == columns[j])
    }
}

impl RunDiff {
    /// Returns true if both are the same run.
    pub fn is_same(&self) -> bool {
        self.a.id == self.b.id
    }
}

impl Project {
    /// Holds two runs against each other.
    ///
    /// # Errors
    /// If one is unknown or its records are damaged.
    pub fn diff(&self, a: &str, b: &str) -> Result<RunDiff, AppError> {
        let store = self.store()?;
        let (a, b) = (self.past_run(a)?, self.past_run(b)?);
        let (old, new) = (by_name(&a), by_name(&b));
        let mut diff = RunDiff {
            params: params(&a.manifest.params, &b.manifest.params),
            added: new.keys().filter(|n| !old.contains_key(*n)).map(|n| n.to_string()).collect(),
            removed: old.keys().filter(|n| !new.contains_key(*n)).map(|n| n.to_string()).collect(),
            stages: Vec::new(),
            artifacts: Vec::new(),
            n_same: 0,
            figures: Vec::new(),
            migrations: Vec::new(),
            notes: Vec::new(),
            a: a.clone(),
            b: b.clone(),
        };
        for (name, before) in &old {
            if let Some(after) = new.get(name) {
                diff.compare(before, after);
            }
        }
        let mut reader = Reader { store: &store, notes: BTreeSet::new() };
        diff.figures = figures(&mut reader, &old, &new)?;
        diff.migrations = migrations(&mut reader, &old, &new)?;
        diff.notes = reader.notes.into_iter().collect();
        Ok(diff)
    }
}

type Stages<'a> = BTreeMap<&'a str, &'a ManifestStage>;

fn by_name(run: &PastRun) -> Stages<'_> {
    run.manifest.stages.iter().map(|s| (s.name.as_str(), s)).collect()
}

fn params(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |map: &BTreeMap<String, Value>, n| map.get(n).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|n| Change { name: n.clone(), old: value(old, n), new: value(new, n) })
        .filter(|c| c.old != c.new)
        .collect()
}

impl RunDiff {
    fn compare(&mut self, before: &ManifestStage, after: &ManifestStage) {
        if before.key != after.key {
            let state = InstanceState {
                key: before.key,
                preimage: before.preimage.clone(),
                files: files(&self.a, before),
            };
            let files = files(&self.b, after);
            let reasons = reason::compare(Some(&state), &after.preimage, &files, true);
            self.stages.push(StageChange { stage: after.name.clone(), reasons });
        }
        let ports: BTreeSet<&String> = before.outputs.keys().chain(after.outputs.keys()).collect();
        for port in ports {
            let (old, new) = (before.outputs.get(port), after.outputs.get(port));
            let (old, new) = (old.map(|o| o.hash), new.map(|o| o.hash));
            if old == new {
                self.n_same += 1;
            } else {
                let stage = after.name.clone();
                self.artifacts.push(ArtifactChange { stage, port: port.clone(), old, new });
            }
        }
    }
}

/// Returns the names of a stage's source files; a manifest holds hashes only, the history has the names.
fn files(run: &PastRun, stage: &ManifestStage) -> Vec<String> {
    let known = run.entry.stages.iter().find(|s| s.stage == stage.name).map(|s| s.files.clone());
    known
        .filter(|files| files.len() == stage.preimage.files.len())
        .unwrap_or_else(|| (1..=stage.preimage.files.len()).map(|i| format!("file {i}")).collect())
}

/// Reads tables and remembers which are no longer there.
struct Reader<'a> {
    store: &'a Store,
    notes: BTreeSet<String>,
}

impl Reader<'_> {
    fn table(&mut self, stage: &ManifestStage, port: &str) -> Result<Option<Table>, AppError> {
        let Some(output) = stage.outputs.get(port) else { return Ok(None) };
        if !self.store.has_object(&output.hash, &output.ext)? {
            let name = &stage.name;
            self.notes.insert(format!("artifact `{name}.{port}` is no longer in the store"));
            return Ok(None);
        }
        artifact::table(self.store, &output.hash, &output.ext).map(Some)
    }
}

/// Pairs the stages of a kind by name; one of a kind on both sides is a pair whatever it is called.
fn pairs<'a>(
    old: &Stages<'a>,
    new: &Stages<'a>,
    kind: &str,
) -> Vec<(&'a ManifestStage, &'a ManifestStage)> {
    let of_kind = |stages: &Stages<'a>| -> Vec<&'a ManifestStage> {
        stages.values().copied().filter(|s| s.preimage.kind == kind).collect()
    };
    let (olds, news) = (of_kind(old), of_kind(new));
    if let ([one], [other]) = (olds.as_slice(), news.as_slice()) {
        return vec![(*one, *other)];
    }
    let same = |n: &&'a ManifestStage| olds.iter().find(|o| o.name == n.name).map(|o| (*o, *n));
    news.iter().filter_map(same).collect()
}

fn figures(
    reader: &mut Reader<'_>,
    old: &Stages<'_>,
    new: &Stages<'_>,
) -> Result<Vec<Figures>, AppError> {
    let mut found = Vec::new();
    let leaderboards =
        [("select.clustering", "chosen clustering"), ("select.classifier", "chosen classifier")];
    for (kind, about) in leaderboards {
        for (before, after) in pairs(old, new, kind) {
            let sides = (
                reader.table(before, "leaderboard")?.map(|t| chosen(&t)),
                reader.table(after, "leaderboard")?.map(|t| chosen(&t)),
            );
            if let (Some(a), Some(b)) = sides {
                found.push(Figures { stage: after.name.clone(), about, rows: beside(a, b) });
            }
        }
    }
    for kind in crate::kinds::ALL.iter().map(|k| k.name()).filter(|k| k.starts_with("classify.")) {
        for (before, after) in pairs(old, new, kind) {
            let sides = (
                reader.table(before, "metrics")?.map(|t| scores(&t)),
                reader.table(after, "metrics")?.map(|t| scores(&t)),
            );
            if let (Some(a), Some(b)) = sides {
                let about = "hold-out scores";
                found.push(Figures { stage: after.name.clone(), about, rows: beside(a, b) });
            }
        }
    }
    Ok(found)
}

type Row = Vec<(String, Value)>;

/// What stands before a parameter's name among figures.
const PARAM: &str = "params.";

/// Returns the chosen row of a leaderboard without the words about it, its parameters one by one.
fn chosen(table: &Table) -> Row {
    let Ok(flags) = table.floats("chosen") else { return Row::new() };
    let Some(row) = flags.iter().position(|&c| c == 1.0) else { return Row::new() };
    let left_out = ["chosen", "reason", "eligible", "rank"];
    let mut found = Row::new();
    for (name, column) in table.names().into_iter().zip(table.batch().columns()) {
        match (name.as_str(), json(column, row)) {
            (name, _) if left_out.contains(&name) => {}
            ("params", Value::String(text)) => {
                if let Ok(Value::Object(params)) = serde_json::from_str(&text) {
                    found.extend(params.into_iter().map(|(k, v)| (format!("{PARAM}{k}"), v)));
                }
            }
            (_, value) => found.push((name, value)),
        }
    }
    found
}

/// Returns the test scores of a classifier.
fn scores(table: &Table) -> Row {
    let (Ok(splits), Ok(metrics), Ok(values)) =
        (table.texts("split"), table.texts("metric"), table.floats("value"))
    else {
        return Row::new();
    };
    (0..table.n_rows())
        .filter(|&i| splits.value(i) == "test")
        .map(|i| (metrics.value(i).to_string(), Value::from(values[i])))
        .collect()
}

fn json(column: &ArrayRef, row: usize) -> Value {
    use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        _ => array_value_to_string(column, row).unwrap_or_default().into(),
    }
}

/// Puts two rows side by side; a figure that neither has, and a parameter that is the same, is left out.
fn beside(old: Row, new: Row) -> Vec<Change> {
    let mut rows: Vec<Change> =
        old.into_iter().map(|(name, old)| Change { name, old, new: Value::Null }).collect();
    for (name, value) in new {
        match rows.iter_mut().find(|r| r.name == name) {
            Some(row) => row.new = value,
            None => rows.push(Change { name, old: Value::Null, new: value }),
        }
    }
    rows.retain(|r| match r.name.starts_with(PARAM) {
        true => r.old != r.new,
        false => !(r.old.is_null() && r.new.is_null()),
    });
    rows
}

fn migrations(
    reader: &mut Reader<'_>,
    old: &Stages<'_>,
    new: &Stages<'_>,
) -> Result<Vec<Migration>, AppError> {
    let mut found = Vec::new();
    let mut labelings = pairs(old, new, "select.clustering");
    if labelings.is_empty() {
        // Nobody chose; then every clustering speaks for itself.
        let kinds =
            crate::kinds::ALL.iter().map(|k| k.name()).filter(|k| k.starts_with("cluster."));
        labelings = kinds.flat_map(|kind| pairs(old, new, kind)).collect();
        labelings.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    }
    for (before, after) in labelings {
        let sides = (reader.table(before, "labels")?, reader.table(after, "labels")?);
        let (Some(a), Some(b)) = sides else { continue };
        if a.has_numbers_for_ids() && b.has_numbers_for_ids() {
            let (stage, n, m) = (&after.name, a.n_rows(), b.n_rows());
            if n != m {
                reader.notes.insert(format!(
                    "who moved in `{stage}` is not known: its rows have no id, and there are {n} in a and {m} in b; \
                     give `ingest` an `id`"
                ));
                continue;
            }
            if sources(old) != sources(new) {
                reader.notes.insert(format!(
                    "the rows of `{stage}` have no id and come from files that differ: they are compared by their \
                     numbers; give `ingest` an `id`"
                ));
            }
        }
        found.extend(migration(&after.name, &a, &b));
    }
    Ok(found)
}

/// Returns the hashes of all source files.
fn sources(stages: &Stages<'_>) -> BTreeSet<ContentHash> {
    stages.values().flat_map(|stage| stage.preimage.files.iter().copied()).collect()
}

/// Joins two labelings on the id.
fn migration(stage: &str, old: &Table, new: &Table) -> Option<Migration> {
    let (ids, segments) = labels(old)?;
    let (new_ids, new_segments) = labels(new)?;
    let before: HashMap<String, i32> = ids.into_iter().zip(segments).collect();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for (id, segment) in new_ids.iter().zip(&new_segments) {
        if let Some(earlier) = before.get(id) {
            a.push(*earlier);
            b.push(*segment);
        }
    }
    Some(Migration {
        stage: stage.to_string(),
        only_old: before.len() - a.len(),
        only_new: new_ids.len() - b.len(),
        table: Contingency::new(&a, &b),
    })
}

fn labels(table: &Table) -> Option<(Vec<String>, Vec<i32>)> {
    let (_, ids) = table.id().ok()?;
    let texts = (0..ids.len()).map(|i| array_value_to_string(&ids, i).unwrap_or_default());
    Some((texts.collect(), table.segments().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::frame::table::{segment_array, text_array};

    fn labeling(ids: &[&str], segments: &[i32]) -> Table {
        let columns = vec![("id", text_array(ids)), ("segment", segment_array(segments.to_vec()))];
        Table::new(Some("id"), columns).unwrap()
    }

    #[test]
    fn labelings_are_joined_on_the_id() {
        let old = labeling(&["a", "b", "c", "d"], &[0, 0, 1, 1]);
        let new = labeling(&["d", "e", "b", "a"], &[0, 0, 1, 1]);
        let found = migration("best", &old, &new).unwrap();
        assert_eq!((found.only_old, found.only_new), (1, 1));
        assert_eq!(found.table.counts, [[0, 2], [1, 0]]);
        assert_eq!(found.table.adjusted_rand_index(), 1.0);
        assert!(!found.is_none(), "they have changed names");
        assert!(migration("best", &new, &new).unwrap().is_none());
    }

    #[test]
    fn figures_stand_beside_each_other() {
        let row = |pairs: &[(&str, Value)]| -> Row {
            pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect()
        };
        let rows = beside(
            row(&[("silhouette", json!(0.5)), ("bic", Value::Null), ("params.k", json!(3))]),
            row(&[("silhouette", json!(0.6)), ("params.k", json!(3)), ("n", json!(3))]),
        );
        let change = |name: &str, old, new| Change { name: name.to_string(), old, new };
        assert_eq!(
            rows,
            [change("silhouette", json!(0.5), json!(0.6)), change("n", Value::Null, json!(3))]
        );
    }

    #[test]
    fn parameters_that_are_the_same_are_left_out() {
        let old = [("k".to_string(), json!(3)), ("seed".to_string(), json!(1))].into();
        let new = [("k".to_string(), json!(4)), ("seed".to_string(), json!(1))].into();
        let expected = Change { name: "k".to_string(), old: json!(3), new: json!(4) };
        assert_eq!(params(&old, &new), [expected]);
    }
}
