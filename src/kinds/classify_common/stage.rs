//! The run of a classifier stage: split, prepare, fit, judge, write. It does not know the algorithm, which
//! arrives as a function from samples to a model.

use arrow::{array::UInt64Array, compute};

use super::{
    classifier::{Classifier, explain},
    judge::{self, Judged, Ranking},
    labelled::{self, Labelled},
    on_port,
    params::Common,
    sample,
};
use crate::{
    base::pool::CHUNK_ROWS,
    frame::{FrameError, Table},
    kinds::prepare::{Preparation, Settings},
    ml::{
        Matrix,
        classify::{
            Model, Samples,
            calibration::{Calibration, Method},
            class_counts, permutation, scores, split,
        },
        error::MlError,
    },
    stage::{ctx::StageCtx, error::StageError, work::Work},
};

/// Test rows that the permutation importance looks at, at the most: it asks the model once a column and
/// shuffle, and its figure does not get much better with more rows.
const IMPORTANCE_ROWS: usize = 10_000;

/// Folds of the training rows whose models say how probabilities come true, as in scikit-learn.
const CALIBRATION_FOLDS: usize = 5;

/// How many times the size of all rows' features one fit takes in memory: those that are trained on, and these in the
/// algorithm's own order.
const FIT: u64 = 2;

/// What an algorithm gives back.
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// The algorithm's own view of the features: method, importance and deviation (may be empty) of each.
    pub importance: Vec<(&'static str, Vec<f64>, Vec<f64>)>,
    /// What a person should hear of.
    pub notes: Vec<String>,
    /// Features whose values differ only beyond the precision that the algorithm compares in.
    pub coarse: Vec<usize>,
}

impl Fitted {
    /// Puts together what most algorithms give back.
    pub fn new(
        model: Model,
        importance: Vec<(&'static str, Vec<f64>, Vec<f64>)>,
        notes: Vec<String>,
    ) -> Fitted {
        Fitted { model, importance, notes, coarse: Vec::new() }
    }
}

/// An algorithm with its parameters, and how much progress one fit makes.
pub struct Algorithm<'a> {
    /// `forest`, `xgboost` or `logistic`.
    pub name: &'static str,
    /// Units of progress of one fit.
    pub steps: u64,
    /// Fits a model.
    pub fit: &'a (dyn Fn(&Samples<'_>, &Work) -> Result<Fitted, MlError> + Sync),
}

/// Runs a classifier stage.
///
/// # Errors
/// [`StageError`].
pub fn run(
    ctx: &mut StageCtx<'_>,
    algorithm: &Algorithm<'_>,
    common: &Common,
    settings: &Settings,
) -> Result<(), StageError> {
    let (table, labels) = sample::inputs(ctx, common.sample, common.seed)?;
    let labelled = labelled::labelled(&table, labels.as_ref(), common.target.as_deref())?;
    drop(labels);
    labelled.notes.iter().for_each(|note| ctx.note(note));
    let calibrate = common.calibrate().map(|method| (method, common.seed));
    let whole =
        Data { table: Some(&table), labelled: &labelled, settings, calibrate, work: ctx.work };
    let n_classes = labelled.classes.segments.len();
    let parts = split::hold_out(&labelled.y, n_classes, common.test_share, common.seed);
    split_notes(&labelled, &parts).into_iter().for_each(|note| ctx.note(note));

    let per_fit = if calibrate.is_some() { 1 + CALIBRATION_FOLDS as u64 } else { 1 };
    let n_fits = (1 + common.folds.unwrap_or(0) as u64) * per_fit;
    let prepared = whole.prepare(&parts.train)?;
    let what = format!("{} features of {} rows", prepared.n_features(), table.n_rows());
    let fit_bytes = (table.n_rows() * prepared.n_features() * size_of::<f64>()) as u64 * FIT;
    let at_once = ctx.hold_some(0, fit_bytes, n_fits as usize, &what)?;
    ctx.work.progress.set_total(algorithm.steps * n_fits);
    let x = whole.features(&prepared.preparation, &parts.train)?;
    let test_x = whole.features(&prepared.preparation, &parts.test)?;
    let (id, ids) = table.id().map_err(on_port("table"))?;
    let rows = UInt64Array::from_iter_values(whole.rows(&parts.test).iter().map(|&r| r as u64));
    let ids = compute::take(&ids, &rows, None).map_err(FrameError::from)?;
    // Only folds look at the rows again; without them they need not be held while the model is fitted.
    let table = (common.folds.is_some() || calibrate.is_some()).then_some(table);
    let table = table.as_ref();
    let data = Data { table, labelled: &labelled, settings, calibrate, work: ctx.work };
    let trained = data.train(algorithm, &parts.train, prepared, &x, at_once)?;
    trained.notes.iter().for_each(|note| ctx.note(note));
    let asked = sample::of_training_rows(parts.train.len(), common.seed);
    let train_x = x.keep_rows(&asked);
    let asked: Vec<usize> = asked.into_iter().map(|i| parts.train[i]).collect();
    if asked.len() < parts.train.len() {
        let (n, all) = (asked.len(), parts.train.len());
        ctx.note(format!(
            "the scores of training rows are those of a random sample of {n} of {all} rows"
        ));
    }
    let train_p = data.answer(&trained, &train_x, &asked)?;
    drop(train_x);
    let test_y = data.classes(&parts.test);
    let test_p = data.answer(&trained, &test_x, &parts.test)?;
    let mut judged = vec![
        Judged::once("train", scores::all(&data.classes(&asked), &train_p)),
        Judged::once("test", scores::all(&test_y, &test_p)),
    ];
    drop(train_p);
    if let Some(n_folds) = common.folds {
        judged.push(data.cross_validate(algorithm, n_folds, at_once, common.seed)?);
    }
    let mut rankings = Vec::new();
    if common.n_repeats > 0 && !parts.test.is_empty() {
        rankings.push(data.permute(&trained, &test_x, &test_y, common)?);
    }
    rankings.extend(trained.rankings());

    let classifier = &trained.classifier;
    drop(test_x);
    write_model(ctx, classifier)?;
    ctx.write("metrics", &judge::metrics(&judged)?)?;
    let found = scores::predicted(&test_p);
    ctx.write("confusion", &judge::confusion(&test_y, &found, &labelled.classes)?)?;
    ctx.write("importance", &judge::importance(&rankings)?)?;
    ctx.write("predictions", &classifier.predictions((&id, ids), &test_p, Some(&test_y))?)
}

/// Writes the model part by part: the table of a forest takes several times the memory of its trees.
fn write_model(ctx: &mut StageCtx<'_>, classifier: &Classifier) -> Result<(), StageError> {
    let parts = classifier.parts();
    let first = classifier.part(parts[0].clone())?;
    let mut sink = ctx.table_sink("model", first.schema())?;
    sink.push_table(&first)?;
    for part in &parts[1..] {
        sink.push_table(&classifier.part(part.clone())?)?;
    }
    let n_rows = sink.finish()?;
    ctx.set_rows("model", n_rows);
    Ok(())
}

/// Tells of classes that are too small to be judged.
fn split_notes(labelled: &Labelled, parts: &split::HoldOut) -> Vec<String> {
    let names = &labelled.classes.names;
    let tested: Vec<u32> = parts.test.iter().map(|&i| labelled.y[i]).collect();
    let all = class_counts(&labelled.y, names.len());
    let of_test = class_counts(&tested, names.len());
    let untested = (0..names.len()).filter(|&c| of_test[c] == 0);
    let mut notes: Vec<String> = untested
        .map(|c| format!("class `{}` ({} rows) is trained on but not tested", names[c], all[c]))
        .collect();
    if parts.test.is_empty() {
        notes.push("no row could be held out, so the test metrics are empty".to_string());
    }
    notes
}

/// How columns become features, learnt from some rows.
struct Prepared {
    preparation: Preparation,
    notes: Vec<String>,
}

impl Prepared {
    fn n_features(&self) -> usize {
        self.preparation.feature_names().len()
    }
}

/// Returns the numbers below `n` that are not in `fold`, ascending.
fn outside(fold: &[usize], n: usize) -> Vec<usize> {
    let mut is_outside = vec![true; n];
    fold.iter().for_each(|&i| is_outside[i] = false);
    (0..n).filter(|&i| is_outside[i]).collect()
}

/// A model and what it says of itself.
struct Trained {
    classifier: Classifier,
    importance: Vec<(&'static str, Vec<f64>, Vec<f64>)>,
    notes: Vec<String>,
}

impl Trained {
    fn rankings(&self) -> impl Iterator<Item = Ranking> + '_ {
        self.importance.iter().map(|(method, importance, std)| Ranking {
            method,
            features: self.classifier.preparation.feature_names(),
            importance: importance.clone(),
            std: std.clone(),
        })
    }
}

/// The rows of a stage. Parts of them are lists of indices into the labelled rows.
struct Data<'a> {
    /// `None` once nothing looks at the rows any more.
    table: Option<&'a Table>,
    labelled: &'a Labelled,
    settings: &'a Settings,
    /// How probabilities are corrected, and the seed of the folds for it.
    calibrate: Option<(Method, u64)>,
    work: &'a Work,
}

impl Data<'_> {
    fn rows(&self, part: &[usize]) -> Vec<usize> {
        part.iter().map(|&i| self.labelled.rows[i]).collect()
    }

    fn classes(&self, part: &[usize]) -> Vec<u32> {
        part.iter().map(|&i| self.labelled.y[i]).collect()
    }

    /// Learns from one part how columns become features.
    fn prepare(&self, part: &[usize]) -> Result<Prepared, StageError> {
        // Progress counts what the algorithm does; preparing would count columns in between.
        let work = self.work.quiet();
        let (preparation, notes) =
            Preparation::fit(self.table()?, &self.rows(part), self.settings, &work)?;
        Ok(Prepared { preparation, notes })
    }

    fn table(&self) -> Result<&Table, StageError> {
        let gone = || StageError::Internal("the rows of a classifier are wanted again".to_string());
        self.table.ok_or_else(gone)
    }

    /// Fits a model to the features `x` of one part and, if asked for, the correction of its probabilities on that part, which
    /// is all that any of them learns from, as `prepared` did. At most `at_once` fits run side by side.
    fn train(
        &self,
        algorithm: &Algorithm<'_>,
        part: &[usize],
        prepared: Prepared,
        x: &Matrix,
        at_once: usize,
    ) -> Result<Trained, StageError> {
        let mut trained = self.train_plain(algorithm, part, prepared, x)?;
        if let Some(how) = self.calibrate {
            let found = self.calibrate(algorithm, part, at_once, how)?;
            trained.classifier.calibration = Some(found);
        }
        Ok(trained)
    }

    /// Asks models of folds of one part about the rows that each was not fitted to, and looks what came true.
    fn calibrate(
        &self,
        algorithm: &Algorithm<'_>,
        part: &[usize],
        at_once: usize,
        (method, seed): (Method, u64),
    ) -> Result<Calibration, StageError> {
        let y = self.classes(part);
        let n_classes = self.labelled.classes.segments.len();
        let folds = split::folds(&y, n_classes, CALIBRATION_FOLDS.min(y.len()), seed)?;
        let asked = self.work.pool.map_few(folds.len(), at_once, |i| {
            let of_part = |at: &usize| part[*at];
            let others: Vec<usize> = outside(&folds[i], y.len()).iter().map(of_part).collect();
            let own: Vec<usize> = folds[i].iter().map(of_part).collect();
            let prepared = self.prepare(&others)?;
            let x = self.features(&prepared.preparation, &others)?;
            let trained = self.train_plain(algorithm, &others, prepared, &x)?;
            drop(x);
            self.ask(&trained, &own)
        });
        let mut p = Matrix::zeros(y.len(), n_classes);
        for (fold, asked) in folds.iter().zip(asked) {
            let asked: Matrix = asked?;
            for (&at, row) in fold.iter().zip(asked.rows()) {
                p.row_mut(at).copy_from_slice(row);
            }
        }
        Ok(Calibration::fit(method, &p, &y)?)
    }

    fn train_plain(
        &self,
        algorithm: &Algorithm<'_>,
        part: &[usize],
        prepared: Prepared,
        x: &Matrix,
    ) -> Result<Trained, StageError> {
        let Prepared { preparation, mut notes } = prepared;
        let y = self.classes(part);
        let n_classes = self.labelled.classes.segments.len();
        let samples = Samples { x, y: &y, n_classes };
        let fitted = (algorithm.fit)(&samples, self.work)
            .map_err(|error| explain(&preparation, error, |i| self.labelled.rows[part[i]]))?;
        notes.extend(fitted.notes);
        let names = preparation.feature_names();
        notes.extend(fitted.coarse.iter().map(|&j| {
            format!(
                "the values of feature `{}` differ, but not in single precision, so it splits nothing; subtract \
                 an offset or scale it",
                names[j]
            )
        }));
        let classifier = Classifier {
            algorithm: algorithm.name.to_string(),
            classes: self.labelled.classes.clone(),
            preparation,
            model: fitted.model,
            calibration: None,
        };
        Ok(Trained { classifier, importance: fitted.importance, notes })
    }

    /// Returns the features of one part, ascending, made a chunk of the table at a time.
    fn features(&self, preparation: &Preparation, part: &[usize]) -> Result<Matrix, StageError> {
        let (table, rows) = (self.table()?, self.rows(part));
        let n_rows = table.n_rows();
        let mut x = Matrix::zeros(rows.len(), preparation.feature_names().len());
        let mut done = 0;
        for start in (0..n_rows).step_by(CHUNK_ROWS) {
            let end = (start + CHUNK_ROWS).min(n_rows);
            let n_own = rows[done..].partition_point(|&row| row < end);
            if n_own == 0 {
                continue;
            }
            let batch = table.batch().slice(start, end - start);
            let chunk =
                preparation.apply(&Table::from_batch(batch).at_row(start), &self.work.quiet())?;
            for (i, row) in (done..).zip(&rows[done..done + n_own]) {
                x.row_mut(i).copy_from_slice(chunk.row(row - start));
            }
            done += n_own;
        }
        Ok(x)
    }

    /// Returns the probabilities of one part.
    fn ask(&self, trained: &Trained, part: &[usize]) -> Result<Matrix, StageError> {
        let x = self.features(&trained.classifier.preparation, part)?;
        self.answer(trained, &x, part)
    }

    /// Returns the probabilities of one part, whose features are `x`.
    fn answer(&self, trained: &Trained, x: &Matrix, part: &[usize]) -> Result<Matrix, StageError> {
        let row_of = |i: usize| self.labelled.rows[part[i]];
        let p = trained.classifier.answer(x, self.work);
        p.map_err(|error| explain(&trained.classifier.preparation, error, row_of))
    }

    fn judge(
        &self,
        split: &'static str,
        trained: &Trained,
        part: &[usize],
    ) -> Result<Judged, StageError> {
        let p = self.ask(trained, part)?;
        Ok(Judged::once(split, scores::all(&self.classes(part), &p)))
    }

    /// Trains without each fold in turn and judges by it.
    fn cross_validate(
        &self,
        algorithm: &Algorithm<'_>,
        n_folds: usize,
        at_once: usize,
        seed: u64,
    ) -> Result<Judged, StageError> {
        let n_classes = self.labelled.classes.segments.len();
        let folds = split::folds(&self.labelled.y, n_classes, n_folds, seed)?;
        // Folds do not meet, so as many are trained at once as there are threads, and memory.
        let judged = self.work.pool.map_few(n_folds, at_once, |i| {
            let part = outside(&folds[i], self.labelled.rows.len());
            let prepared = self.prepare(&part)?;
            let x = self.features(&prepared.preparation, &part)?;
            let trained = self.train(algorithm, &part, prepared, &x, at_once)?;
            drop(x);
            Ok(self.judge("cv", &trained, &folds[i])?.values)
        });
        let judged = judged.into_iter().collect::<Result<Vec<_>, StageError>>()?;
        Ok(Judged::over_folds(&judged))
    }

    /// Shuffles the features of one input column at a time, of the test rows, and looks how much accuracy that costs.
    fn permute(
        &self,
        trained: &Trained,
        test_x: &Matrix,
        test_y: &[u32],
        common: &Common,
    ) -> Result<Ranking, StageError> {
        let n_rows = test_y.len().min(IMPORTANCE_ROWS);
        let (n_columns, y) = (test_x.n_cols(), &test_y[..n_rows]);
        let x = Matrix::new(n_rows, n_columns, test_x.data()[..n_rows * n_columns].to_vec());
        let classifier = &trained.classifier;
        let columns = classifier.input_columns();
        let sources = classifier.preparation.feature_sources();
        let of_column = |column: &String| -> Vec<usize> {
            (0..sources.len()).filter(|&j| sources[j] == *column).collect()
        };
        let groups: Vec<Vec<usize>> = columns.iter().map(of_column).collect();
        let score = |x: &Matrix| {
            let found = scores::predicted(&classifier.answer(x, self.work)?);
            Ok(found.iter().zip(y).filter(|(a, b)| a == b).count() as f64 / y.len() as f64)
        };
        let found =
            permutation::importance(&x, &groups, common.n_repeats, common.seed, self.work, score)?;
        Ok(Ranking {
            method: "permutation",
            features: columns,
            importance: found.iter().map(|i| i.mean).collect(),
            std: found.iter().map(|i| i.std).collect(),
        })
    }
}
