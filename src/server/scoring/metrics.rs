//! Counters, in the text that Prometheus reads. It does not know what is counted for.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::drift::Watching;

/// The routes that are told apart.
pub const ROUTES: &[&str] = &["/v1/predict", "/invocations", "/v2/infer", "other"];

/// The statuses that are told apart; the last stands for all others.
const STATUSES: &[u16] = &[200, 400, 401, 404, 405, 408, 413, 415, 500, 503, 0];

/// Upper bounds of the buckets of durations, in microseconds.
const BUCKETS: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000];

/// What is counted.
#[derive(Default)]
pub struct Metrics {
    routes: [Route; 4],
    /// Requests being worked on.
    pub in_flight: AtomicU64,
    /// Rows answered.
    pub rows: AtomicU64,
    /// Requests turned away because too many waited.
    pub turned_away: AtomicU64,
    /// Switches to another run.
    pub switches: AtomicU64,
    /// Switches that failed.
    pub failed_switches: AtomicU64,
    /// Lines of the log that nobody took in time.
    pub lost_lines: AtomicU64,
}

#[derive(Default)]
struct Route {
    statuses: [AtomicU64; 11],
    buckets: [AtomicU64; 12],
    micros: AtomicU64,
}

impl Metrics {
    /// Counts a request.
    pub fn count(&self, route: usize, status: u16, took: Duration, n_rows: usize) {
        let Some(route) = self.routes.get(route) else { return };
        let known = STATUSES.iter().position(|s| *s == status).unwrap_or(STATUSES.len() - 1);
        add(&route.statuses[known], 1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&route.micros, micros);
        if let Some(bucket) = BUCKETS.iter().position(|most| micros <= *most) {
            add(&route.buckets[bucket], 1);
        }
        add(&self.rows, n_rows as u64);
    }

    /// Returns all of it as text.
    pub fn text(&self, run: &str, model: &str, pipeline: &str, watching: &Watching) -> String {
        let mut out = String::new();
        head(&mut out, "http_requests_total", "counter", "Requests answered.");
        for (name, route) in ROUTES.iter().zip(&self.routes) {
            for (status, n) in STATUSES.iter().zip(&route.statuses) {
                let n = n.load(Ordering::Relaxed);
                let status = if *status == 0 { "other".to_string() } else { status.to_string() };
                if n > 0 || status == "200" {
                    let _ = writeln!(
                        out,
                        "orchestrate_http_requests_total{{route=\"{name}\",status=\"{status}\"}} {n}"
                    );
                }
            }
        }
        head(
            &mut out,
            "http_request_duration_seconds",
            "histogram",
            "Time from the head of a request to its answer.",
        );
        for (name, route) in ROUTES.iter().zip(&self.routes) {
            let mut n = 0;
            for (most, bucket) in BUCKETS.iter().zip(&route.buckets) {
                n += bucket.load(Ordering::Relaxed);
                let most = *most as f64 / 1e6;
                let _ = writeln!(
                    out,
                    "orchestrate_http_request_duration_seconds_bucket{{route=\"{name}\",le=\"{most}\"}} {n}"
                );
            }
            let all: u64 = route.statuses.iter().map(|n| n.load(Ordering::Relaxed)).sum();
            let seconds = route.micros.load(Ordering::Relaxed) as f64 / 1e6;
            let _ = writeln!(
                out,
                "orchestrate_http_request_duration_seconds_bucket{{route=\"{name}\",le=\"+Inf\"}} {all}"
            );
            let _ = writeln!(
                out,
                "orchestrate_http_request_duration_seconds_sum{{route=\"{name}\"}} {seconds}"
            );
            let _ = writeln!(
                out,
                "orchestrate_http_request_duration_seconds_count{{route=\"{name}\"}} {all}"
            );
        }
        for (name, kind, help, n) in [
            ("http_requests_in_flight", "gauge", "Requests being worked on.", &self.in_flight),
            ("rows_total", "counter", "Rows answered.", &self.rows),
            (
                "http_turned_away_total",
                "counter",
                "Requests turned away because too many waited.",
                &self.turned_away,
            ),
            ("run_switches_total", "counter", "Switches to another run.", &self.switches),
            (
                "run_switches_failed_total",
                "counter",
                "Switches to another run that failed.",
                &self.failed_switches,
            ),
            (
                "log_lines_lost_total",
                "counter",
                "Lines of the log that nobody took in time.",
                &self.lost_lines,
            ),
        ] {
            head(&mut out, name, kind, help);
            let _ = writeln!(out, "orchestrate_{name} {}", n.load(Ordering::Relaxed));
        }
        head(&mut out, "model_info", "gauge", "The run that answers.");
        let pipeline = label(pipeline);
        let _ = writeln!(
            out,
            "orchestrate_model_info{{run=\"{run}\",model=\"{model}\",pipeline=\"{pipeline}\"}} 1"
        );
        watching.text(&mut out);
        out
    }
}

/// Returns a text as the value of a label.
pub fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writes what stands before a metric.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP orchestrate_{name} {help}\n# TYPE orchestrate_{name} {kind}");
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
