//! The addresses, and what every request and answer goes through: only this machine's names, only reading, nothing
//! from anywhere else. It does not know what is on the pages.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::task;

use super::{
    artifact,
    asked::Asked,
    board, compare, events, runs,
    shell::{self, Page},
    site::Site,
};
use crate::{
    app::AppError,
    base::hash::ContentHash,
    kinds::page::{palette, style},
};

/// Pages take styles and scripts from here alone, and nothing else; styles in attributes set widths of bars.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An artifact that is a page shows itself and does nothing.
const ARTIFACT_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                               base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

type Params = Query<Vec<(String, String)>>;

/// Returns all routes.
pub fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(pipeline))
        .route("/artifact", get(look))
        .route("/download", get(download))
        .route("/page", get(artifact_page))
        .route("/runs", get(list))
        .route("/run", get(run))
        .route("/compare", get(comparison))
        .route("/events", get(stream))
        .route("/style.css", get(styles))
        .route("/app.js", get(script))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(site.clone(), around))
        .with_state(site)
}

/// Goes around every request.
async fn around(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = match host {
        Some(host) if site.is_own(host) => next.run(request).await,
        _ => {
            let text = "this page answers on this machine only, under 127.0.0.1 or localhost\n";
            (StatusCode::FORBIDDEN, text).into_response()
        }
    };
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(POLICY);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Makes an answer where waiting for the disk keeps nobody else waiting.
async fn made(
    site: Arc<Site>,
    make: impl FnOnce(&Site) -> Result<Response, AppError> + Send + 'static,
) -> Response {
    let answered = task::spawn_blocking(move || {
        make(&site).unwrap_or_else(|error| {
            let (status, page) = shell::refusal(&error);
            html(status, shell::document(&site, &page))
        })
    });
    let failed = || (StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made\n");
    answered.await.unwrap_or_else(|_| failed().into_response())
}

fn html(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

fn shown(site: &Site, page: &Page) -> Response {
    html(StatusCode::OK, shell::document(site, page))
}

async fn pipeline(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    made(site, |site| Ok(shown(site, &board::page(site, &Asked(asked))?))).await
}

async fn look(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    made(site, |site| Ok(shown(site, &artifact::page(site, &Asked(asked))?))).await
}

async fn list(State(site): State<Arc<Site>>) -> Response {
    made(site, |site| Ok(shown(site, &runs::list(site)?))).await
}

async fn run(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    made(site, |site| Ok(shown(site, &runs::one(site, &Asked(asked))?))).await
}

async fn comparison(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    made(site, |site| Ok(shown(site, &compare::page(site, &Asked(asked))?))).await
}

/// Answers with an artifact's bytes, to be saved.
async fn download(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    made(site, |site| {
        let artifact = artifact::find(site, &Asked(asked))?;
        let bytes = artifact.bytes(&site.project.store()?)?;
        let disposition = format!("attachment; filename=\"{}\"", artifact::file_name(&artifact));
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream".to_string()),
            (header::CONTENT_DISPOSITION, disposition),
        ];
        Ok((headers, bytes).into_response())
    })
    .await
}

/// Answers with an artifact that is a page. The hash is all that is taken from the address, so no other file can be meant.
async fn artifact_page(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    made(site, |site| {
        let asked = Asked(asked);
        let hash = asked.get("hash").unwrap_or_default();
        let unknown = || AppError::Usage("there is no page with such a hash in the store".into());
        let hash: ContentHash = hash.parse().map_err(|_| unknown())?;
        let store = site.project.store()?;
        if !store.has_object(&hash, "html")? {
            return Err(unknown());
        }
        let policy = [(header::CONTENT_SECURITY_POLICY, ARTIFACT_POLICY)];
        let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        Ok((policy, kind, store.read_object(&hash, "html")?).into_response())
    })
    .await
}

async fn stream(State(site): State<Arc<Site>>, Query(asked): Params) -> Response {
    match events::stream(site, Asked(asked)) {
        Some(stream) => {
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(stream)).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n").into_response(),
    }
}

async fn styles() -> Response {
    let text = [style(), &palette::css(), include_str!("../../../templates/ui/ui.css")].concat();
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text).into_response()
}

async fn script() -> Response {
    let text = include_str!("../../../templates/ui/app.js");
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

async fn nothing(State(site): State<Arc<Site>>) -> Response {
    made(site, |_| Err(AppError::Usage("there is nothing at this address".into()))).await
}
