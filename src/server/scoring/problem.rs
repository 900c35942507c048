//! What is wrong with a request, in the shape that each protocol gives it. It does not know how requests are read.

use axum::http::StatusCode;
use serde_json::json;

use crate::stage::error::StageError;

/// Whose manners an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Our own.
    Native,
    /// MLflow's scoring server.
    Mlflow,
    /// The Open Inference Protocol.
    Inference,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// One word for programs, in MLflow's spelling.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl Problem {
    /// Makes one.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, code, message: message.into() }
    }

    /// The body is not what the protocol says.
    pub fn malformed(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// The rows are not what the model takes.
    pub fn unfit(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message)
    }

    /// There is no such thing.
    pub fn unknown(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// The body is of a type that is not read here.
    pub fn media(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST", message)
    }

    /// The fault is ours.
    pub fn internal(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    }

    /// Returns the body of the answer.
    pub fn body(&self, protocol: Protocol, request_id: &str) -> String {
        let Problem { code, message, .. } = self;
        match protocol {
            Protocol::Native => {
                json!({ "error": { "code": code, "message": message }, "request_id": request_id })
            }
            Protocol::Mlflow => json!({ "error_code": code, "message": message }),
            Protocol::Inference => json!({ "error": message }),
        }
        .to_string()
    }
}

impl From<StageError> for Problem {
    fn from(error: StageError) -> Problem {
        let text = error.to_string();
        match error {
            StageError::Io { .. } | StageError::Internal(_) => Problem::internal(text),
            StageError::Cancelled => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", text)
            }
            _ => Problem::unfit(text),
        }
    }
}
