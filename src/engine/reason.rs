//! Why an instance is not cached: the newest record of it held against what it would be now.
//! It does not decide whether it is cached; the key alone does that.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    base::hash::ContentHash,
    store::records::{InstanceState, Preimage, Reason, ReasonCode},
};

/// Makes a reason that concerns one name and has no values.
pub fn about(code: ReasonCode, name: impl Into<String>) -> Reason {
    Reason { code, name: Some(name.into()), old: Value::Null, new: Value::Null }
}

/// Makes a reason that concerns the instance as a whole.
pub fn plain(code: ReasonCode) -> Reason {
    Reason { code, name: None, old: Value::Null, new: Value::Null }
}

/// Makes one reason of those about the outputs of one candidate (`candidates/gmm/k=5.labels`, `.model`): a whole
/// stage came, went or changed.
pub fn condensed(reasons: &[Reason]) -> Vec<Reason> {
    let mut found: Vec<Reason> = Vec::with_capacity(reasons.len());
    for reason in reasons {
        let mut reason = reason.clone();
        if let (ReasonCode::InputChanged, Some(name)) = (reason.code, &reason.name)
            && name.contains('/')
            && let Some((stage, _)) = name.rsplit_once('.')
        {
            reason.name = Some(stage.to_string());
            if found.iter().any(|f| f.code == reason.code && f.name == reason.name) {
                continue;
            }
        }
        found.push(reason);
    }
    found
}

/// Returns everything in which `now` differs from the record `before`. `files` are the relative paths of `now`'s
/// sources. `with_inputs` is false while the inputs of `now` are not known yet.
pub fn compare(
    before: Option<&InstanceState>,
    now: &Preimage,
    files: &[String],
    with_inputs: bool,
) -> Vec<Reason> {
    let Some(before) = before else { return vec![plain(ReasonCode::NeverRun)] };
    let old = &before.preimage;
    let mut reasons = Vec::new();
    if (old.kind.as_str(), old.version) != (now.kind.as_str(), now.version) {
        reasons.push(Reason {
            code: ReasonCode::KindChanged,
            name: Some(now.kind.clone()),
            old: json!(format!("{} v{}", old.kind, old.version)),
            new: json!(format!("{} v{}", now.kind, now.version)),
        });
    }
    compare_params("", &old.params, &now.params, &mut reasons);
    if with_inputs {
        compare_inputs(old, now, &mut reasons);
    }
    compare_files(before, now, files, &mut reasons);
    for name in union(old.env.keys(), now.env.keys()) {
        if old.env.get(name) != now.env.get(name) {
            reasons.push(Reason {
                code: ReasonCode::EnvChanged,
                name: Some(name.clone()),
                old: json!(old.env.get(name)),
                new: json!(now.env.get(name)),
            });
        }
    }
    reasons
}

/// Compares parameters leaf by leaf, so that the reason names `numeric.scale` and not all of `numeric`.
fn compare_params(path: &str, old: &Value, new: &Value, reasons: &mut Vec<Reason>) {
    if old == new {
        return;
    }
    if let (Some(a), Some(b)) = (entries(old), entries(new)) {
        let n_before = reasons.len();
        for name in union(a.keys(), b.keys()) {
            let longer = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let value =
                |o: &BTreeMap<String, &Value>| o.get(name).map_or(Value::Null, |v| (*v).clone());
            compare_params(&longer, &value(&a), &value(&b), reasons);
        }
        // Ordered names may differ in their order alone; then the whole is the leaf.
        if reasons.len() > n_before {
            return;
        }
    }
    let code = match path {
        "run" | "shell" => ReasonCode::CommandChanged,
        _ => ReasonCode::ParamChanged,
    };
    let name = Some(path.to_string());
    reasons.push(Reason { code, name, old: old.clone(), new: new.clone() });
}

/// Returns the entries of a mapping, also of an ordered one in its canonical form: a list of `[name, value]`.
fn entries(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(map) => Some(map.iter().map(|(k, v)| (k.clone(), v)).collect()),
        Value::Array(items) if !items.is_empty() => {
            let pair = |item: &Value| match item.as_array().map(Vec::as_slice) {
                Some([Value::String(name), _]) => Some(name.clone()),
                _ => None,
            };
            let named = items.iter().map(|item| Some((pair(item)?, item.get(1)?)));
            let found: BTreeMap<String, &Value> = named.collect::<Option<_>>()?;
            (found.len() == items.len()).then_some(found)
        }
        _ => None,
    }
}

fn compare_inputs(old: &Preimage, now: &Preimage, reasons: &mut Vec<Reason>) {
    for name in union(old.inputs.keys(), now.inputs.keys()) {
        let (before, after) = (old.inputs.get(name), now.inputs.get(name));
        if before != after {
            reasons.push(Reason {
                code: ReasonCode::InputChanged,
                name: Some(name.clone()),
                old: json!(before),
                new: json!(after),
            });
        }
    }
}

fn compare_files(
    before: &InstanceState,
    now: &Preimage,
    files: &[String],
    reasons: &mut Vec<Reason>,
) {
    if before.preimage.files == now.files {
        return;
    }
    let old = pairs(&before.files, &before.preimage.files);
    let new = pairs(files, &now.files);
    for name in union(old.keys(), new.keys()) {
        if old.get(name) != new.get(name) {
            reasons.push(Reason {
                code: ReasonCode::FileChanged,
                name: Some(name.clone()),
                old: json!(old.get(name)),
                new: json!(new.get(name)),
            });
        }
    }
}

fn pairs<'a>(names: &'a [String], hashes: &'a [ContentHash]) -> BTreeMap<String, &'a ContentHash> {
    names.iter().cloned().zip(hashes).collect()
}

fn union<'a>(
    a: impl Iterator<Item = &'a String>,
    b: impl Iterator<Item = &'a String>,
) -> std::collections::BTreeSet<&'a String> {
    a.chain(b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::key;

    fn state(params: Value) -> InstanceState {
        let preimage = Preimage {
            kind: "k".to_string(),
            version: 1,
            params,
            inputs: [("table".to_string(), ContentHash::of(b"1"))].into(),
            files: vec![ContentHash::of(b"f")],
            env: Default::default(),
        };
        InstanceState { key: key::key(&preimage), preimage, files: vec!["a.csv".to_string()] }
    }

    fn codes(reasons: &[Reason]) -> Vec<(ReasonCode, &str)> {
        reasons.iter().map(|r| (r.code, r.name.as_deref().unwrap_or(""))).collect()
    }

    #[test]
    fn of_ordered_names_the_changed_one_is_told() {
        let before = state(json!({"columns": [["a", "x + 1"], ["b", "a / 2"]]}));
        for (columns, expected) in [
            (json!([["a", "x + 2"], ["b", "a / 2"]]), "columns.a"),
            (json!([["a", "x + 1"]]), "columns.b"),
            (json!([["b", "a / 2"], ["a", "x + 1"]]), "columns"),
            (json!(["a", "b"]), "columns"),
        ] {
            let mut now = before.preimage.clone();
            now.params = json!({ "columns": columns });
            let reasons = compare(Some(&before), &now, &before.files, true);
            assert_eq!(codes(&reasons), [(ReasonCode::ParamChanged, expected)]);
        }
    }

    #[test]
    fn a_candidate_is_one_reason() {
        let names = ["candidates/km/eps=0.5.labels", "candidates/km/eps=0.5.model", "table"];
        let reasons = names.map(|n| about(ReasonCode::InputChanged, n));
        let condensed = condensed(&reasons);
        assert_eq!(
            codes(&condensed),
            [
                (ReasonCode::InputChanged, "candidates/km/eps=0.5"),
                (ReasonCode::InputChanged, "table")
            ]
        );
    }

    #[test]
    fn reasons_name_the_leaf_that_changed() {
        let before = state(json!({"numeric": {"scale": "standard", "clip": null}, "size": 3}));
        let mut now = before.preimage.clone();
        assert_eq!(compare(Some(&before), &now, &before.files, true), []);
        now.params = json!({"numeric": {"scale": "robust", "clip": null}});
        now.inputs.insert("table".to_string(), ContentHash::of(b"2"));
        now.files = vec![ContentHash::of(b"g")];
        assert_eq!(
            codes(&compare(Some(&before), &now, &before.files, true)),
            [
                (ReasonCode::ParamChanged, "numeric.scale"),
                (ReasonCode::ParamChanged, "size"),
                (ReasonCode::InputChanged, "table"),
                (ReasonCode::FileChanged, "a.csv"),
            ]
        );
        assert_eq!(codes(&compare(None, &now, &[], true)), [(ReasonCode::NeverRun, "")]);
    }
}
