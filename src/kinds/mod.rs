//! The registry of kinds: one file a kind, one line a kind in [`ALL`].
//! Help, JSON Schema, documentation and completion are generated from this slice. It does not know how
//! stages are scheduled, cached or stored.

pub mod classify_common;
pub mod classify_forest;
pub mod classify_logistic;
pub mod classify_xgboost;
pub mod cluster_dbscan;
pub mod cluster_gmm;
pub mod cluster_hdbscan;
pub mod cluster_hierarchical;
pub mod cluster_kmeans;
pub mod command;
pub mod eda;
pub mod eda_profile;
pub mod expressions;
pub mod features_aggregate;
pub mod features_derive;
pub mod features_join;
pub mod features_rfm;
pub mod features_sql;
pub mod groups;
pub mod ids;
pub mod ingest_csv;
pub mod ingest_parquet;
pub mod intake;
pub mod page;
pub mod predict_batch;
pub mod prepare;
pub mod reread;
pub mod schema;
pub mod segments;
pub mod segments_profile;
pub mod select_classifier;
pub mod select_clustering;
pub mod transform_apply;
pub mod transform_fit;

mod cluster_common;

use crate::stage::kind::Kind;

/// Every kind, in the order in which people meet them.
pub static ALL: &[&dyn Kind] = &[
    &ingest_csv::IngestCsv,
    &ingest_parquet::IngestParquet,
    &features_derive::FeaturesDerive,
    &features_aggregate::FeaturesAggregate,
    &features_join::FeaturesJoin,
    &features_rfm::FeaturesRfm,
    &features_sql::FeaturesSql,
    &eda_profile::EdaProfile,
    &transform_fit::TransformFit,
    &transform_apply::TransformApply,
    &cluster_kmeans::ClusterKMeans,
    &cluster_gmm::ClusterGmm,
    &cluster_hierarchical::ClusterHierarchical,
    &cluster_dbscan::ClusterDbscan,
    &cluster_hdbscan::ClusterHdbscan,
    &select_clustering::SelectClustering,
    &segments_profile::SegmentsProfile,
    &classify_forest::ClassifyForest,
    &classify_xgboost::ClassifyXgboost,
    &classify_logistic::ClassifyLogistic,
    &select_classifier::SelectClassifier,
    &predict_batch::PredictBatch,
    &command::CommandKind,
];

/// Returns the kind called `name`.
pub fn find(name: &str) -> Option<&'static dyn Kind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}
