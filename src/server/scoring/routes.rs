//! The routes, and what every request goes through: its id, the token, a place in the queue, its body, its time, the log.
//! It does not know what bodies say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::{self, Body},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::json;
use tokio::{task, time};

use super::{
    asked::{Answerer, Asked, JSON, Reply},
    inference,
    loaded::Loaded,
    metrics::ROUTES,
    mlflow, native,
    problem::{Problem, Protocol},
    service::Service,
};

/// Bodies up to here are answered where they arrive; longer ones would keep others waiting.
const SMALL: usize = 64 << 10;

/// What others may not be kept from.
const OPEN: &[&str] = &["/", "/ping", "/health", "/v2/health/live", "/v2/health/ready"];

/// Counts rows from the answer to the log.
#[derive(Clone, Copy)]
struct Rows(usize);

/// Returns all routes.
pub fn router(service: Arc<Service>) -> Router {
    let model = Router::new()
        .route("/", get(metadata))
        .route("/ready", get(ready))
        .route("/infer", post(infer));
    let version = Router::new()
        .route("/", get(metadata))
        .route("/ready", get(ready))
        .route("/infer", post(infer));
    Router::new()
        .route("/", get(page))
        .route("/openapi.json", get(openapi))
        .route("/metrics", get(metrics))
        .route("/ping", get(alive))
        .route("/health", get(alive))
        .route("/version", get(version_text))
        .route("/v1/predict", post(predict))
        .route("/invocations", post(invocations))
        .route("/v2", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready_server))
        .nest("/v2/models/{name}", model)
        .nest("/v2/models/{name}/versions/{version}", version)
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(service.clone(), around))
        .with_state(service)
}

/// Goes around every request.
async fn around(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let path = request.uri().path();
    let protocol = protocol(path);
    let route = match path {
        "/v1/predict" => 0,
        "/invocations" => 1,
        path if path.ends_with("/infer") => 2,
        _ => ROUTES.len() - 1,
    };
    let told = service.log.is_on().then(|| (request.method().clone(), path.to_string()));
    service.metrics.in_flight.fetch_add(1, Ordering::Relaxed);
    let mut response = if may_pass(&service, &request) {
        next.run(request).await
    } else {
        let text = "a token is needed: `Authorization: Bearer TOKEN`";
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", text);
        let mut response = refusal(&problem, protocol, &id);
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        response
    };
    service.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    // A problem is written here, where the request's id is known.
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        let mut written = refusal(&problem, protocol, &id);
        for name in [header::ALLOW, header::RETRY_AFTER] {
            if let Some(value) = response.headers_mut().remove(&name) {
                written.headers_mut().insert(name, value);
            }
        }
        response = written;
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let n_rows = response.extensions().get::<Rows>().map_or(0, |rows| rows.0);
    let status = response.status().as_u16();
    let took = start.elapsed();
    service.metrics.count(route, status, took, n_rows);
    if let Some((method, path)) = told {
        tell(&service, &id, &method, &path, status, n_rows, took.as_micros());
    }
    response
}

fn tell(
    service: &Service,
    id: &str,
    method: &Method,
    path: &str,
    status: u16,
    n_rows: usize,
    micros: u128,
) {
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let line = json!({
        "time": now, "request": id, "method": method.as_str(), "path": path, "status": status, "rows": n_rows,
        "ms": micros as f64 / 1e3,
    });
    if !service.log.line(line.to_string()) {
        service.metrics.lost_lines.fetch_add(1, Ordering::Relaxed);
    }
}

fn protocol(path: &str) -> Protocol {
    match path {
        "/invocations" | "/ping" | "/health" | "/version" => Protocol::Mlflow,
        path if path == "/v2" || path.starts_with("/v2/") => Protocol::Inference,
        _ => Protocol::Native,
    }
}

/// Takes over an id that came with the request, if it can stand in a header and a log; else makes one.
fn request_id(headers: &HeaderMap) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    if let Some(given) = given.filter(|id| !id.is_empty() && id.len() <= 128) {
        return given.to_string();
    }
    let start = START.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now.as_micros() as u64) ^ (u64::from(std::process::id()) << 48)
    });
    format!("{start:016x}-{:x}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn may_pass(service: &Service, request: &Request) -> bool {
    let Some(token) = &service.token else { return true };
    if OPEN.contains(&request.uri().path()) {
        return true;
    }
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|value| {
        let (scheme, token) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    // Hashes are compared in constant time, whatever came.
    *token == blake3::hash(given.unwrap_or_default()) && given.is_some()
}

fn refusal(problem: &Problem, protocol: Protocol, id: &str) -> Response {
    let body = problem.body(protocol, id);
    (problem.status, [(header::CONTENT_TYPE, JSON)], body).into_response()
}

impl IntoResponse for Problem {
    /// The body is written by whoever knows the protocol.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Reads the body and lets `answer` answer it.
async fn ask(service: Arc<Service>, request: Request, answer: Answerer) -> Response {
    let Ok(_place) = service.queue.try_acquire() else {
        service.metrics.turned_away.fetch_add(1, Ordering::Relaxed);
        return come_again("too many requests wait");
    };
    let limits = service.limits;
    let (parts, body) = request.into_parts();
    let deadline = time::Instant::now() + limits.time;
    let declared = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if declared.and_then(|v| v.parse::<u64>().ok()).is_some_and(|n| n > limits.body as u64) {
        return too_long(limits.body);
    }
    let body = match time::timeout_at(deadline, body::to_bytes(body, limits.body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => {
            let is_long = std::error::Error::source(&error)
                .is_some_and(|e| e.to_string().contains("length limit"));
            return match is_long {
                true => too_long(limits.body),
                false => Problem::malformed("the body broke off").into_response(),
            };
        }
        Err(_) => {
            let text = format!("the body did not arrive within {} s", limits.time.as_secs_f64());
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "DEADLINE_EXCEEDED", text);
            return problem.into_response();
        }
    };
    let loaded = service.current();
    if body.len() <= SMALL {
        let asked = Asked { loaded: &loaded, work: &service.alone, headers: &parts.headers, body };
        return finished(&loaded, caught(|| answer(&asked)));
    }
    let (lent, by) = (service.clone(), loaded.clone());
    let answered = task::spawn_blocking(move || {
        let cancel = lent
            .together
            .cancel
            .child(Some(deadline.saturating_duration_since(time::Instant::now())));
        let work = crate::stage::work::Work { cancel, ..lent.together.clone() };
        let asked = Asked { loaded: &by, work: &work, headers: &parts.headers, body };
        caught(|| answer(&asked))
    });
    match answered.await {
        Ok(Err(problem)) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            come_again("the answer took too long")
        }
        Ok(answered) => finished(&loaded, answered),
        Err(_) => Problem::internal("the answer broke off").into_response(),
    }
}

/// A fault of ours ends one request, not the server.
fn caught(answer: impl FnOnce() -> Result<Reply, Problem>) -> Result<Reply, Problem> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(answer))
        .unwrap_or_else(|_| Err(Problem::internal("the answer broke off")))
}

fn finished(loaded: &Loaded, answered: Result<Reply, Problem>) -> Response {
    let reply = match answered {
        Ok(reply) => reply,
        Err(problem) => return problem.into_response(),
    };
    let mut response = Response::new(Body::from(reply.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.media));
    headers.insert("x-orchestrate-run", loaded.run_header.clone());
    headers.insert("x-orchestrate-model", loaded.model_header.clone());
    if let Some(length) = reply.json_length {
        headers.insert(inference::JSON_LENGTH, HeaderValue::from(length));
    }
    response.extensions_mut().insert(Rows(reply.n_rows));
    response
}

fn come_again(why: &str) -> Response {
    let text = format!("{why}; try again");
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", text);
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn too_long(limit: usize) -> Response {
    let text = format!("the body is longer than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BAD_REQUEST", text).into_response()
}

async fn predict(State(service): State<Arc<Service>>, request: Request) -> Response {
    ask(service, request, native::predict).await
}

async fn invocations(State(service): State<Arc<Service>>, request: Request) -> Response {
    ask(service, request, mlflow::invocations).await
}

/// The name of a model, and its version where one is given.
type Named = Path<Vec<String>>;

fn known(loaded: &Loaded, named: &[String]) -> Result<(), Problem> {
    let model = inference::name(loaded);
    match named {
        [name] if name == model => Ok(()),
        [name, version] if name == model && *version == loaded.run => Ok(()),
        [name, version] if name == model => Err(Problem::unknown(format!(
            "model `{name}` has no version `{version}`; it has {}",
            loaded.run
        ))),
        named => {
            let name = named.first().map(String::as_str).unwrap_or_default();
            Err(Problem::unknown(format!("there is no model `{name}`; there is `{model}`")))
        }
    }
}

async fn infer(
    State(service): State<Arc<Service>>,
    Path(named): Named,
    request: Request,
) -> Response {
    match known(&service.current(), &named) {
        Ok(()) => ask(service, request, inference::infer).await,
        Err(problem) => problem.into_response(),
    }
}

async fn metadata(
    State(service): State<Arc<Service>>,
    Path(named): Named,
) -> Result<Response, Problem> {
    let loaded = service.current();
    known(&loaded, &named)?;
    Ok(document(inference::metadata(&loaded).to_string()))
}

async fn ready(
    State(service): State<Arc<Service>>,
    Path(named): Named,
) -> Result<Response, Problem> {
    let loaded = service.current();
    known(&loaded, &named)?;
    Ok(document(json!({ "name": inference::name(&loaded), "ready": true }).to_string()))
}

async fn server() -> Response {
    document(inference::server().to_string())
}

async fn live() -> Response {
    document(json!({ "live": true }).to_string())
}

async fn ready_server() -> Response {
    document(json!({ "ready": true }).to_string())
}

async fn openapi(State(service): State<Arc<Service>>) -> Response {
    document(service.current().openapi.clone())
}

async fn page(State(service): State<Arc<Service>>) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                  img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, service.current().page.clone()).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let loaded = service.current();
    let (run, model, pipeline) = (&loaded.run, &loaded.model, &loaded.scorer.pipeline);
    let text = service.metrics.text(run, model, pipeline, &loaded.watching);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn alive() -> Response {
    plain("\n")
}

async fn version_text() -> Response {
    plain(env!("CARGO_PKG_VERSION"))
}

async fn nothing(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(100).collect();
    Problem::unknown(format!("there is nothing at `{path}`; /openapi.json tells what there is"))
}

async fn not_so(request: Request) -> Problem {
    let text = format!("{} is not for `{}`", request.method(), request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", text)
}

fn plain(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

fn document(json: impl Into<Bytes>) -> Response {
    ([(header::CONTENT_TYPE, JSON)], json.into()).into_response()
}
