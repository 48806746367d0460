//! What the API says when it does not do what it was asked: RFC 9457 problem details.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cambista_engine::EngineError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an error means for the user's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Funds {
    /// Nothing was moved or locked by what was asked.
    Safe,
    /// Whether something was moved is not known; `next` says how to look.
    Unknown,
    /// Something must be done to keep the money safe; `next` says what.
    ActionNeeded,
}

/// The kind of error, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request cannot be meant.
    Invalid,
    /// The token is missing or wrong.
    Unauthorized,
    /// Asked under a name this API does not answer to.
    ForbiddenHost,
    /// Asked by a web page.
    ForbiddenOrigin,
    /// There is no such thing.
    NotFound,
    /// Price, limits or the maker stand against it.
    Refused,
    /// Something needed is not there now; the same request may work later.
    Unavailable,
    /// The node is stopping.
    Stopping,
    /// Something inside this node failed.
    Internal,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForbiddenHost | Self::ForbiddenOrigin => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Refused => StatusCode::CONFLICT,
            Self::Unavailable | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Invalid => "The request cannot be carried out as written",
            Self::Unauthorized => "The API token is missing or wrong",
            Self::ForbiddenHost => "The API answers on this machine only",
            Self::ForbiddenOrigin => "The API does not answer web pages",
            Self::NotFound => "There is no such thing",
            Self::Refused => "Refused",
            Self::Unavailable => "Not possible right now",
            Self::Stopping => "The node is stopping",
            Self::Internal => "Something inside the node failed",
        }
    }
}

/// An error of the API (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// `about:blank`: `code` tells the kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for a person.
    pub detail: String,
    /// The kind, for a program.
    pub code: Code,
    /// What it means for the money.
    pub funds: Funds,
    /// A command to type next.
    pub next: Option<String>,
}

impl Problem {
    /// An error of this kind after which no money has moved.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.into(),
            code,
            funds: Funds::Safe,
            next: None,
        }
    }

    /// The request cannot be meant.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::Invalid, detail)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// Price, limits or the other side stand against it.
    #[must_use]
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(Code::Refused, detail)
    }

    /// Something needed is not there now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, detail)
    }

    /// Something inside this node failed.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(Code::Internal, detail)
    }

    /// Says what to type next.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }

    /// Says what it means for the money.
    #[must_use]
    pub fn funds(mut self, funds: Funds) -> Self {
        self.funds = funds;
        self
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        match error {
            EngineError::Invalid(_) => Self::invalid(detail),
            EngineError::NotFound(_) => Self::not_found(detail).next("cambista swaps"),
            EngineError::Refused(_) => Self::refused(detail).next("cambista offers"),
            EngineError::Unavailable(_) => Self::unavailable(detail).next("cambista status"),
            EngineError::Stopped => Self::new(Code::Stopping, detail).next("cambista run"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}
