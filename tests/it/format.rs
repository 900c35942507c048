//! The format's document against the code: the tests that it names exist, its layout is what a store looks like.

use std::{collections::BTreeSet, fs, path::Path};

use orchestrate::store::LAYOUT;

use crate::project::Project;

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/FORMAT.md")).unwrap()
}

/// Returns the names in backquotes that follow `Shown by`, up to the end of the sentence.
fn named_tests(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split("Shown by").skip(1) {
        let end = rest.find(['.', ':']).unwrap_or(rest.len());
        names.extend(rest[..end].split('`').skip(1).step_by(2).map(str::to_string));
    }
    names
}

fn sources(folder: &Path, text: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_document_names_exists() {
    let mut code = String::new();
    for folder in ["src", "tests/it"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut code);
    }
    let names = named_tests(&document());
    assert!(names.len() > 20, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|n| !code.contains(&format!("fn {n}()"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn every_section_of_the_document_names_a_test() {
    let document = document();
    let silent: Vec<&str> = document
        .split("\n## ")
        .skip(1)
        .filter(|section| named_tests(section).is_empty())
        .filter_map(|section| section.lines().next())
        .collect();
    // What is assumed of the medium cannot be shown.
    assert_eq!(silent, ["The medium"]);
}

#[test]
fn the_layout_in_the_document_is_that_of_a_store() {
    let document = document();
    assert!(document.starts_with(&format!("# The store's format, version {LAYOUT}\n")));
    let layout = document.split("```").nth(1).unwrap();
    let told: BTreeSet<String> = layout
        .lines()
        .flat_map(|line| line.split("  ").next().unwrap_or_default().split(", "))
        .filter_map(|path| path.split('/').next())
        .filter(|name| !name.is_empty())
        .map(str::to_string)
        .collect();
    let project = Project::small();
    let run = project.run();
    project.say(&["tag", run["run"].as_str().unwrap(), "kept"]).expect(0);
    let found: BTreeSet<String> = fs::read_dir(project.path("artifacts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(told, found);
}
