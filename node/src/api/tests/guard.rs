//! Who is let in, and how much of it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::served::{Served, TOKEN, served};
use crate::api::door::PLACES;
use crate::api::serve::serve_within;
use crate::api::types::*;
use crate::client::Client;

/// So long may anything take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

async fn raw(node: &Served, request: String) -> String {
    let mut stream = TcpStream::connect(&node.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    answer
}

/// One more request on a connection that stays open, and the head of its answer.
async fn again(stream: &mut TcpStream) -> String {
    let request = format!(
        "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let whole = async {
        loop {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).await.unwrap();
            assert!(read > 0, "closed");
            answer.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let named = name.eq_ignore_ascii_case("content-length");
                named.then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap() {
                return head.to_owned();
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.unwrap()
}

/// Waits until the other side has closed a connection.
async fn closed(stream: &mut TcpStream) {
    let gone = async {
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {}
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("closed");
}

fn get(path: &str, host: &str, authorization: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Connection: close\r\n\r\n")
}

fn problem(answer: &str) -> Problem {
    assert!(
        answer.contains("content-type: application/problem+json"),
        "{answer}"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn without_the_token_of_this_run_nobody_learns_anything() {
    let node = served(|_| ()).await;
    let wrong = [
        "",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer 0123456789abcdee\r\n",
        "Authorization: Bearer 0123456789abcdef0\r\n",
        "Authorization: Basic 0123456789abcdef\r\n",
    ];
    for header in wrong {
        for path in ["/api/v1/status", "/api/v1/openapi.json", "/nothing"] {
            let problem = problem(&raw(&node, get(path, "localhost", header)).await);
            assert_eq!(
                (problem.status, problem.code),
                (401, Code::Unauthorized),
                "{header} {path}"
            );
        }
    }
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = raw(&node, get("/api/v1/status", "localhost", &header)).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_web_page_that_names_itself_this_machine_is_turned_away() {
    let node = served(|_| ()).await;
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    let problem = problem(&raw(&node, get("/api/v1/status", "evil.example", &header)).await);
    assert_eq!((problem.status, problem.code), (403, Code::ForbiddenHost));
    let two = format!("Host: evil.example\r\n{header}");
    let answer = raw(&node, get("/api/v1/status", "localhost", &two)).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn no_web_page_is_answered_even_with_the_token() {
    let node = served(|_| ()).await;
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for page in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        // Another program's page on this machine.
        "Origin: http://localhost:1\r\n",
        "Origin: https://localhost\r\n",
        "Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        let headers = format!("{page}{token}");
        let answer = raw(&node, get("/api/v1/status", "localhost", &headers)).await;
        assert!(
            !answer.to_lowercase().contains("access-control"),
            "{answer}"
        );
        let problem = problem(&answer);
        assert_eq!(
            (problem.status, problem.code),
            (403, Code::ForbiddenOrigin),
            "{page}"
        );
    }
    for own in [
        "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n",
        "Sec-Fetch-Site: none\r\n",
    ] {
        let headers = format!("{own}{token}");
        let answer = raw(&node, get("/api/v1/status", "localhost", &headers)).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn a_browser_that_asks_whether_a_page_may_is_told_nothing() {
    let node = served(|_| ()).await;
    for origin in ["https://evil.example", "http://localhost"] {
        let preflight = format!(
            "OPTIONS /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = raw(&node, preflight).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        assert!(
            !answer.to_lowercase().contains("access-control"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn however_many_connect_and_say_nothing_the_owner_is_answered() {
    const MORE: usize = 10;
    let node = served(|_| ()).await;
    let mut owner = TcpStream::connect(&node.address).await.unwrap();
    assert!(again(&mut owner).await.starts_with("HTTP/1.1 200 OK"));
    let mut idle = Vec::new();
    for _ in 0..PLACES + MORE {
        idle.push(TcpStream::connect(&node.address).await.unwrap());
    }
    let _: Status = node
        .call(|client| client.get("/status", &[]))
        .await
        .unwrap();
    assert!(again(&mut owner).await.starts_with("HTTP/1.1 200 OK"));
    // Who came first and said nothing has made room.
    for stream in &mut idle[..MORE] {
        closed(stream).await;
    }
}

#[tokio::test]
async fn who_does_not_say_what_it_wants_is_not_waited_for() {
    let node = served(|_| ()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = crate::api::State::over(node.node.clone(), node.node.clone(), TOKEN);
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let head = Duration::from_millis(50);
    tokio::spawn(serve_within(head, listener, state, stopped));
    for begun in ["", "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let node = served(|_| ()).await;
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    let missing = problem(&raw(&node, get("/api/v1/money", "localhost", &header)).await);
    assert_eq!((missing.status, missing.code), (404, Code::NotFound));
    let method = problem(&raw(&node, get("/api/v1/plans", "localhost", &header)).await);
    assert!(method.detail.contains("does not take GET"), "{method:?}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let node = served(|_| ()).await;
    let order = Order {
        quote_id: Some("a".repeat(70_000)),
        ..Order::default()
    };
    let problem = node
        .refused(move |client| client.post::<OrderStarted>("/orders", &order))
        .await;
    assert_eq!(problem.code, Code::Invalid);
    assert!(node.node.asked.lock().unwrap().started.is_empty());
}

#[tokio::test]
async fn the_api_is_never_served_to_a_network() {
    let node = served(|_| ()).await;
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let state = crate::api::State::over(node.node.clone(), node.node.clone(), TOKEN);
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    assert!(crate::api::serve(open, state, stopped).await.is_err());
}

#[tokio::test]
async fn it_stops_when_told_even_with_someone_waiting() {
    let node = served(|_| ()).await;
    let client = Client::open(&node.dir).unwrap();
    let waiting = tokio::task::spawn_blocking(move || {
        let query = [("since", "1".to_owned()), ("wait", "30".to_owned())];
        client.get::<cambista_engine::view::SwapView>("/swaps/ab", &query)
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    node.stop.send(true).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), node.server).await;
    ended.unwrap().unwrap().unwrap();
    drop(node.stop);
    waiting.abort();
}
