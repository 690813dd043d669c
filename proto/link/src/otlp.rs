//! Spans to a collector, as OTLP over gRPC. A span of a client's request belongs to the trace whose id is the request id: see
//! [`crate::trace`]. Where no collector is named nothing is sent; one that does not answer costs spans and nothing else.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// Where the collector listens: OpenTelemetry's own name.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Sends this process's spans, if a collector is named.
pub fn layer<S>() -> Option<Box<dyn Layer<S> + Send + Sync>>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let endpoint = std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty())?;
    match provider(&endpoint) {
        Ok(provider) => Some(Box::new(over(&provider))),
        Err(error) => {
            // There is no subscriber yet that could be told.
            eprintln!("spans are not exported: {ENDPOINT} = {endpoint}: {error}");
            None
        }
    }
}

/// Must be called in a runtime, which the connection then lives in.
fn provider(endpoint: &str) -> Result<SdkTracerProvider, opentelemetry_otlp::ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let resource = Resource::builder().with_service_name("freehold").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn over<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    tracing_opentelemetry::layer().with_tracer(provider.tracer("freehold"))
}

/// Puts a span into its request's trace. Before it is entered for the first time.
pub fn join(span: &Span, traceparent: &str) {
    let mut parts = traceparent.split('-').skip(1);
    let (Some(Ok(trace)), Some(Ok(parent))) = (parts.next().map(TraceId::from_hex), parts.next().map(SpanId::from_hex)) else { return };
    let remote = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
}

#[cfg(all(test, feature = "otlp-collector"))]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
    use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
    use tonic::{Request, Response, Status};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const ID: &str = "0af76519-16cd-43dd-8448-eb211c80319c";

    /// Keeps what it is sent.
    #[derive(Clone, Default)]
    struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

    #[tonic::async_trait]
    impl TraceService for Collector {
        async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
            self.0.lock().unwrap().push(request.into_inner());
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_s_spans_reach_the_collector_under_its_request_id() {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        let serving = tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));

        let provider = provider(&endpoint).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(over(&provider)), || {
            let request = tracing::info_span!("request", action = "RunInstances");
            crate::trace::join(&request, ID);
            request.in_scope(|| tracing::info_span!("command").in_scope(|| tracing::info!("done")));
            let stray = tracing::info_span!("stray");
            crate::trace::join(&stray, "test");
            stray.in_scope(|| {});
        });
        let flushed = provider.clone();
        tokio::task::spawn_blocking(move || flushed.force_flush()).await.unwrap().unwrap();
        let requests = collector.0.lock().unwrap().clone();
        let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|resource| &resource.scope_spans);
        let spans: Vec<_> = scopes.flat_map(|scope| scope.spans.clone()).collect();
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name} in {spans:?}"));
        let trace = u128::from_str_radix(&ID.replace('-', ""), 16).unwrap().to_be_bytes();
        assert_eq!(named("request").trace_id, trace);
        assert_eq!((&named("command").trace_id[..], &named("command").parent_span_id), (&trace[..], &named("request").span_id));
        assert_ne!(named("stray").trace_id, trace, "what belongs to no request is in no request's trace");
        serving.abort();
    }
}
