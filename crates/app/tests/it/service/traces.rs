//! Tests that the service exports spans to a collector, as part of the caller's trace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::{LIST, Response, Setup, client};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_SPAN_ID: &str = "b7ad6b7169203331";

/// A collector that accepts spans by OTLP over HTTP.
struct Collector {
    address: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
        let address = format!("http://{}", listener.local_addr().expect("the listener must have an address"));
        let spans = Arc::new(Mutex::new(Vec::new()));
        let received_spans = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let received_spans = Arc::clone(&received_spans);
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some((path, body)) = read_request(&mut reader) {
                        assert_eq!(path, "/v1/traces");
                        let request = ExportTraceServiceRequest::decode(body.as_slice())
                            .expect("the body must be OTLP");
                        let scopes =
                            request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
                        received_spans
                            .lock()
                            .expect("the lock must not be poisoned")
                            .extend(scopes.flat_map(|scope| scope.spans));
                        let response = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                        reader.get_mut().write_all(response.as_bytes()).expect("the bytes must be sent");
                    }
                });
            }
        });
        Self { address, spans }
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("the lock must not be poisoned").clone()
    }
}

fn read_request(reader: &mut BufReader<std::net::TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut request_line, mut length) = (String::new(), 0);
    reader.read_line(&mut request_line).ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((request_line.split(' ').nth(1)?.to_owned(), body))
}

fn find_attribute(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn spans_belong_to_trace_of_caller() {
    let collector = Collector::start();
    let mut service = Setup::new()
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address)
        .with("ICP__LOG__FORMAT", "json")
        .start();
    let token = service.token("user_abc123");
    let request = client().get(format!("{}{LIST}", service.address)).bearer_auth(&token);
    let request = request.header("traceparent", format!("00-{TRACE_ID}-{PARENT_SPAN_ID}-01"));
    assert_eq!(Response::fetch(request).await.status, 200);
    assert_eq!(service.get(LIST, None).await.status, 401, "the request without a token must be rejected");
    // The shutdown sends the remaining spans.
    service.signal("TERM");
    assert!(service.wait_for_exit(Duration::from_secs(20)).is_some_and(|status| status.success()));

    let spans = collector.spans();
    let find = |name: &str| {
        let span = spans.iter().find(|span| span.name == name && to_hex(&span.trace_id) == TRACE_ID);
        span.unwrap_or_else(|| {
            panic!(
                "the trace must contain {name}: {:?}",
                spans.iter().map(|span| &span.name).collect::<Vec<_>>()
            )
        })
    };
    let request = find("GET /api/v1/entities/icps");
    assert_eq!(to_hex(&request.parent_span_id), PARENT_SPAN_ID);
    assert_eq!(find_attribute(request, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(find_attribute(request, "http.route").as_deref(), Some(LIST));
    for child in ["sign in", "list"] {
        assert_eq!(find(child).parent_span_id, request.span_id, "{child}");
    }
    assert!(
        spans.iter().any(|span| to_hex(&span.trace_id) != TRACE_ID),
        "the second request must have a different trace"
    );
    let all_spans = format!("{spans:?}");
    assert!(!all_spans.contains("user_abc123") && !all_spans.contains(&token[..20]), "{all_spans}");

    let log = service.log();
    let line = log.lines().find(|line| line.contains(r#""status":200"#)).expect("the log must have the line");
    assert!(line.contains(TRACE_ID), "{line}");
}

#[tokio::test]
async fn unreachable_collector_does_not_affect_requests() {
    let mut service = Setup::new().with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9").start();
    assert_eq!(service.list("user_abc123").await.status, 200);
    service.signal("TERM");
    assert!(service.wait_for_exit(Duration::from_secs(20)).is_some_and(|status| status.success()));
}

#[tokio::test]
async fn log_names_trace_without_collector() {
    let service = Setup::new().with("ICP__LOG__FORMAT", "json").start();
    for header in [format!("00-{TRACE_ID}-{PARENT_SPAN_ID}-00"), "00-zz".to_owned()] {
        let request = client().get(format!("{}{LIST}", service.address)).header("traceparent", header);
        Response::fetch(request).await;
    }
    let log = service.log();
    // The second header is malformed, so its line names no trace of a caller.
    let contains_trace: Vec<_> = log
        .lines()
        .filter(|line| line.contains("request completed"))
        .map(|line| line.contains(TRACE_ID))
        .collect();
    assert_eq!(contains_trace, [true, false]);
}
