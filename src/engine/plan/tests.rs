//! Compiling small pipelines over toy kinds: what is accepted, and every message for what is not.

use super::*;
use crate::stage::{
    ctx::StageCtx,
    error::StageError,
    kind::{FixedOutput, InputPort, Inputs, PortType},
    params::{Param, Shape},
};

struct Source;
struct Prepare;
struct Cluster;
struct Choose;

impl Kind for Source {
    fn name(&self) -> &'static str {
        "toy.source"
    }
    fn version(&self) -> u32 {
        1
    }
    fn about(&self) -> &'static str {
        "reads"
    }
    fn params(&self) -> &'static [Param] {
        const PARAMS: &[Param] = &[Param::required("path", Shape::Path, "file")];
        PARAMS
    }
    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[])
    }
    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        const OUT: &[FixedOutput] =
            &[FixedOutput { name: "table", ty: PortType::Table, help: "rows" }];
        OUT
    }
    fn run(&self, _: &mut StageCtx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Kind for Prepare {
    fn name(&self) -> &'static str {
        "toy.prepare"
    }
    fn version(&self) -> u32 {
        1
    }
    fn about(&self) -> &'static str {
        "prepares"
    }
    fn params(&self) -> &'static [Param] {
        &[]
    }
    fn inputs(&self) -> Inputs {
        const IN: &[InputPort] =
            &[InputPort { name: "table", ty: PortType::Table, required: true, help: "rows" }];
        Inputs::Fixed(IN)
    }
    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        const OUT: &[FixedOutput] = &[
            FixedOutput { name: "matrix", ty: PortType::Matrix, help: "features" },
            FixedOutput { name: "model", ty: PortType::Transform, help: "fitted" },
        ];
        OUT
    }
    fn run(&self, _: &mut StageCtx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Kind for Cluster {
    fn name(&self) -> &'static str {
        "toy.cluster"
    }
    fn version(&self) -> u32 {
        1
    }
    fn about(&self) -> &'static str {
        "clusters"
    }
    fn params(&self) -> &'static [Param] {
        const PARAMS: &[Param] = &[
            Param::required("k", Shape::int_from(1), "clusters"),
            Param::with_default("seed", Shape::int_from(0), "0", "seed"),
        ];
        PARAMS
    }
    fn inputs(&self) -> Inputs {
        const IN: &[InputPort] =
            &[InputPort { name: "matrix", ty: PortType::Matrix, required: true, help: "features" }];
        Inputs::Fixed(IN)
    }
    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        const OUT: &[FixedOutput] = &[
            FixedOutput { name: "labels", ty: PortType::Labels, help: "segments" },
            FixedOutput { name: "model", ty: PortType::Clusterer, help: "fitted" },
            FixedOutput { name: "metrics", ty: PortType::Table, help: "scores" },
        ];
        OUT
    }
    fn run(&self, _: &mut StageCtx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Kind for Choose {
    fn name(&self) -> &'static str {
        "toy.choose"
    }
    fn version(&self) -> u32 {
        1
    }
    fn about(&self) -> &'static str {
        "chooses"
    }
    fn params(&self) -> &'static [Param] {
        &[]
    }
    fn inputs(&self) -> Inputs {
        const IN: &[InputPort] = &[InputPort {
            name: "candidates",
            ty: PortType::Clusterings,
            required: true,
            help: "stages",
        }];
        Inputs::Fixed(IN)
    }
    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        const OUT: &[FixedOutput] =
            &[FixedOutput { name: "labels", ty: PortType::Labels, help: "segments" }];
        OUT
    }
    fn run(&self, _: &mut StageCtx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

static TOYS: &[&dyn Kind] = &[&Source, &Prepare, &Cluster, &Choose];

const GOOD: &str = "\
pipeline: toy
params: { seed: 7, k_max: 3 }
profiles: { fast: { k_max: 2 } }
stages:
  best: { uses: toy.choose, inputs: { candidates: [kmeans] } }
  kmeans:
    uses: toy.cluster
    inputs: { matrix: prepare.matrix }
    matrix: { k: { from: 2, to: \"${params.k_max}\" } }
    with: { k: \"${matrix.k}\", seed: \"${params.seed}\" }
  prepare: { uses: toy.prepare, inputs: { table: raw } }
  raw: { uses: toy.source, with: { path: a.csv } }
";

fn faults(text: &str) -> Vec<String> {
    match compile(text, TOYS, &Overrides::default()) {
        Ok(_) => Vec::new(),
        Err(PlanError::Invalid(faults)) => faults
            .into_iter()
            .map(|f| format!("{}:{} {} [{}]", f.at.line, f.at.column, f.message, f.help))
            .collect(),
        Err(other) => vec![other.to_string()],
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.order.iter().map(|&n| plan.graph[n].name.as_str()).collect()
}

#[test]
fn a_good_pipeline_compiles_in_topological_order() {
    let plan = compile(GOOD, TOYS, &Overrides::default()).ok().unwrap();
    assert_eq!(names(&plan), ["raw", "prepare", "kmeans/k=2", "kmeans/k=3", "best"]);
    let best = &plan.graph[plan.find("best").unwrap()];
    let ports: Vec<String> = best.inputs.iter().map(Edge::key_name).collect();
    assert_eq!(ports.len(), 6);
    assert_eq!(ports[0], "candidates/kmeans/k=2.labels");
    let k3 = &plan.graph[plan.find("kmeans/k=3").unwrap()];
    assert_eq!(k3.params, serde_json::json!({"k": 3, "seed": 7}));
}

#[test]
fn profiles_and_overrides_apply_in_that_order() {
    let overrides = |profile: Option<&str>, set: &[(&str, &str)]| Overrides {
        profile: profile.map(str::to_string),
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..Overrides::default()
    };
    let plan = |o: &Overrides| compile(GOOD, TOYS, o);
    let fast = plan(&overrides(Some("fast"), &[])).ok().unwrap();
    assert_eq!(names(&fast), ["raw", "prepare", "kmeans/k=2", "best"]);
    let set = plan(&overrides(Some("fast"), &[("k_max", "4")])).ok().unwrap();
    assert_eq!(set.graph.node_count(), 6);
    for (o, expected) in [
        (overrides(Some("fsat"), &[]), "unknown profile `fsat`; did you mean `fast`?"),
        (overrides(None, &[("sed", "1")]), "unknown parameter `sed`; did you mean `seed`?"),
    ] {
        assert_eq!(plan(&o).err().unwrap().to_string(), expected);
    }
}

#[test]
fn every_mistake_is_reported_at_once_and_in_its_place() {
    let text = "\
pipeline: toy
stagse: 1
stages:
  raw: { uses: toy.sauce, with: { path: a.csv } }
  prepare: { uses: toy.prepare, inputs: { tabel: raw } }
  kmeans:
    uses: toy.cluster
    inputs: { matrix: prepare.model }
    with: { k: 0, sede: 1, k: \"${params.x}\" }
";
    assert_eq!(
        faults(text),
        [
            "2:1 unknown key `stagse` [did you mean `stages`?]",
            "4:16 unknown kind `toy.sauce` [did you mean `toy.source`?]",
            "5:43 `toy.prepare` has no input `tabel` [did you mean `table`?]",
            "8:23 input `matrix` takes a matrix, but `prepare.model` gives a fitted transform [did you mean `prepare.matrix`?]",
            "9:16 expected a whole number from 1 up, found the number 0 []",
            "9:19 unknown key `sede` [did you mean `seed`?]",
            "9:28 the key `k` stands twice [first at line 9, column 13]",
            "9:31 `${params.x}` refers to nothing [known here: ]",
        ]
    );
}

/// A matrix that could not be read used to take its stage away: other mistakes in the stage were told only after it
/// was mended, and whoever named the stage was told that there is none.
#[test]
fn a_wrong_matrix_hides_nothing_and_is_told_once() {
    let text = GOOD
        .replace("params.k_max", "params.kmax")
        .replace("seed: \"${params.seed}\"", "sede: 1, seed: many")
        .replace("prepare: {", "prepair: {");
    assert_eq!(
        faults(&text),
        [
            "8:23 there is no stage `prepare` [did you mean `prepair`?]",
            "9:33 `${params.kmax}` refers to nothing [did you mean `params.k_max`?]",
            "10:31 unknown key `sede` [did you mean `seed`?]",
            "10:46 expected a whole number from 0 up, found the text `many` []",
        ]
    );
}

/// Each bound of a range that is no number was told beside an empty axis and a missing stage, with a limit that nobody
/// has in mind.
#[test]
fn a_range_wants_whole_numbers() {
    assert_eq!(
        faults(&GOOD.replace("from: 2", "from: two")),
        ["9:26 expected a whole number, found the text `two` []"]
    );
}

/// A misspelt reference to a stage whose kind is misspelt too got no suggestion.
#[test]
fn a_stage_of_unknown_kind_can_still_be_meant() {
    let text = GOOD.replace("toy.source", "toy.sauce").replace("table: raw", "table: rwa");
    assert_eq!(
        faults(&text),
        [
            "11:50 there is no stage `rwa` [did you mean `raw`?]",
            "12:16 unknown kind `toy.sauce` [did you mean `toy.source`?]",
        ]
    );
}

#[test]
fn references_that_lead_nowhere() {
    let with =
        |reference: &str| GOOD.replace("matrix: prepare.matrix", &format!("matrix: {reference}"));
    for (reference, expected) in [
        ("prepare", "`prepare` has several outputs: matrix, model [write `prepare.matrix`]"),
        ("prepare.matrx", "`prepare` has no output `matrx` [did you mean `matrix`?]"),
        ("prepair.matrix", "there is no stage `prepair` [did you mean `prepare`?]"),
        (
            "raw",
            "input `matrix` takes a matrix, but `raw` gives a table [a `transform.fit` stage makes a matrix of a table]",
        ),
    ] {
        assert_eq!(faults(&with(reference)), [format!("8:23 {expected}")], "{reference}");
    }
    let lacking = GOOD.replace("{ matrix: prepare.matrix }", "{}");
    assert_eq!(
        faults(&lacking),
        ["6:3 stage `kmeans` lacks its input `matrix` [`inputs: { matrix: ... }` takes a matrix]"]
    );
    let lost = GOOD.replace("uses: toy.prepare", "uses: toy.prepaer");
    assert_eq!(faults(&lost), ["11:20 unknown kind `toy.prepaer` [did you mean `toy.prepare`?]"]);
    let stages = GOOD.replace("[kmeans]", "[prepare]");
    assert_eq!(
        faults(&stages),
        ["5:52 input `candidates` takes clustering stages, but `prepare` is a `toy.prepare` []"]
    );
    let output = GOOD.replace("[kmeans]", "[kmeans.labels]");
    assert_eq!(
        faults(&output),
        ["5:52 `kmeans.labels` is an output; a whole stage is wanted here [write `kmeans`]"]
    );
}

#[test]
fn circles_are_named() {
    let text = "\
pipeline: toy
stages:
  a: { uses: toy.prepare, inputs: { table: b.matrix } }
  b: { uses: toy.prepare, inputs: { table: a.matrix } }
";
    assert_eq!(
        faults(text),
        ["3:3 stages depend on each other in a circle: a, b [remove one of the references]"]
    );
}

#[test]
fn matrices_are_sorted_by_value_and_encode_odd_characters() {
    let text =
        GOOD.replace("{ k: { from: 2, to: \"${params.k_max}\" } }", "{ k: [10, 9, 2], a: [x/y] }");
    let plan = compile(&text, TOYS, &Overrides::default()).ok().unwrap();
    assert_eq!(
        names(&plan)[2..5],
        ["kmeans/a=x%2Fy/k=2", "kmeans/a=x%2Fy/k=9", "kmeans/a=x%2Fy/k=10"]
    );
}
