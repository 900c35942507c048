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
        scoring::{Objects, Scorer, output, stage},
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
    store::{Store, records::Manifest},
};

/// The share of the run's own rows that are called far.
const FAR: f64 = 0.01;

/// A run's way, and what its own rows look like: all that it takes to watch new rows.
pub struct Watch {
    /// The way.
    pub scorer: Scorer,
    /// What the run's own rows look like.
    pub sight: Sight,
}

/// What a run's own rows look like, and where its segments lie. It goes with the run's way.
pub struct Sight {
    /// The run's own rows, in bins and counts.
    pub profile: Profile,
    space: Option<Space>,
}

impl Project {
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
        let scorer = Scorer::load(&store, recorded.id, &recorded.manifest, champion)?;
        let sight = Sight::of(&store, &store, &recorded.manifest, &scorer, u64::MAX, work)?;
        let many = || StageError::Internal("more rows than can be counted".to_string());
        Ok(Watch { scorer, sight: sight.ok_or_else(many)? })
    }

    /// Learns what the own rows of a run look like whose way is loaded already; `None` if there are more than `most` rows.
    ///
    /// # Errors
    /// As [`Project::watch`].
    pub fn sight(
        &self,
        scorer: &Scorer,
        most: u64,
        work: &Work,
    ) -> Result<Option<Sight>, AppError> {
        let store = self.store()?;
        let recorded = self.recorded(&store, &scorer.run.to_hex())?;
        Sight::of(&store, &store, &recorded.manifest, scorer, most, work)
    }
}

impl Watch {
    /// Compares new rows with the run's own: files, patterns of their names, or `-` for standard input.
    ///
    /// # Errors
    /// If rows cannot be read, or a value cannot be used.
    pub fn compare(
        &self,
        inputs: &[String],
        limits: &Limits,
        work: &Work,
    ) -> Result<Drift, AppError> {
        let opened = Opened::of(inputs)?;
        let _held = hold(&opened, false, work)?;
        let mut flow = Counting { watch: self, label: opened.label(), work, counts: None };
        let notes = self.scorer.stream(&opened.files, work, &mut flow)?;
        let profile = &self.sight.profile;
        let counts = flow.counts.unwrap_or_else(|| profile.none());
        let mut drift = profile.compare(&counts, limits);
        drift.notes.extend(notes);
        Ok(drift)
    }
}

impl Sight {
    /// Learns from the raw rows in a store; what else it reads comes from `objects`. `None` if there are more than `most` rows.
    pub(super) fn of(
        store: &Store,
        objects: &dyn Objects,
        manifest: &Manifest,
        scorer: &Scorer,
        most: u64,
        work: &Work,
    ) -> Result<Option<Sight>, AppError> {
        if let Some(meeting) = scorer.meeting() {
            return Err(AppError::Usage(format!(
                "rows meet in stage `{}` (`{}`) on the way to the classifier; drift is told of rows that go it alone",
                meeting.stage, meeting.kind
            )));
        }
        let space = Space::find(objects, scorer.run, manifest, &scorer.stage)?;
        let missing = || StageError::Internal("a run without its source".to_string());
        let source = stage(manifest, &scorer.source_stage).ok_or_else(missing)?;
        let raw = output(source, "table")?;
        let (disk, path) = (store.disk().clone(), store.object_path(&raw.hash, &raw.ext));
        let open = move || disk.open(&path).map_err(std::io::Error::other);
        let input = Input::from_file("the run's own rows", ContentHash::of(b""), open);
        let rows = input.rows().map_err(StageError::from)?;
        if rows.n_rows() as u64 > most {
            return Ok(None);
        }
        Ok(Some(Sight::learn(scorer, space, &rows, work)?))
    }

    /// Puts together what was learnt before.
    pub(super) fn known(
        profile: Profile,
        objects: &dyn Objects,
        manifest: &Manifest,
        scorer: &Scorer,
    ) -> Result<Sight, AppError> {
        let space = Space::find(objects, scorer.run, manifest, &scorer.stage)?;
        Ok(Sight { profile, space })
    }

    fn learn(
        scorer: &Scorer,
        space: Option<Space>,
        rows: &Rows,
        work: &Work,
    ) -> Result<Sight, StageError> {
        let none =
            Profile { columns: vec![], segments: vec![], places: None, counts: Counts::default() };
        let mut sight = Sight { profile: none, space };
        sight.profile.segments = scorer.classifier.classes.segments.clone();
        let mut columns = Vec::new();
        for name in &scorer.columns {
            let field = scorer.schema.field_with_name(name).map_err(FrameError::from)?;
            columns.push(Learning::new(name, field.data_type()));
        }
        let mut means = Means::default();
        sight.each(scorer, rows, work, |seen| {
            columns.iter_mut().try_for_each(|column| column.add(&seen.raw))?;
            means.add(&sight.profile.segments, &seen);
            Ok(())
        })?;
        let centres = means.centres();
        sight.profile.columns = columns.into_iter().map(Learning::end).collect();
        let mut all = Vec::new();
        let mut counts = sight.profile.none();
        sight.each(scorer, rows, work, |seen| {
            counts.add(&sight.profile.count(&seen.raw, &seen.answers, None)?);
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
            sight.profile.places = Some(Places { centres, far });
        }
        sight.profile.counts = counts;
        Ok(sight)
    }

    /// Counts complete raw rows with their answers.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub fn count(&self, raw: &Table, answers: &Table, work: &Work) -> Result<Counts, StageError> {
        let features = self.features(raw, work)?;
        self.profile.count(raw, answers, features.as_ref().map(|(features, _)| features))
    }

    fn features(&self, raw: &Table, work: &Work) -> Result<Option<Features>, StageError> {
        self.space.as_ref().map(|space| space.features(raw, work)).transpose()
    }

    /// Takes the run's own rows along the way, chunk by chunk.
    fn each(
        &self,
        scorer: &Scorer,
        rows: &Rows,
        work: &Work,
        mut take: impl FnMut(Seen) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let see = |chunk: Table| {
            work.check()?;
            let raw = scorer.complete(&chunk, "the run's own rows")?;
            let answers = scorer.assign(&raw, work)?.table;
            let features = self.features(&raw, work)?;
            Ok(Seen { raw, answers, features })
        };
        rows.fold(None, &work.pool, see, &mut take)
    }
}

/// Features, and for each row of them the raw row that it is of.
type Features = (Matrix, Vec<usize>);

/// Rows, answered.
struct Seen {
    raw: Table,
    answers: Table,
    features: Option<Features>,
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
        self.counts = Some(self.watch.sight.profile.none());
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
        let answers = self.watch.scorer.assign(&raw, self.work)?.table;
        let counted = self.watch.sight.count(&raw, &answers, self.work)?;
        if let Some(counts) = &mut self.counts {
            counts.add(&counted);
        }
        Ok(())
    }
}
