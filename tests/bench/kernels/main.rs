//! Times one algorithm on given data: `kernels CASE --data FOLDER [--threads 1] [--runs 3]`, `kernels --list`.
//! It does not know what the peers need: `tests/bench/ml` runs them in turns with this.
//!
//! Prints one JSON line: wall and CPU seconds (user and system, all threads) of the median and of the best run, the
//! process's largest resident size, and what tells that the result is right. A case is a function in the file of its
//! area and a line in that file's `CASES`.

mod case;
mod classify;
mod cluster;
mod structure;

use std::path::PathBuf;

use anyhow::{Context, bail};
use case::{Bench, Case};
use serde_json::{Value, json};

/// The cases of all areas.
const AREAS: &[&[Case]] = &[cluster::CASES, structure::CASES, classify::CASES];

fn main() -> anyhow::Result<()> {
    let mut asked = Asked::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word}: needs a value"));
        match word.as_str() {
            "--data" => asked.data = value()?.into(),
            "--threads" => asked.threads = value()?.parse()?,
            "--runs" => asked.runs = value()?.parse()?,
            "--list" => asked.list = true,
            // Cargo says this to everything it runs as a benchmark.
            "--bench" => {}
            name => asked.case = name.to_string(),
        }
    }
    if asked.list || asked.case.is_empty() {
        AREAS.iter().copied().flatten().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    println!("{}", run(&asked)?);
    Ok(())
}

struct Asked {
    case: String,
    data: PathBuf,
    threads: usize,
    runs: usize,
    list: bool,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { case: String::new(), data: ".".into(), threads: 1, runs: 3, list: false }
    }
}

fn run(asked: &Asked) -> anyhow::Result<Value> {
    let Some(case) = AREAS.iter().copied().flatten().find(|case| case.name == asked.case) else {
        bail!("{}: no such case; `--list` shows them", asked.case);
    };
    let mut bench = Bench::new(&asked.data, asked.threads, asked.runs);
    let quality = (case.run)(&mut bench).with_context(|| case.name)?;
    let mut line = json!({ "case": case.name, "threads": asked.threads });
    for part in [bench.timings()?, quality] {
        if let (Value::Object(line), Value::Object(part)) = (&mut line, part) {
            line.extend(part);
        }
    }
    Ok(line)
}
