//! Drift: how new customers differ from those that a run learnt from, and whether its segments still hold them. The run's
//! own raw rows, taken along its own way, are what new ones are compared with. It does not know how figures are shown.

mod figures;
mod profile;
mod space;

use arrow::array::RecordBatch;

pub use self::{
    figures::{Drift, Limits, Moved, Share, Verdict},
    profile::{Counts, Profile},
};
use self::{
    profile::{Learning, Places},
    space::{Space, distances},
};
use crate::{
    app::{
        AppError, Project,
        predict::{Opened, hold},
        scoring::{Scorer, output, stage},
    },
    base::hash::ContentHash,
    frame::{FrameError, Rows, Table},
    kinds::intake::Flow,
    ml::Matrix,
    stage::{
        ctx::Input,
        error::{Place, StageError},
        work::Work,
    },
};

/// The share of the run's own rows that are called far.
const FAR: f64 = 0.01;

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct DriftOptions {
    /// The files with new rows, or patterns of their names; `-` for standard input.
    pub inputs: Vec<String>,
    /// Which run; the newest one with a classifier if absent.
    pub run: Option<String>,
    /// Which champion, if the run has several.
    pub stage: Option<String>,
    /// From where on a figure is worth a look, or drift.
    pub limits: Limits,
}

/// A run's way, what its own rows look like, and where its segments lie: all that it takes to watch new rows.
pub struct Watch {
    /// The way.
    pub scorer: Scorer,
    /// What the run's own rows look like.
    pub profile: Profile,
    space: Option<Space>,
}

impl Project {
    /// Compares new rows with those of a run.
    ///
    /// # Errors
    /// If the run has no classifier, its raw rows are gone, or rows cannot be read.
    pub fn drift(&self, options: &DriftOptions, work: &Work) -> Result<(Watch, Drift), AppError> {
        let watch = self.watch(options.run.as_deref(), options.stage.as_deref(), work)?;
        let opened = Opened::of(&options.inputs)?;
        let _held = hold(&opened, false, work)?;
        let mut flow = Counting { watch: &watch, label: opened.label(), work, counts: None };
        let notes = watch.scorer.stream(&opened.files, work, &mut flow)?;
        let counts = flow.counts.unwrap_or_else(|| watch.profile.none());
        let mut drift = watch.profile.compare(&counts, &options.limits);
        drift.notes.extend(notes);
        Ok((watch, drift))
    }

    /// Learns what a run's own rows look like, from the raw table that the store keeps.
    ///
    /// # Errors
    /// If the run has no classifier, rows meet on its way, or its raw rows are gone.
    pub fn watch(
        &self,
        run: Option<&str>,
        champion: Option<&str>,
        work: &Work,
    ) -> Result<Watch, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, run)?;
        let manifest = &recorded.manifest;
        let scorer = Scorer::load(&store, recorded.id, manifest, champion)?;
        if let Some(meeting) = scorer.meeting() {
            return Err(AppError::Usage(format!(
                "rows meet in stage `{}` (`{}`) on the way to the classifier; drift is told of rows that go it alone",
                meeting.stage, meeting.kind
            )));
        }
        let space = Space::find(&store, recorded.id, manifest, &scorer.stage)?;
        let missing = || StageError::Internal("a run without its source".to_string());
        let source = stage(manifest, &scorer.source_stage).ok_or_else(missing)?;
        let raw = output(source, "table")?;
        let (disk, path) = (store.disk().clone(), store.object_path(&raw.hash, &raw.ext));
        let open = move || disk.open(&path).map_err(std::io::Error::other);
        let input = Input::from_file("the run's own rows", ContentHash::of(b""), open);
        let rows = input.rows().map_err(StageError::from)?;
        Ok(Watch::learn(scorer, space, &rows, work)?)
    }
}

impl Watch {
    fn learn(
        scorer: Scorer,
        space: Option<Space>,
        rows: &Rows,
        work: &Work,
    ) -> Result<Watch, StageError> {
        let none =
            Profile { columns: vec![], segments: vec![], places: None, counts: Counts::default() };
        let mut watch = Watch { scorer, profile: none, space };
        watch.profile.segments = watch.scorer.classifier.classes.segments.clone();
        let mut columns = Vec::new();
        for name in &watch.scorer.columns {
            let field = watch.scorer.schema.field_with_name(name).map_err(FrameError::from)?;
            columns.push(Learning::new(name, field.data_type()));
        }
        let mut means = Means::default();
        watch.each(rows, work, |seen| {
            columns.iter_mut().try_for_each(|column| column.add(&seen.raw))?;
            means.add(&watch.profile.segments, &seen);
            Ok(())
        })?;
        let centres = means.centres();
        watch.profile.columns = columns.into_iter().map(Learning::end).collect();
        let mut all = Vec::new();
        let mut counts = watch.profile.none();
        watch.each(rows, work, |seen| {
            counts.add(&watch.profile.count(&seen.raw, &seen.answers, None)?);
            if let Some((features, _)) = &seen.features {
                all.extend(distances(features, &centres).into_iter().filter(|d| !d.is_nan()));
            }
            Ok(())
        })?;
        all.sort_unstable_by(f64::total_cmp);
        let last = all.len().saturating_sub(1);
        let far = all.get((last as f64 * (1.0 - FAR)).ceil() as usize).copied();
        if let Some(far) = far.filter(|_| !centres.is_empty()) {
            counts.measured = all.len() as u64;
            counts.far = all.iter().filter(|distance| **distance > far).count() as u64;
            watch.profile.places = Some(Places { centres, far });
        }
        watch.profile.counts = counts;
        Ok(watch)
    }

    /// Counts complete raw rows.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub fn count(&self, raw: &Table, work: &Work) -> Result<Counts, StageError> {
        let seen = self.see(raw.clone(), work)?;
        let features = seen.features.as_ref().map(|(features, _)| features);
        self.profile.count(&seen.raw, &seen.answers, features)
    }

    fn see(&self, raw: Table, work: &Work) -> Result<Seen, StageError> {
        let answers = self.scorer.assign(&raw, work)?.table;
        let features = self.space.as_ref().map(|space| space.features(&raw, work)).transpose()?;
        Ok(Seen { raw, answers, features })
    }

    /// Takes the run's own rows along the way, chunk by chunk.
    fn each(
        &self,
        rows: &Rows,
        work: &Work,
        mut take: impl FnMut(Seen) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        rows.fold(
            None,
            &work.pool,
            |chunk| {
                work.check()?;
                self.see(self.scorer.complete(&chunk, "the run's own rows")?, work)
            },
            &mut take,
        )
    }
}

/// Rows, answered.
struct Seen {
    raw: Table,
    answers: Table,
    features: Option<(Matrix, Vec<usize>)>,
}

/// The mean features of each segment's rows.
#[derive(Default)]
struct Means(Vec<(u64, Vec<f64>)>);

impl Means {
    fn add(&mut self, segments: &[i32], seen: &Seen) {
        let (Some((features, rows)), Ok(answers)) =
            (&seen.features, seen.answers.integers("segment"))
        else {
            return;
        };
        self.0.resize(segments.len(), (0, vec![0.0; features.n_cols()]));
        for (features, &row) in features.rows().zip(rows) {
            let place =
                answers[row].and_then(|s| segments.iter().position(|own| i64::from(*own) == s));
            let complete = features.iter().all(|v| !v.is_nan());
            if let (Some(place), true) = (place, complete) {
                let (n, sums) = &mut self.0[place];
                *n += 1;
                sums.iter_mut().zip(features).for_each(|(sum, v)| *sum += v);
            }
        }
    }

    fn centres(self) -> Vec<Vec<f64>> {
        let mean = |(n, sums): (u64, Vec<f64>)| {
            (n > 0).then(|| sums.into_iter().map(|sum| sum / n as f64).collect())
        };
        self.0.into_iter().filter_map(mean).collect()
    }
}

/// Counts rows as they come.
struct Counting<'a> {
    watch: &'a Watch,
    label: &'a str,
    work: &'a Work,
    counts: Option<Counts>,
}

impl Flow for Counting<'_> {
    fn start(&mut self, schema: &arrow::datatypes::SchemaRef) -> Result<(), StageError> {
        let none = Table::from_batch(RecordBatch::new_empty(schema.clone()));
        self.watch.scorer.complete(&none, self.label)?;
        self.counts = Some(self.watch.profile.none());
        Ok(())
    }

    fn rows(
        &mut self,
        batch: RecordBatch,
        first_row: usize,
        _place: &dyn Fn(usize) -> Place,
    ) -> Result<(), StageError> {
        let raw = Table::from_batch(batch).at_row(first_row);
        let raw = self.watch.scorer.complete(&raw, self.label)?;
        let counted = self.watch.count(&raw, self.work)?;
        if let Some(counts) = &mut self.counts {
            counts.add(&counted);
        }
        Ok(())
    }
}
