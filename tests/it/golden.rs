//! Pins the bytes of every kind's outputs. A change of bytes under an unchanged version would leave stale results in
//! every store that has them, so it fails here. After raising the kind's version, `ORCHESTRATE_BLESS=1 cargo test
//! golden` writes the new hashes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use orchestrate::kinds;

use crate::project::{PIPELINE, Project, customers};

/// Kinds that this file cannot pin: one runs other programs, one waits for another build.
const NOT_PINNED: &[&str] = &["command", "features.sql"];

const MORE: &str = "  again: { uses: ingest.parquet, with: { path: data/raw/customers.parquet, id: id } }
  profile: { uses: eda.profile, inputs: { table: customers } }
  applied: { uses: transform.apply, inputs: { table: features, model: prepare.model } }
  gmm: { uses: cluster.gmm, inputs: { matrix: prepare.matrix }, with: { k: 3 } }
  ward: { uses: cluster.hierarchical, inputs: { matrix: prepare.matrix }, with: { k: 3 } }
  density: { uses: cluster.dbscan, inputs: { matrix: prepare.matrix }, with: { eps: auto } }
  depth: { uses: cluster.hdbscan, inputs: { matrix: prepare.matrix }, with: { min_samples: 3 } }
  xgboost: { uses: classify.xgboost, inputs: { table: features, labels: best.labels }, with: { rounds: 5 } }
  segments: { uses: segments.profile, inputs: { table: features, labels: best.labels } }
  told:
    uses: segments.profile
    inputs:
      table: features
      labels: best.labels
      matrix: prepare.matrix
      candidates: [kmeans, ward, density]
      leaderboard: best.leaderboard
      champion: champion.model
      classifiers: [forest, logistic]
  assigned: { uses: predict.batch, inputs: { table: features, model: champion.model } }
  colors:
    uses: features.aggregate
    inputs: { table: customers }
    with: { key: color, columns: { n: { agg: count }, income: { agg: mean, of: income } } }
  joined: { uses: features.join, inputs: { left: customers, right: colors }, with: { on: color, suffix: _by_color } }
  rfm:
    uses: features.rfm
    inputs: { table: purchases }
    with: { customer: customer_id, timestamp: timestamp, quantity: quantity, price: price, invoice: invoice }
  purchases: { uses: ingest.csv, with: { path: data/raw/transactions.csv } }
";

fn project() -> Project {
    let project = Project::empty(&format!("{PIPELINE}{MORE}"));
    let text = customers(90);
    project.write("data/raw/customers.csv", &text);
    let mut purchases = Vec::new();
    orchestrate::cli::sample::transactions(400, 7, &mut purchases, None).unwrap();
    project.write("data/raw/transactions.csv", purchases);
    let first = project.say(&["run", "--json", "--target", "features"]).expect(0);
    drop(first);
    let table = project.object("customers/table.parquet");
    fs::copy(table, project.path("data/raw/customers.parquet")).unwrap();
    project
}

fn recorded() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hashes.json")
}

#[test]
fn every_kind_writes_the_bytes_that_its_version_stands_for() {
    let document = project().run();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for stage in document["stages"].as_array().unwrap() {
        let name = stage["kind"].as_str().unwrap();
        let version = kinds::find(name).unwrap().version();
        for (port, output) in stage["outputs"].as_object().unwrap() {
            let instance = stage["stage"].as_str().unwrap();
            let key = format!("{name} v{version}: {instance}.{port}");
            found.insert(key, output["hash"].as_str().unwrap().to_string());
        }
    }
    for kind in kinds::ALL.iter().filter(|k| !NOT_PINNED.contains(&k.name())) {
        let prefix = format!("{} v", kind.name());
        assert!(found.keys().any(|k| k.starts_with(&prefix)), "{} is not pinned", kind.name());
    }
    if std::env::var_os("ORCHESTRATE_BLESS").is_some() {
        fs::write(recorded(), serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let text = fs::read_to_string(recorded()).expect("tests/golden/hashes.json");
    let pinned: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    for (output, hash) in &pinned {
        assert_eq!(
            found.get(output),
            Some(hash),
            "{output}: other bytes; raise the version of its kind"
        );
    }
    assert_eq!(found.len(), pinned.len(), "new outputs are not pinned yet");
}
