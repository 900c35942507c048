//! `export`: a run's classifier for other programs, and the features that it takes.
//! It does not know how a model file looks, nor where it goes.

use crate::{
    app::{
        AppError, Project,
        scoring::{Objects, champion, given, main_edge},
    },
    base::hash::{ContentHash, RunId},
    frame::Table,
    kinds::classify_common::{Classifier, xgboost_json},
    ml::classify::Model,
    stage::{error::StageError, work::Work},
};

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct ModelExportOptions {
    /// Which run; the newest one with a classifier if absent.
    pub run: Option<String>,
    /// Which classifier, if not the champion.
    pub stage: Option<String>,
    /// Whether the features of the run's rows are wanted too.
    pub features: bool,
}

/// A classifier for another program.
pub struct ModelExport {
    /// The run it comes from.
    pub run: RunId,
    /// The stage that trained it.
    pub stage: String,
    /// The hash of the classifier.
    pub model: ContentHash,
    /// The model file's text.
    pub text: String,
    /// Name of each feature that it takes, in order, and the column that it comes from.
    pub features: Vec<(String, String)>,
    /// The classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// The features of every row that the stage was given, after the id.
    pub table: Option<Table>,
}

impl Project {
    /// Writes a run's boosted trees in XGBoost's format.
    ///
    /// # Errors
    /// If the run is unknown, or its classifier is not made of boosted trees.
    pub fn export_xgboost(
        &self,
        options: &ModelExportOptions,
        work: &Work,
    ) -> Result<ModelExport, AppError> {
        let store = self.store()?;
        let recorded = self.recorded_with_classifier(&store, options.run.as_deref())?;
        let (stage, model) = champion(recorded.id, &recorded.manifest, options.stage.as_deref())?;
        let classifier = Classifier::from_table(&Objects::table(&store, model)?)?;
        if !matches!(classifier.model, Model::Boost(_)) {
            let stages = recorded.manifest.stages.iter();
            let boosted: Vec<&str> = stages
                .filter(|s| s.preimage.kind == "classify.xgboost")
                .map(|s| s.name.as_str())
                .collect();
            let help = match boosted.is_empty() {
                true => "the run has none".to_string(),
                false => format!("name one with --stage: {}", boosted.join(", ")),
            };
            return Err(AppError::Usage(format!(
                "classifier `{}` is `{}`, and only boosted trees can be written in XGBoost's format; {help}",
                stage.name, stage.preimage.kind
            )));
        }
        let attributes = [("run", recorded.id.to_hex()), ("model", model.hash.to_hex())];
        let text = xgboost_json::document(&classifier, &attributes)?;
        let names = xgboost_json::feature_names(&classifier);
        let table = if options.features {
            let edge = main_edge(recorded.id, stage, "table")?;
            let given = Objects::table(&store, given(recorded.id, &recorded.manifest, edge)?)?;
            let (id, ids) = given.id().map_err(StageError::from)?;
            let x = classifier.preparation.apply(&given, work)?;
            Some(Table::from_matrix((&id, ids), &names, &x).map_err(StageError::from)?)
        } else {
            None
        };
        Ok(ModelExport {
            run: recorded.id,
            stage: stage.name.clone(),
            model: model.hash,
            text,
            features: names.into_iter().zip(classifier.preparation.feature_sources()).collect(),
            classes: classifier.classes.names,
            table,
        })
    }
}
