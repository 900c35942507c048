//! Requests that nobody should send: each gets a 4xx or a closed connection, and the server goes on.

use std::{
    io::{Read, Write},
    time::Duration,
};

use serde_json::json;

use super::{
    client::{Server, reply},
    records, served,
};

/// A small generator, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}

const PATHS: &[&str] = &["/v1/predict", "/invocations", "/v2/models/small/infer"];

const MEDIA: &[&str] = &[
    "application/json",
    "text/csv",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
    "application/vnd.apache.parquet",
    "text/plain",
    "",
];

/// What stands where a value should.
const ODD: &[&str] = &[
    "1e308",
    "-1e400",
    "99999999999999999999999",
    "NaN",
    "[]",
    "{}",
    "[[[1]]]",
    "\"\"",
    "null",
    "true",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "9007199254740993",
    "\"2025-13-45\"",
    "-0.0",
];

fn bodies(dice: &mut Dice, good: &[Vec<u8>]) -> Vec<u8> {
    let mut body = good[dice.roll(good.len())].clone();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(body.len().max(1)).min(body.len());
        match dice.roll(6) {
            0 => body.truncate(at),
            1 if at < body.len() => body[at] ^= 1 << dice.roll(8),
            2 => drop(body.splice(at..at, ODD[dice.roll(ODD.len())].bytes())),
            3 if at < body.len() => drop(body.remove(at)),
            4 => drop(body.splice(at..at, b"[{\"".iter().copied().cycle().take(dice.roll(3000)))),
            _ => {
                let text = String::from_utf8_lossy(&body).into_owned();
                let numbers = ["10.5", "50", "12", "\"red\"", "5"];
                body = text.replace(numbers[dice.roll(5)], ODD[dice.roll(ODD.len())]).into_bytes();
            }
        }
    }
    body
}

/// Ten thousand of them were sent by hand with `ORCHESTRATE_HOSTILE=10000`.
#[test]
fn malformed_requests_are_the_senders_fault() {
    let n = std::env::var("ORCHESTRATE_HOSTILE").ok().and_then(|n| n.parse().ok()).unwrap_or(600);
    let (_project, server) = served();
    let rows = records();
    let tensor = json!({ "name": "income", "datatype": "FP64", "shape": [1], "data": [10.5] });
    let good: Vec<Vec<u8>> = vec![
        rows.to_string().into_bytes(),
        json!({ "dataframe_records": rows }).to_string().into_bytes(),
        json!({ "dataframe_split": { "columns": ["income", "visits", "color"], "data": [[10.5, 5, "red"]] } }).to_string().into_bytes(),
        json!({ "inputs": { "income": [10.5], "visits": [5], "color": ["red"] } }).to_string().into_bytes(),
        json!({ "inputs": [tensor] }).to_string().into_bytes(),
        super::CSV.as_bytes().to_vec(),
    ];
    let mut dice = Dice(7);
    let mut refused = 0;
    for i in 0..n {
        let path = PATHS[dice.roll(PATHS.len())];
        let media = MEDIA[if dice.roll(3) > 0 { 0 } else { dice.roll(MEDIA.len()) }];
        let body = bodies(&mut dice, &good);
        let length = dice.roll(200).to_string();
        let mut headers = vec![("Content-Type", media)];
        if dice.roll(8) == 0 {
            headers.push(("Inference-Header-Content-Length", &length));
        }
        let told = server.ask("POST", path, &headers, &body);
        let shown = String::from_utf8_lossy(&body);
        assert!(
            (200..500).contains(&told.status),
            "{i}: {} {path} {media}: {}\n{shown}",
            told.status,
            told.text()
        );
        refused += usize::from(told.status >= 400);
    }
    assert!(refused > n / 2, "{refused} of {n}");
    server.post("/v1/predict", rows.to_string()).expect(200);
}

#[test]
fn odd_connections_harm_nobody() {
    let (project, _) = served();
    let server = Server::start(
        &project,
        &["--no-access-log", "--timeout", "1", "--max-body", "64KiB", "--queue", "2"],
    );
    let deep = format!("[{{\"x\":{}", "[".repeat(30_000));
    server.post("/v1/predict", deep).expect(400);
    let deep = format!("{{\"dataframe_records\":{}", "{\"a\":".repeat(10_000));
    server.post("/invocations", deep).expect(400);
    server.post("/v1/predict", vec![b'['; 70_000]).expect(413);
    let chunked = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "8000\r\n".to_string()
            + &"[".repeat(0x8000)
            + "\r\n8001\r\n"
            + &"[".repeat(0x8001)
            + "\r\n0\r\n\r\n"
    );
    assert_eq!(reply(&server.raw(chunked.as_bytes())).unwrap().status, 413);
    for nonsense in [
        &b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n[{",
    ] {
        let told = reply(&server.raw(nonsense));
        assert!(told.is_none_or(|told| (400..500).contains(&told.status)), "{nonsense:?}");
    }
    // Bodies that do not come hold places, and further requests are told to come again.
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = server.connect();
            stream
                .write_all(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n[")
                .unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let busy = server.post("/v1/predict", records().to_string());
    assert_eq!((busy.status, busy.header("retry-after").as_deref()), (503, Some("1")));
    for mut stream in slow {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert_eq!(reply(&all).unwrap().status, 408);
    }
    // A head that does not come, and clients that go away in the middle.
    let mut late = server.connect();
    late.write_all(b"POST /v1/predict HT").unwrap();
    let mut all = Vec::new();
    late.read_to_end(&mut all).unwrap();
    for _ in 0..20 {
        drop(server.connect());
        server
            .connect()
            .write_all(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n[")
            .unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    server.post("/v1/predict", records().to_string()).expect(200);
}
