//! A small project in a folder of its own, and the built binary run in it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

/// Three groups of customers that any algorithm finds; `color` says which, `noise` says nothing.
pub fn customers(n_rows: usize) -> String {
    let mut text = "id,income,visits,color,noise\n".to_string();
    for i in 0..n_rows {
        let group = i % 3;
        let wobble = ((i * 37) % 11) as f64 / 10.0;
        let income = [10.0, 50.0, 90.0][group] + wobble;
        let visits = [5.0, 40.0, 12.0][group] + ((i * 53) % 7) as f64 / 5.0;
        let color = ["red", "green", "blue"][group];
        text.push_str(&format!("c{i:04},{income},{visits},{color},{}\n", (i * 7919) % 101));
    }
    text
}

/// From ingest to champion, small enough to run in a debug build.
pub const PIPELINE: &str = "\
pipeline: small
params: { seed: 1, k_max: 4 }
profiles: { fast: { k_max: 2 } }
stages:
  customers:
    uses: ingest.csv
    with: { path: data/raw/customers.csv, id: id }
  features:
    uses: features.derive
    inputs: { table: customers }
    with:
      columns:
        per_visit: income / nullif(visits, 0)
      where: visits > 0
      drop: [noise]
  prepare:
    uses: transform.fit
    inputs: { table: features }
    with:
      numeric: { scale: standard }
      categorical: { encode: onehot }
  kmeans:
    uses: cluster.kmeans
    inputs: { matrix: prepare.matrix }
    matrix: { k: { from: 2, to: \"${params.k_max}\" } }
    with: { k: \"${matrix.k}\", seed: \"${params.seed}\" }
  best:
    uses: select.clustering
    inputs: { candidates: [kmeans] }
    with: { rank_by: { silhouette: 1.0 }, require: { segments: [2, 8] } }
  forest:
    uses: classify.forest
    inputs: { table: features, labels: best.labels }
    with: { trees: 5, seed: \"${params.seed}\" }
  logistic:
    uses: classify.logistic
    inputs: { table: features, labels: best.labels }
    with: { seed: \"${params.seed}\" }
  champion:
    uses: select.classifier
    inputs: { candidates: [forest, logistic] }
";

/// A project folder that is removed when it is dropped.
pub struct Project {
    pub root: PathBuf,
}

/// What the binary said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Returns the one JSON document on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {}\n{}", self.out, self.err))
    }

    /// Fails unless the exit code is `code`.
    pub fn expect(self, code: i32) -> Said {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Project {
    /// Makes a project with `pipeline` as its only pipeline and no data.
    pub fn empty(pipeline: &str) -> Project {
        Project::under(&std::env::temp_dir(), pipeline)
    }

    /// Makes one in memory where that can be had, for tests that make hundreds of them.
    pub fn in_memory(pipeline: &str) -> Project {
        let memory = Path::new("/dev/shm");
        match memory.is_dir() {
            true => Project::under(memory, pipeline),
            false => Project::empty(pipeline),
        }
    }

    fn under(folder: &Path, pipeline: &str) -> Project {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let root = folder.join(format!("orchestrate-it-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let project = Project { root };
        project.write("pipelines/small.yaml", pipeline);
        project
    }

    /// Makes a project with the small pipeline and its customers.
    pub fn small() -> Project {
        let project = Project::empty(PIPELINE);
        project.write("data/raw/customers.csv", customers(90));
        project
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Replaces a text in the pipeline file, where it must stand.
    pub fn edit(&self, from: &str, to: &str) {
        let text = self.read("pipelines/small.yaml");
        assert!(text.contains(from), "{from} is not in the pipeline");
        self.write("pipelines/small.yaml", text.replace(from, to));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrate"));
        command.arg("-C").arg(&self.root).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs the binary.
    pub fn say(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the pipeline and returns the JSON document; it must succeed.
    /// Says it with `text` on standard input.
    pub fn say_to(&self, arguments: &[&str], text: &[u8]) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        child.wait_with_output().unwrap().into()
    }

    pub fn run(&self) -> Value {
        self.say(&["run", "--json"]).expect(0).json()
    }

    /// Returns where an output of the `latest` view really lies.
    pub fn object(&self, output: &str) -> PathBuf {
        self.path(&format!("artifacts/latest/small/{output}")).canonicalize().unwrap()
    }

    /// Copies this project's pipelines and data into a new folder.
    pub fn twin(&self) -> Project {
        let twin = Project::empty(&self.read("pipelines/small.yaml"));
        twin.write("data/raw/customers.csv", self.read("data/raw/customers.csv"));
        twin
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Returns the names of the instances in a state.
pub fn in_state(document: &Value, state: &str) -> Vec<String> {
    let stages = document["stages"].as_array().unwrap();
    let of = |s: &&Value| s["state"] == state;
    stages.iter().filter(of).map(|s| s["stage"].as_str().unwrap().to_string()).collect()
}

/// Returns the entry of one instance.
pub fn stage<'a>(document: &'a Value, name: &str) -> &'a Value {
    let stages = document["stages"].as_array().unwrap();
    stages.iter().find(|s| s["stage"] == name).unwrap_or_else(|| panic!("no stage {name}"))
}

/// Overwrites a read-only object in place.
pub fn tamper(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
