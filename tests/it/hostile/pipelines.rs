//! Pipeline files that ask for more than there is. A stranger's file must be safe to `check`.

use orchestrate::{
    engine::plan::{self, Overrides, PlanError},
    kinds,
    stage::params::Fault,
};

use crate::project::Project;

const HEAD: &str = "pipeline: p\nstages:\n";

fn faults(text: &str) -> Vec<Fault> {
    match plan::compile(text, kinds::ALL, &Overrides::default()) {
        Ok(_) => Vec::new(),
        Err(PlanError::Invalid(faults)) => faults,
        Err(other) => panic!("{other}"),
    }
}

/// The text is refused, with `expected` in what is said, and what is said is not itself a flood.
fn refused(what: &str, text: &str, expected: &str) {
    let faults = faults(text);
    let said: usize = faults.iter().map(|f| f.message.len() + f.help.len()).sum();
    assert!(said < 64 << 20, "{what}: {said} bytes of messages");
    let fits = |f: &Fault| f.message.contains(expected) || f.help.contains(expected);
    assert!(faults.iter().any(fits), "{what}: {:?}", faults.iter().take(3).collect::<Vec<_>>());
}

#[test]
fn bombs_in_the_yaml_itself() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_string();
    let mut merges = "a0: &a0 { k: x }\n".to_string();
    for i in 1..30 {
        let list = vec![format!("*a{}", i - 1); 9].join(", ");
        aliases.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        merges.push_str(&format!("a{i}: &a{i} {{ <<: [{list}], k{i}: [{list}] }}\n"));
    }
    for (what, text) in [
        ("aliases", aliases),
        ("merge keys", merges),
        ("an anchor in itself", "a: &a [*a]\n".to_string()),
        ("lists", "[".repeat(100_000)),
        ("mappings", "{a: ".repeat(100_000)),
        ("blocks", "- ".repeat(100_000)),
        ("nested blocks", (0..5_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect()),
        ("keys", "? ".repeat(100_000)),
        ("tags", "!!seq ".repeat(100_000)),
        ("three million nodes", format!("a: [{}]", "1,".repeat(3_000_000))),
    ] {
        refused(what, &text, "not valid YAML");
    }
}

#[test]
fn what_is_merely_large_is_read() {
    for (what, text) in [
        ("a long text", format!("pipeline: p\ndescription: {}\n{}", "x".repeat(8 << 20), GOOD)),
        (
            "a long block",
            format!("pipeline: p\ndescription: |\n{}{}", " x\n".repeat(1 << 20), GOOD),
        ),
        ("many comments", format!("{}pipeline: p\n{}", "# x\n".repeat(1 << 20), GOOD)),
        ("many parameters", format!("pipeline: p\nparams:\n{}{GOOD}", params(50_000))),
    ] {
        assert_eq!(faults(&text), [], "{what}");
    }
    let documents = format!("pipeline: p\n{GOOD}{}", "---\na: 1\n".repeat(100_000));
    assert!(faults(&documents).len() <= 1);
}

const GOOD: &str = "stages:\n  a: { uses: ingest.csv, with: { path: a.csv } }\n";

fn params(n: usize) -> String {
    (0..n).map(|i| format!("  parameter_number_{i}: {i}\n")).collect()
}

#[test]
fn a_short_file_cannot_ask_for_a_large_pipeline() {
    let wide: String = (0..200)
        .map(|i| format!("  s{i}: {{ uses: command, matrix: {{ a: {{ from: 1, to: 100000 }} }}, with: {{ run: x, outputs: {{ y: y }} }} }}\n"))
        .collect();
    refused("many wide matrices", &format!("{HEAD}{wide}"), "too large");
    let axes: Vec<String> = (0..2_000).map(|i| format!("a{i}: [1]")).collect();
    let deep = format!(
        "  s: {{ uses: command, matrix: {{ {}, z: {{ from: 1, to: 100000 }} }}, with: {{ run: x, outputs: {{ y: y }} }} }}\n",
        axes.join(", ")
    );
    refused("many axes", &format!("{HEAD}{deep}"), "too large");
    let cube = "  s: { uses: command, matrix: { a: { from: 1, to: 9999 }, b: { from: 1, to: 9999 } }, with: { run: x, outputs: { y: y } } }\n";
    refused("axes that multiply", &format!("{HEAD}{cube}"), "99980001 instances");
    let long = "x,".repeat(50_000);
    let stages: String = (0..5_000)
        .map(|i| format!("  s{i}: {{ uses: command, with: {{ run: \"${{params.l}}\", outputs: {{ y: y }} }} }}\n"))
        .collect();
    refused(
        "a list in every stage",
        &format!("pipeline: p\nparams: {{ l: [{long}] }}\nstages:\n{stages}"),
        "too large",
    );
    let text = "x".repeat(1 << 20);
    let thrice = "${params.t}".repeat(1_000);
    refused(
        "a text a thousand times",
        &format!(
            "pipeline: p\nparams: {{ t: {text} }}\nstages:\n  a: {{ uses: command, with: {{ run: \"{thrice}\", outputs: {{ y: y }} }} }}\n"
        ),
        "too large",
    );
}

#[test]
fn what_is_too_large_is_one_mistake() {
    let text: String = (0..20)
        .map(|i| format!("  s{i}: {{ uses: command, inputs: {{ x: s{} }}, matrix: {{ a: {{ from: 1, to: 90000 }} }}, with: {{ run: x, outputs: {{ y: y }} }} }}\n", i + 1))
        .collect();
    let alone = "  s20: { uses: ingest.csv, with: { path: a } }\n";
    let said: Vec<_> =
        faults(&format!("{HEAD}{text}{alone}")).into_iter().map(|f| f.message).collect();
    assert!(said.iter().any(|m| m.contains("too large")), "{said:?}");
    assert!(
        !said.iter().any(|m| m.contains("no stage") || m.contains("found nothing")),
        "{said:?}"
    );
}

#[test]
fn two_matrices_that_meet_do_not_multiply_without_end() {
    let matrix = "matrix: { k: { from: 1, to: 20000 } }";
    let text = format!(
        "{HEAD}  a: {{ uses: ingest.csv, with: {{ path: a }} }}\n  f: {{ uses: transform.fit, inputs: {{ table: a }} }}\n  k: {{ uses: cluster.kmeans, {matrix}, inputs: {{ matrix: f.matrix }}, with: {{ k: \"${{matrix.k}}\" }} }}\n  b: {{ uses: select.clustering, {matrix}, inputs: {{ candidates: k }}, with: {{ rank_by: {{ silhouette: 1 }} }} }}\n"
    );
    refused("candidates", &text, "connections");
    let text = format!(
        "{HEAD}  a: {{ uses: command, {matrix}, with: {{ run: x, outputs: {{ y: y }} }} }}\n  b: {{ uses: command, {matrix}, needs: a, with: {{ run: x, outputs: {{ y: y }} }} }}\n"
    );
    refused("needs", &text, "connections");
}

#[test]
fn mistakes_by_the_thousand_do_not_multiply_either() {
    let many = params(5_000);
    let wrong: String = (0..5_000)
        .map(|i| format!("  s{i}: {{ uses: command, with: {{ run: \"${{params.parametre_number_{i}}}\", outputs: {{ y: y }} }} }}\n"))
        .collect();
    refused(
        "unknown parameters",
        &format!("pipeline: p\nparams:\n{many}stages:\n{wrong}"),
        "refers to nothing",
    );
    let stages: String = (0..5_000)
        .map(|i| format!("  s{i}: {{ uses: transform.fit, inputs: {{ table: stage{i} }} }}\n"))
        .collect();
    refused("unknown stages", &format!("{HEAD}{stages}"), "there is no stage");
    let profile = many.replace("parameter", "parametre").replace("  ", "    ");
    refused(
        "unknown parameters of a profile",
        &format!("pipeline: p\nparams:\n{many}profiles:\n  x:\n{profile}{GOOD}"),
        "unknown parameter",
    );
    let twice = "    a: 1\n".repeat(30_000);
    refused("a key many times", &format!("{HEAD}  a:\n{twice}"), "stands twice");
    let name = "n".repeat(1_000);
    let long: String = (0..5_000).map(|i| format!("  {name}{i}: 1\n")).collect();
    refused(
        "names without end",
        &format!("pipeline: p\nparams:\n{long}{GOOD}  b: {{ uses: \"${{params.{name}}}\" }}\n"),
        "unknown kind",
    );
    let wide = format!(
        "{HEAD}  s: {{ uses: cluster.kmeans, matrix: {{ a: {{ from: 1, to: 90000 }} }}, with: {{ {name}: 1, k: {name} }} }}\n"
    );
    refused("one long mistake in every instance", &wide, "unknown key");
}

/// A clock cannot count so far; the engine ended in a panic.
#[test]
fn a_timeout_beyond_all_clocks_is_refused() {
    for timeout in ["1e300h", "1e308", "99999999999999999999s", "0", "-1", "nan", "inf"] {
        let text =
            format!("{HEAD}  a: {{ uses: ingest.csv, with: {{ path: a }}, timeout: {timeout} }}\n");
        refused(timeout, &text, "expected a duration");
    }
}

#[test]
fn checking_takes_bounded_memory() {
    let list = "1,".repeat(300_000);
    for (what, text, code) in [
        ("many nodes", format!("pipeline: p\nparams: {{ a: [{list}] }}\n{GOOD}"), 0),
        (
            "a bomb",
            format!(
                "pipeline: p\nparams: {{ l: [{list}] }}\nstages:\n{}",
                "  a: { uses: command, with: { run: \"${params.l}\" } }\n"
            ),
            3,
        ),
    ] {
        let project = Project::empty(&text);
        let said = project.say_within(1_000, &["check"]);
        assert_eq!(said.code, code, "{what}: {}", said.err.chars().take(500).collect::<String>());
    }
}
