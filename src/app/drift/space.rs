//! Where a run's segments lie among the features that it clustered by, and how far new rows are from them.
//! It does not know the classifier.

use crate::{
    app::{
        AppError,
        scoring::{Objects, Trail, main_edge, output, stage, walk},
    },
    base::hash::RunId,
    frame::Table,
    ml::Matrix,
    stage::{error::StageError, work::Work},
    store::records::{Manifest, ManifestStage},
};

/// The way from raw rows to the matrix that was clustered.
pub struct Space(Trail);

impl Space {
    /// Finds the clustering that gave the classifier its labels; `None` if it learnt from a column, or if rows meet.
    ///
    /// # Errors
    /// If what was recorded is damaged.
    pub fn find(
        objects: &dyn Objects,
        run: RunId,
        manifest: &Manifest,
        classifier: &str,
    ) -> Result<Option<Space>, AppError> {
        let clustering = stage(manifest, classifier).and_then(|c| clustering(run, manifest, c));
        let Some(clustering) = clustering else { return Ok(None) };
        // A way that cannot be gone by new rows is no mistake: then there is no such figure.
        let Ok(way) = walk(objects, run, manifest, clustering, "matrix") else { return Ok(None) };
        if way.legs.iter().any(|leg| leg.kind.row_input().is_none()) {
            return Ok(None);
        }
        Ok(Some(Space(Trail::load(objects, run, manifest, &way)?)))
    }

    /// Returns the features of complete raw rows, and for each the row that it is of.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub fn features(&self, raw: &Table, work: &Work) -> Result<(Matrix, Vec<usize>), StageError> {
        let prepared = self.0.apply(raw, work)?;
        let (_, matrix) = prepared.table.to_matrix()?;
        let rows = prepared.kept.unwrap_or_else(|| (0..raw.n_rows()).collect());
        Ok((matrix, rows))
    }
}

/// Returns the stage whose labels the classifier learnt from.
fn clustering<'a>(
    run: RunId,
    manifest: &'a Manifest,
    classifier: &'a ManifestStage,
) -> Option<&'a ManifestStage> {
    let labels = main_edge(run, classifier, "labels").ok()?;
    let giver = stage(manifest, &labels.from)?;
    if giver.preimage.kind.starts_with("cluster.") {
        return Some(giver);
    }
    let chosen = output(giver, &labels.output).ok()?;
    let candidates = giver.edges.iter().filter(|e| e.output == labels.output);
    candidates.filter_map(|e| stage(manifest, &e.from)).find(|candidate| {
        candidate.preimage.kind.starts_with("cluster.")
            && output(candidate, &labels.output).is_ok_and(|own| own.hash == chosen.hash)
    })
}

/// Returns the distance of each row to the nearest of some centres; NaN for a row with a missing feature.
pub fn distances(matrix: &Matrix, centres: &[Vec<f64>]) -> Vec<f64> {
    let nearest = |row: &[f64]| {
        let squared = |centre: &Vec<f64>| -> f64 {
            row.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let all = centres.iter().map(squared);
        match row.iter().any(|v| v.is_nan()) {
            true => f64::NAN,
            false => all.fold(f64::INFINITY, f64::min).sqrt(),
        }
    };
    matrix.rows().map(nearest).collect()
}
