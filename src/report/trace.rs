//! A past run as a trace that Perfetto and Chrome's `about:tracing` show. It does not know where times come from.
//!
//! Source: "Trace Event Format", the JSON object format with complete events (`X`), in microseconds.

use serde_json::{Value, json};

use crate::app::{Span, Timeline};

/// Returns the document.
pub fn document(timeline: &Timeline) -> Value {
    let entry = &timeline.past.entry;
    let n_lanes = timeline.spans.iter().map(|s| s.lane + 1).max().unwrap_or(0);
    let name = format!("{} {}", entry.pipeline, timeline.past.id.short());
    let mut events = vec![json!({
        "ph": "M", "name": "process_name", "pid": 1, "args": { "name": name },
    })];
    for lane in 0..n_lanes {
        let args = json!({ "name": format!("worker {}", lane + 1) });
        events.push(
            json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": lane + 1, "args": args }),
        );
    }
    events.extend(timeline.spans.iter().map(|span| event(timeline, span)));
    json!({
        "displayTimeUnit": "ms",
        "otherData": {
            "run": timeline.past.id,
            "pipeline": entry.pipeline,
            "started": entry.started,
            "host": entry.host,
            "threads": entry.threads,
            "program": entry.program,
        },
        "traceEvents": events,
    })
}

fn event(timeline: &Timeline, span: &Span) -> Value {
    let stage = &timeline.past.entry.stages[span.stage];
    let micros = |seconds: f64| (seconds * 1e6).round();
    let rows: serde_json::Map<String, Value> =
        stage.outputs.iter().map(|(port, o)| (port.clone(), json!(o.rows))).collect();
    json!({
        "ph": "X",
        "name": stage.stage,
        "cat": stage.kind,
        "pid": 1,
        "tid": span.lane + 1,
        "ts": micros(span.at),
        "dur": micros(span.seconds),
        "args": {
            "state": stage.state,
            "key": stage.key,
            "reasons": stage.reasons,
            "rows": rows,
            "longest way": span.critical,
            "error": stage.error,
        },
    })
}
