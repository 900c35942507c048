//! What a run's report calls the segments of a classifier. It does not know where names come from.

use std::collections::BTreeMap;

use crate::{
    app::{
        AppError,
        scoring::{Objects, output, stage},
    },
    stage::error::StageError,
    store::records::{Manifest, ManifestStage},
};

/// Returns the names that the run's `segments.profile` gave the segments that the classifier of this stage was taught; none where
/// there is no such stage, or several.
///
/// # Errors
/// If what was recorded is damaged.
pub(super) fn names(
    objects: &dyn Objects,
    manifest: &Manifest,
    classifier: &str,
) -> Result<BTreeMap<i32, String>, AppError> {
    let labels = |stage: &ManifestStage| {
        let edge = stage.edges.iter().find(|edge| edge.port == "labels");
        edge.map(|edge| (edge.from.clone(), edge.output.clone()))
    };
    let taught = stage(manifest, classifier).and_then(labels);
    let profiles = manifest.stages.iter().filter(|stage| {
        stage.preimage.kind == "segments.profile" && taught.is_some() && labels(stage) == taught
    });
    let [profile] = profiles.collect::<Vec<_>>()[..] else { return Ok(BTreeMap::new()) };
    let summary = objects.table(output(profile, "summary")?)?;
    let segments = summary.segments().map_err(StageError::from)?;
    let names = summary.texts("name").map_err(StageError::from)?;
    let named = segments.into_iter().zip(names);
    Ok(named.filter_map(|(segment, name)| Some((segment, name?.to_string()))).collect())
}
