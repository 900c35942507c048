//! `ui`, asked as a browser asks: what is shown, that it moves while a run goes on, and what is refused.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    project::{Project, customers},
    serve::client::{Reply, reply},
};

/// A page's server that ends when it is dropped.
struct Ui {
    child: Child,
    address: String,
}

impl Ui {
    fn start(project: &Project) -> Ui {
        let mut child =
            project.command(&["ui", "--port", "0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let rest = line.split("http://").nth(1).unwrap_or_else(|| panic!("{line}"));
        let address = rest.split('/').next().unwrap().to_string();
        child.stderr = Some(said.into_inner());
        Ui { child, address }
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, host: &str) -> Reply {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut bytes = Vec::new();
        self.send(&request).read_to_end(&mut bytes).unwrap();
        reply(&bytes).unwrap_or_else(|| panic!("{path}: no answer"))
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &self.address)
    }

    /// Listens to the events of a pipeline; each line is handed to `hear` until it has enough.
    fn listen(&self, path: &str, mut hear: impl FnMut(Value) -> bool) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        for line in BufReader::new(self.send(&request)).lines() {
            let line = line.unwrap();
            let Some(data) = line.strip_prefix("data: ") else { continue };
            if hear(serde_json::from_str(data).unwrap()) {
                return;
            }
        }
        panic!("{path}: the stream ended");
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn state(news: &Value, node: &str) -> String {
    let nodes = news["nodes"].as_array().unwrap();
    let found = nodes.iter().find(|n| n["name"] == node);
    found.map_or_else(String::new, |n| n["state"].as_str().unwrap().to_string())
}

#[test]
fn a_project_is_shown_before_and_after_a_run() {
    let project = Project::small();
    let ui = Ui::start(&project);
    let page = ui.get("/").expect(200).text();
    assert!(page.contains("class=\"node stale\" data-node=\"customers\""), "{page}");
    assert!(
        page.contains("class=\"node maybe\" data-node=\"kmeans\"") && page.contains("never run")
    );
    assert!(ui.get("/runs").expect(200).text().contains("Nothing was run yet"));
    project.run();
    project.say(&["run", "--set", "k_max=3"]).expect(0);
    project.say(&["run"]).expect(0);
    let page = ui.get("/?stage=kmeans/k%3D3&open=kmeans").expect(200).text();
    assert!(page.contains("data-node=\"kmeans/k=3\"") && !page.contains("node stale"), "{page}");
    assert!(page.contains("orchestrate explain &#39;kmeans/k=3&#39; --pipeline small"), "{page}");
    assert!(page.contains("/artifact?pipeline=small&amp;of=kmeans/k%3D3.labels"));
    let folded = ui.get("/?stage=kmeans").expect(200).text();
    assert!(folded.contains("3 instances") && folded.contains("data-node=\"kmeans\""));
    let artifact = ui.get("/artifact?of=features&column=color").expect(200).text();
    assert!(artifact.contains("<bdi>red</bdi>") && artifact.contains("90 rows"), "{artifact}");
    let numbers = ui.get("/artifact?of=features.table&column=income").expect(200).text();
    assert!(numbers.contains("class=\"chart\""));
    let saved = ui.get("/download?of=features.table").expect(200);
    let name = saved.header("content-disposition").unwrap();
    assert_eq!(name, "attachment; filename=\"features.table.parquet\"");
    let lies = project.say(&["path", "features.table"]).expect(0);
    assert_eq!(saved.body, std::fs::read(lies.out.trim()).unwrap());
    let runs = ui.get("/runs").expect(200).text();
    assert_eq!(runs.matches("name=\"a\"").count(), 2, "two runs that differ: {runs}");
    assert!(ui.get("/run?run=latest").expect(200).text().contains("When stages worked"));
    let compared = ui.get("/compare?a=latest~1&b=latest").expect(200).text();
    assert!(compared.contains("k_<wbr>max") && !compared.contains("<bdi>seed</bdi>"), "{compared}");
}

#[test]
fn the_page_moves_while_a_run_goes_on_in_another_process() {
    let project = Project::empty("");
    let pipeline = format!(
        "\
pipeline: small
stages:
  customers: {{ uses: ingest.csv, with: {{ path: data/raw/customers.csv, id: id }} }}
  slow:
    uses: command
    inputs: {{ table: customers }}
    with:
      run: [sh, -c, \"while ! test -e {}; do sleep 0.05; done; echo x > y.txt\"]
      outputs: {{ y: y.txt }}
",
        project.path("go").display()
    );
    project.write("pipelines/small.yaml", pipeline);
    project.write("data/raw/customers.csv", customers(9));
    let ui = Ui::start(&project);
    let mut run: Option<Child> = None;
    let mut moments: Vec<(String, Instant)> = Vec::new();
    let mut released = None;
    ui.listen("/events?pipeline=small", |news| {
        let now = state(&news, "slow");
        if moments.last().is_none_or(|(last, _)| *last != now) {
            moments.push((now.clone(), Instant::now()));
        }
        match (now.as_str(), &run) {
            ("maybe", None) => {
                run = Some(project.command(&["run", "--quiet"]).spawn().unwrap());
            }
            ("running", _) if released.is_none() => {
                let page = ui.get("/?stage=slow").expect(200).text();
                assert!(
                    page.contains("class=\"node running chosen\" data-node=\"slow\""),
                    "{page}"
                );
                project.write("go", "");
                released = Some(Instant::now());
            }
            _ => {}
        }
        released.is_some() && now == "ran" && news["going"] == false
    });
    assert!(run.unwrap().wait().unwrap().success());
    let words: Vec<&str> = moments.iter().map(|(word, _)| word.as_str()).collect();
    assert!(words.starts_with(&["maybe"]) && words.ends_with(&["running", "ran"]), "{words:?}");
}

#[test]
fn what_is_not_the_projects_is_refused() {
    let project = Project::small();
    project.run();
    project.write("secret.yaml", "pipeline: secret\nstages: { a: { uses: nothing } }\n");
    let ui = Ui::start(&project);
    let port = ui.address.split(':').nth(1).unwrap();
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", ""] {
        ui.ask("GET", "/", host).expect(403);
    }
    ui.ask("GET", "/", &format!("localhost:{port}")).expect(200);
    for method in ["POST", "PUT", "DELETE"] {
        ui.ask(method, "/", &ui.address).expect(405);
    }
    for path in [
        "/?pipeline=../secret",
        "/?pipeline=secret.yaml",
        "/?pipeline=/etc/passwd",
        "/artifact?of=features&pipeline=../secret",
        "/artifact?of=../../secret",
        "/artifact?of=features&run=../../x",
        "/artifact?of=features&column=nothing",
        "/page?hash=../../secret",
        "/page?hash=0000000000000000000000000000000000000000000000000000000000000000",
        "/download?of=nothing",
        "/run?run=nothing",
        "/compare?a=x&b=y",
        "/?stage=nothing",
        "/../secret.yaml",
        "/artifacts/FORMAT",
    ] {
        let reply = ui.get(path);
        assert!(!reply.text().contains("uses: nothing"), "{path}");
        reply.expect(404);
    }
    let page = ui.get("/").expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    assert_eq!(page.header("x-content-type-options").as_deref(), Some("nosniff"));
}

#[test]
fn hostile_names_and_values_stay_text() {
    let script = "<script>alert(1)</script>";
    let long = "x".repeat(10_000);
    let project = Project::empty(
        "\
pipeline: small
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv } }
  profile: { uses: eda.profile, inputs: { table: customers } }
",
    );
    let head = format!("\"{script}\",\"\u{202e}right\",\"{long}\"\n");
    let row = format!("\"{script}\",\"\u{202e}\"\"'&\",\"{long}\"\n");
    project.write("data/raw/customers.csv", format!("{head}{}", row.repeat(5)));
    project.run();
    let ui = Ui::start(&project);
    let column = "%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [
        "/".to_string(),
        "/artifact?of=customers".to_string(),
        format!("/artifact?of=customers&column={column}"),
        format!("/?stage={column}"),
        format!("/?pipeline={column}"),
        format!("/compare?a={column}&b={column}"),
        "/artifact?of=profile.report".to_string(),
    ] {
        let text = ui.get(&path).text();
        assert!(!text.contains(script) && !text.contains('\u{202e}'), "{path}");
        assert!(!text.contains(&format!(">{long}")), "{path}");
    }
    let artifact = ui.get("/artifact?of=customers").expect(200).text();
    assert!(artifact.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let report = artifact_hash(&project, "profile.report");
    let page = ui.get(&format!("/page?hash={report}")).expect(200);
    assert!(page.header("content-security-policy").unwrap().starts_with("sandbox;"));
}

fn artifact_hash(project: &Project, of: &str) -> String {
    let path = project.say(&["path", of]).expect(0).out;
    let name = path.trim().rsplit('/').next().unwrap().to_string();
    name.split('.').next().unwrap().to_string()
}

#[test]
fn a_broken_pipeline_says_what_is_wrong_with_it() {
    let project = Project::small();
    project
        .write("pipelines/broken.yaml", "pipeline: broken\nstages:\n  a: { uses: ingest.cvs }\n");
    let ui = Ui::start(&project);
    let page = ui.get("/?pipeline=broken").expect(200).text();
    assert!(page.contains("pipelines/broken.yaml:3") && page.contains("ingest.csv"), "{page}");
    assert!(page.contains("/?pipeline=small"), "the others can still be looked at");
}
