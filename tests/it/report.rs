//! The page and the trace of a past run.

use serde_json::Value;

use crate::project::{Project, in_state};

fn trace(project: &Project) -> Value {
    project.say(&["trace", "latest"]).expect(0).json()
}

fn spans(trace: &Value) -> Vec<&Value> {
    trace["traceEvents"].as_array().unwrap().iter().filter(|e| e["ph"] == "X").collect()
}

#[test]
fn a_trace_has_every_stage_that_ran_and_no_two_at_once_on_a_lane() {
    let project = Project::small();
    let first = project.run();
    let found = trace(&project);
    let spans_of_first = spans(&found);
    let mut names: Vec<&str> = spans_of_first.iter().map(|e| e["name"].as_str().unwrap()).collect();
    let mut ran = in_state(&first, "ran");
    names.sort_unstable();
    ran.sort_unstable();
    assert_eq!(names, ran);
    assert_eq!(found["otherData"]["run"], first["run"]);
    for a in &spans_of_first {
        let (start, length) = (a["ts"].as_f64().unwrap(), a["dur"].as_f64().unwrap());
        assert!(start >= 0.0 && length >= 0.0);
        for b in spans_of_first.iter().filter(|b| b["tid"] == a["tid"] && b["name"] != a["name"]) {
            let other = b["ts"].as_f64().unwrap();
            assert!(other >= start + length - 2.0 || other <= start, "{a} {b}");
        }
    }
    // The longest way leads from the source to the end.
    let critical = |e: &&&Value| e["args"]["longest way"] == true;
    let way: Vec<&str> =
        spans_of_first.iter().filter(critical).map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(way[0], "customers");
    // An execution that found everything in place has nothing to trace; the one that did the work has.
    assert_eq!(project.run()["counts"]["ran"], 0);
    assert_eq!(trace(&project), found);
}

#[test]
fn the_page_of_a_run_is_whole_and_leads_to_the_reports() {
    let project = Project::small();
    project.edit(
        "stages:\n",
        "stages:\n  looks: { uses: eda.profile, inputs: { table: customers } }\n",
    );
    let id = project.run()["run"].as_str().unwrap().to_string();
    project.say(&["report", "latest", "-o", "out/run.html"]).expect(0);
    let page = project.read("out/run.html");
    for part in [id.as_str(), "data:image/svg+xml,", "id=\"work\"", "kmeans/k=2", "id=\"params\""] {
        assert!(page.contains(part), "{part}");
    }
    let chart = &page[page.find("id=\"work\"").unwrap()..page.find("id=\"reports\"").unwrap()];
    for part in chart.split(" x=\"").skip(1) {
        let text = &part[..part.find('"').unwrap()];
        assert!(text.parse::<f64>().is_ok_and(|x| (0.0..=1_100.0).contains(&x)), "{text}");
    }
    let at = page.find("href=\"../artifacts/objects/").expect("a link to a report") + 6;
    let address = &page[at..at + page[at..].find('"').unwrap()];
    assert!(project.path("out").join(address).is_file(), "{address}");
    // Nothing is asked of another machine.
    assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("http"));
    let again = project.say(&["report", "latest"]).expect(0).out;
    assert_eq!(again.replace("href=\"artifacts", "href=\"../artifacts"), page);
    assert_eq!(project.say(&["report", "nothing"]).code, 2);
    assert_eq!(project.say(&["trace", "latest", "--json"]).code, 2);
}
