//! Who may ask: this machine under its own name, no web page, with the token of this run.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::door::Caller;
use super::problem::{Code, Problem};
use super::state::State;

/// Requests answered at a time; the others are told to come again.
pub(super) const MAX_REQUESTS: usize = 128;

/// Lets a request through, or answers it.
pub(super) async fn guard(
    state: State,
    slots: Arc<Semaphore>,
    request: Request,
    next: Next,
) -> Response {
    if !local(request.headers(), request.uri()) {
        return turned_away(
            Code::ForbiddenHost,
            "the request was addressed to a name other than 127.0.0.1, [::1] or localhost",
        );
    }
    if !own_origin(request.headers()) {
        return turned_away(
            Code::ForbiddenOrigin,
            "a browser sent this for a web page that is not this API's own; the API answers programs, not pages",
        );
    }
    if !authorized(request.headers(), &state.token) {
        return turned_away(
            Code::Unauthorized,
            "send `Authorization: Bearer ` and the content of the file `api-token` in the data folder; it is new at \
             every start of the node",
        );
    }
    let caller = request.extensions().get::<Arc<Caller>>();
    if caller.is_some_and(|caller| !caller.knows_the_token()) {
        return busy();
    }
    let Ok(_slot) = slots.try_acquire() else {
        return busy();
    };
    next.run(request).await
}

fn busy() -> Response {
    Problem::unavailable("too many requests at a time; ask again in a moment").into_response()
}

/// The answer to one who may not ask. It is the last on its connection.
fn turned_away(code: Code, why: &str) -> Response {
    let mut response = Problem::new(code, why).into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

fn local(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_local),
        _ => false,
    };
    named
        && uri
            .authority()
            .is_none_or(|authority| is_local(authority.as_str()))
}

/// Whether no browser says that somebody else's page asks. Browsers name the page in `Origin` wherever something could be
/// changed, and how far away it is in `Sec-Fetch-Site`; programs send neither.
fn own_origin(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let own = |origin: &HeaderValue| {
        let named = origin.as_bytes().strip_prefix(b"http://");
        named.is_some() && named == host
    };
    let near = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    headers.get_all(header::ORIGIN).iter().all(own)
        && headers.get_all("sec-fetch-site").iter().all(near)
}

/// Whether `host[:port]` is this machine's own name.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "127.0.0.1" || name == "[::1]" || name.eq_ignore_ascii_case("localhost")
}

fn authorized(headers: &HeaderMap, token: &str) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .is_some_and(|given| !token.is_empty() && bool::from(given.ct_eq(token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost:1",
            "LOCALHOST",
            "[::1]",
            "[::1]:9",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "evil.example:127",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
