//! The data in `data/raw` is what the program's own generator makes.
//! `ORCHESTRATE_BLESS=1 cargo test --test it shipped` writes it anew.

use std::{fs, path::PathBuf};

use orchestrate::cli::sample;

use crate::project::{Project, stage};

fn check(file: &str, made: Vec<u8>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/raw").join(file);
    if std::env::var_os("ORCHESTRATE_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let shipped = fs::read(&path).unwrap();
    assert!(shipped == made, "{file} differs from `orchestrate sample`");
    assert!(made.len() < 700_000, "{file} has grown to {} bytes", made.len());
}

#[test]
fn shipped_customers_are_generated() {
    let customers = |rows, seed| {
        let mut out = Vec::new();
        sample::customers(rows, seed, &mut out, None).unwrap();
        out
    };
    check("customers.csv", customers(5_000, 42));
    check("new_customers.csv", customers(200, 43));
}

#[test]
fn shipped_transactions_are_generated() {
    let mut out = Vec::new();
    sample::transactions(6_000, 42, &mut out, None).unwrap();
    check("transactions.csv", out);
}

#[test]
fn the_shipped_profile_is_small() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let project = Project::empty(
        &fs::read_to_string(root.join("pipelines/customer_segmentation.yaml")).unwrap(),
    );
    project.write("data/raw/customers.csv", fs::read(root.join("data/raw/customers.csv")).unwrap());
    let document = project.say(&["run", "--target", "profile", "--json"]).expect(0).json();
    let bytes = stage(&document, "profile")["outputs"]["report"]["bytes"].as_u64().unwrap();
    assert!(bytes < 500_000, "{bytes} bytes");
    // Long enough a run that says what is in the data, in full on request.
    let said = project.say(&["run", "--target", "profile", "--force", "profile", "-v"]).expect(0);
    for words in ["5,000 rows, 18 columns", "number ", "category ", "date ", "report.html"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
}
