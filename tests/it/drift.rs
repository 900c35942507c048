//! `drift`: the same sort of customers is stable, others are not, and both are told in every form.

use std::fs;

use crate::project::{PIPELINE, Project, customers};

/// Customers of the small project, some with another column.
fn changed(change: impl Fn(usize, &mut Vec<String>)) -> String {
    let text = customers(300);
    let mut lines = text.lines().map(|l| l.split(',').map(str::to_string).collect::<Vec<_>>());
    let mut out = lines.next().unwrap().join(",") + "\n";
    for (i, mut fields) in lines.enumerate() {
        change(i, &mut fields);
        out += &(fields.join(",") + "\n");
    }
    out
}

fn project() -> Project {
    let project = Project::small();
    project.write("data/raw/customers.csv", customers(300));
    project.run();
    project
}

#[test]
fn the_same_customers_are_stable() {
    let project = project();
    let words = ["drift", "data/raw/customers.csv", "--exit-code", "--json"];
    let same = project.say(&words).expect(0).json();
    assert_eq!(same["verdict"], "stable", "{same}");
    assert_eq!((same["rows"][0].as_u64(), same["rows"][1].as_u64()), (Some(300), Some(300)));
    let columns: Vec<&str> =
        same["columns"].as_array().unwrap().iter().map(|c| c["column"].as_str().unwrap()).collect();
    assert_eq!(columns, ["income", "visits", "color"], "`noise` is not read");
    assert!(same["columns"].as_array().unwrap().iter().all(|c| c["psi"] == 0.0), "{same}");
    assert_eq!(same["segments_psi"], 0.0);
    assert_eq!(same["far"][0], same["far"][1]);
    let shares: f64 =
        same["segments"].as_array().unwrap().iter().map(|s| s["share"][0].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-12);
}

#[test]
fn other_customers_are_told_in_every_form() {
    let project = project();
    // Two in three of the first group move away, one in ten has a colour that nobody had, some say nothing.
    let new = changed(|i, fields| {
        if i % 9 < 6 && i % 3 == 0 {
            fields[1] = "700".to_string();
        }
        if i % 10 == 0 {
            fields[3] = "mauve".to_string();
        }
        if i % 4 == 1 {
            fields[2].clear();
        }
    });
    project.write("new.csv", new);
    project.say(&["drift", "new.csv"]).expect(0);
    let words = ["drift", "new.csv", "--exit-code", "--json", "-o", "d.html", "-o", "d.parquet"];
    let drift = project.say(&words).expect(10).json();
    let of = |name: &str| {
        let columns = drift["columns"].as_array().unwrap();
        columns.iter().find(|c| c["column"] == name).unwrap().clone()
    };
    assert_eq!(of("income")["verdict"], "drifted");
    assert!((of("color")["unknown"].as_f64().unwrap() - 0.1).abs() < 1e-12);
    assert_eq!(of("color")["verdict"], "drifted");
    assert_eq!(of("visits")["missing"][1], 0.25);
    assert!(drift["far"][1].as_f64().unwrap() > 0.2, "{drift}");
    assert!(drift["far"][0].as_f64().unwrap() <= 0.01);
    let none = drift["segments"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((none["segment"].is_null(), none["share"][1].as_f64()), (true, Some(0.25)));
    let page = fs::read_to_string(project.path("d.html")).unwrap();
    assert!(page.contains("<h1>Drift</h1>"), "{page}");
    assert!(!page.contains("<script"));
    let text = project.say(&["drift", "new.csv", "-o", "d.csv"]).expect(0);
    assert!(text.out.contains("300 new rows beside the 300 of run "), "{}", text.out);
    assert!(text.err.starts_with("drifted: drifted "), "{}", text.err);
    let table = project.read("d.csv");
    let psi = of("income")["psi"].as_f64().unwrap().to_string();
    assert!(table.contains(&format!("column,income,,psi,,{psi},drifted\n")), "{table}");
    // Whoever cares less says so.
    let mild = ["drift", "new.csv", "--psi", "50,60", "--far", "0.9,1", "--json"];
    assert_eq!(project.say(&mild).expect(0).json()["segments_verdict"], "stable");
    for wrong in ["0.3,0.1", "x", "0,1"] {
        project.say(&["drift", "new.csv", "--psi", wrong]).expect(2);
    }
    project.write("short.csv", "id,income\nn,1\n");
    project.say(&["drift", "short.csv"]).expect(6);
}

/// A classifier of a column has no clustering behind it, so there is no telling what is far.
#[test]
fn without_a_clustering_nothing_is_far() {
    let end = PIPELINE.find("  prepare:").unwrap();
    let pipeline = format!(
        "{}  forest: {{ uses: classify.forest, inputs: {{ table: features }}, with: {{ target: color, trees: 3 }} }}\n",
        &PIPELINE[..end]
    );
    let project = Project::empty(&pipeline);
    project.write("data/raw/customers.csv", customers(90));
    project.run();
    let drift = project.say(&["drift", "data/raw/customers.csv", "--json"]).expect(0).json();
    assert!(drift["far"].is_null());
    assert_eq!(drift["verdict"], "stable");
}
