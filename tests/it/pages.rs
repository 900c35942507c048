//! The figures that people read on the pages are those of the artifacts that programs read.

use orchestrate::kinds::page::number;
use serde_json::Value;

use crate::project::{PIPELINE, Project};

/// Customers with every type of column, gaps, and what some of them have in common.
fn data() -> String {
    let mut text = "id,income,visits,color,member,since\n".to_string();
    for i in 0..120_usize {
        let group = i % 3;
        let wobble = ((i * 37) % 23) as f64 / 10.0;
        let income = match i % 17 {
            0 => String::new(),
            _ => format!("{}", [10.5, 50.25, 90.0][group] + wobble),
        };
        let visits = [5.0, 40.0, 12.0][group] + ((i * 53) % 7) as f64 / 5.0;
        let color = if i % 11 == 0 { "violet" } else { ["red", "green", "blue"][group] };
        let since = format!("20{:02}-{:02}-{:02}", 18 + group, 1 + i % 12, 1 + (i * 7) % 28);
        text.push_str(&format!("c{i:04},{income},{visits},{color},{},{since}\n", i % 4 == 0));
    }
    text
}

fn project() -> Project {
    let project = Project::empty(&format!(
        "{}  looks: {{ uses: eda.profile, inputs: {{ table: customers }} }}
  segments:
    uses: segments.profile
    inputs:
      table: features
      labels: best.labels
      matrix: prepare.matrix
      candidates: [kmeans]
      leaderboard: best.leaderboard
      champion: champion.model
      classifiers: [forest, logistic]
",
        PIPELINE.replace("drop: [noise]", "drop: [since]")
    ));
    project.write("data/raw/customers.csv", data());
    project.run();
    project
}

fn rows(project: &Project, of: &str) -> Vec<Value> {
    let said = project.say(&["cat", of, "--json"]).expect(0).json();
    said.as_array().unwrap().clone()
}

fn page(project: &Project, of: &str) -> String {
    let path = project.say(&["path", of]).expect(0).out;
    std::fs::read_to_string(path.trim()).unwrap()
}

/// Returns what a reader sees of some HTML.
fn seen(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let plain = out.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'");
    plain.replace("&quot;", "\"").replace("&amp;", "&").trim().to_string()
}

/// Returns the parts between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    text.split(from).skip(1).map(|part| part.split(to).next().unwrap()).collect()
}

fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let found = between(page, &format!("<section id=\"{id}\">"), "</section>");
    assert_eq!(found.len(), 1, "{id}");
    found[0]
}

/// Returns the cells of all tables, row by row.
fn cells(html: &str) -> Vec<Vec<String>> {
    let row = |row: &&str| -> Vec<String> {
        let parts = row.split("<td").flat_map(|part| part.split("<th")).skip(1);
        parts.map(|part| seen(part.split_once('>').unwrap().1)).collect()
    };
    between(html, "<tr>", "</tr>").iter().map(row).collect()
}

/// Returns the pairs of all lists of figures.
fn pairs(html: &str) -> Vec<(String, String)> {
    let pair = |part: &&str| {
        let (name, rest) = part.split_once("</dt><dd>").unwrap();
        (seen(name), seen(rest.split("</dd>").next().unwrap()))
    };
    between(html, "<dt>", "</div>").iter().map(pair).collect()
}

fn float(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or(f64::NAN)
}

fn count(row: &Value, name: &str) -> String {
    number::count(row[name].as_u64().unwrap() as usize)
}

#[test]
fn every_figure_of_a_column_is_that_of_the_artifact() {
    let project = project();
    let columns = rows(&project, "looks.columns");
    let extremes = rows(&project, "looks.extremes");
    let report = page(&project, "looks.report");
    let cards = between(section(&report, "columns"), "<article", "</article>");
    assert_eq!(cards.len(), columns.len());
    let mut n_checked = 0;
    for (card, column) in cards.iter().zip(&columns) {
        let name = column["column"].as_str().unwrap();
        assert_eq!(seen(between(card, "<h3>", "</h3>")[0]), name);
        let is_date = column["dtype"] == "date";
        let show = |v: f64| if is_date { number::date(v, false) } else { number::figure(v) };
        for (figure, shown) in pairs(card) {
            let of = |name: &str| show(float(column, name));
            let expected = match figure.as_str() {
                "values" => count(column, "count"),
                "missing" => {
                    let share = float(column, "missing") / 120.0;
                    match column["missing"].as_u64().unwrap() {
                        0 => "0".to_string(),
                        _ => format!("{} ({})", count(column, "missing"), number::percent(share)),
                    }
                }
                "distinct" => count(column, "distinct"),
                "mean" | "std" | "min" | "max" | "skewness" | "kurtosis" => of(&figure),
                "5%" => of("p05"),
                "25%" => of("p25"),
                "median" => of("p50"),
                "75%" => of("p75"),
                "95%" => of("p95"),
                "first" => of("min"),
                "last" => of("max"),
                "MAD" => of("mad"),
                "true" => number::percent(float(column, "mean")),
                "zeros" => count(column, "zeros"),
                "negative" => count(column, "negatives"),
                "IQR outliers" => count(column, "outliers_iqr"),
                "MAD outliers" => count(column, "outliers_mad"),
                "most frequent" => count(column, "top_count"),
                "smallest" | "largest" => {
                    let own =
                        extremes.iter().filter(|e| e["column"] == name && e["side"] == *figure);
                    own.map(|e| {
                        let times = match e["count"].as_u64().unwrap() {
                            1 => String::new(),
                            n => format!(" ×{}", number::count(n as usize)),
                        };
                        show(float(e, "value")) + &times
                    })
                    .collect()
                }
                other => panic!("{name}: {other} is in no artifact"),
            };
            assert_eq!(shown, expected, "{name}: {figure}");
            n_checked += 1;
        }
    }
    assert!(n_checked > 60, "{n_checked}");
}

#[test]
fn every_correlation_of_the_heat_maps_is_in_the_artifact() {
    let project = project();
    let known = rows(&project, "looks.correlations");
    let report = page(&project, "looks.report");
    let mut n_checked = 0;
    for part in section(&report, "correlations").split("<h3>").skip(1) {
        let heading = seen(part.split("</h3>").next().unwrap());
        let method = match heading.split([',', ' ']).next().unwrap() {
            "Spearman" => "spearman",
            "Pearson" => "pearson",
            _ => "cramers_v",
        };
        let mut grid = cells(part);
        let names: Vec<String> = grid.remove(0).split_off(1);
        for row in grid {
            for (other, shown) in names.iter().zip(&row[1..]).filter(|(name, _)| **name != row[0]) {
                let is_pair = |v: &&Value| {
                    v["method"] == method
                        && [&v["left"], &v["right"]]
                            .iter()
                            .all(|n| [&row[0], other].iter().any(|m| **n == ***m))
                };
                // Two numbers stand in one map with categories, and have no figure there.
                let Some(found) = known.iter().find(is_pair) else {
                    assert_eq!((method, shown.as_str()), ("cramers_v", ""));
                    continue;
                };
                let value = float(found, "value");
                assert_eq!(*shown, number::fixed(value, 2), "{method} of {} and {other}", row[0]);
                n_checked += 1;
            }
        }
    }
    assert!(n_checked >= 8, "{n_checked}");
}

#[test]
fn every_figure_of_a_segment_is_that_of_the_artifacts() {
    let project = project();
    let profile = rows(&project, "segments.profile");
    let summary = rows(&project, "segments.summary");
    let details = rows(&project, "segments.details");
    let all = rows(&project, "segments.profile");
    let report = page(&project, "segments.report");
    let cards = between(&report, "<article", "</article>");
    assert_eq!(cards.len(), summary.len());
    let mut n_checked = 0;
    for (card, told) in cards.iter().zip(&summary) {
        assert!(seen(card).contains(&format!(
            "{} customers, {}",
            count(told, "size"),
            number::percent(float(told, "share"))
        )));
        for row in cells(card).iter().filter(|row| row.len() == 5 && row[0] != "mean of") {
            let is_own =
                |v: &&Value| v["segment"] == told["segment"] && v["column"] == row[0].as_str();
            let own = profile.iter().find(is_own).unwrap();
            assert_eq!(row[1], number::figure(float(own, "mean")), "{row:?}");
            // The mean of all is that of the segments, weighted by their rows.
            let of_column = || all.iter().filter(|v| v["column"] == row[0].as_str());
            let n: f64 = of_column().map(|v| float(v, "count")).sum();
            let sum: f64 = of_column().map(|v| float(v, "count") * float(v, "mean")).sum();
            // Put together again it may fall on the other side of half a digit.
            let mean = [sum / n, sum / n * (1.0 - 1e-13), sum / n * (1.0 + 1e-13)];
            assert!(mean.iter().any(|v| row[2] == number::figure(*v)), "{row:?}");
            assert_eq!(row[3], number::fixed(float(own, "z"), 2), "{row:?}");
            n_checked += 3;
        }
        for row in cells(card).iter().filter(|row| row.len() == 4 && row[0] != "share of") {
            let (column, level) = row[0].split_once(" = ").unwrap();
            let is_own = |v: &&Value| {
                v["segment"] == told["segment"] && v["column"] == column && v["level"] == level
            };
            let own = profile.iter().find(is_own).unwrap();
            assert_eq!(row[1], number::percent(float(own, "share")), "{row:?}");
            assert_eq!(row[3], number::fixed(float(own, "lift"), 2), "{row:?}");
            n_checked += 2;
        }
    }
    let detail = |section: &str, segment: &Value, item: Option<&str>, figure: &str| {
        let found = details.iter().find(|d| {
            d["section"] == section
                && d["segment"] == *segment
                && d["item"].as_str() == item
                && d["figure"] == figure
        });
        float(found.unwrap_or_else(|| panic!("{section} {segment} {item:?} {figure}")), "value")
    };
    let rules = cells(section(&report, "rules"));
    assert!(rules.len() > 2);
    for row in &rules[1..] {
        let segment = Value::from(row[0].split(' ').next().unwrap().parse::<i32>().unwrap());
        let of = |figure| detail("rules", &segment, Some(&row[1]), figure);
        assert_eq!(row[2], number::percent(of("coverage")));
        assert_eq!(row[3], number::percent(of("precision")));
        assert_eq!(row[4], number::count(of("rows") as usize));
        n_checked += 3;
    }
    let silhouette =
        details.iter().filter(|d| d["section"] == "silhouette" && d["figure"] == "mean");
    assert_eq!(silhouette.count(), summary.len() + 1);
    let mean = detail("silhouette", &Value::Null, None, "mean");
    assert!(report.contains(&format!("dashed, is {}", number::fixed(mean, 3))));
    let calibration = |figure: &str| -> Vec<f64> {
        let own = details.iter().filter(|d| d["section"] == "calibration" && d["figure"] == figure);
        own.map(|d| float(d, "value")).collect()
    };
    let (n_rows, sure, right) =
        (calibration("rows"), calibration("probability"), calibration("right"));
    let off: f64 = n_rows.iter().zip(&sure).zip(&right).map(|((n, p), r)| n * (p - r).abs()).sum();
    let error = number::percent(off / n_rows.iter().sum::<f64>());
    assert!(report.contains(&format!("Off it by {error} on average")), "{error}");
    assert!(n_checked > 20, "{n_checked}");
}

#[test]
fn redacted_pages_come_with_redacted_artifacts() {
    let project = Project::empty(
        "\
pipeline: small
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  looks: { uses: eda.profile, inputs: { table: customers }, with: { redact: true } }
",
    );
    project.write("data/raw/customers.csv", data());
    project.run();
    assert_eq!(rows(&project, "looks.extremes"), Vec::<Value>::new());
    assert!(!page(&project, "looks.report").contains("smallest"));
}
