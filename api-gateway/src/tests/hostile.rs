//! Bytes that nobody means well with, from seeds: whatever comes, the answer is an answer. A failure prints the seed that repeats it.
//!
//! Each test takes a fraction of a second; `FREEHOLD_FUZZ_SECONDS` gives each that long instead.

use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use freehold_proto::clock::ManualClock;
use freehold_wire::{Field, Kind, Operation, Shape, Status};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use quick_xml::events::Event;

use crate::codec;
use crate::dialect::Dialect;
use crate::form;
use crate::query::Query;
use crate::request::Request;
use crate::sigv4::signer::{Draft, REGION, noon};
use crate::sigv4::{Claim, DayKey, Form};

fn budget() -> Duration {
    let seconds = std::env::var("FREEHOLD_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    seconds.map_or(Duration::from_millis(150), Duration::from_secs)
}

/// What means something to some layer, and what never should.
const WORDS: [&str; 24] = [
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date, Signature=",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Algorithm",
    "X-Amz-Expires=604801",
    "20260102T120000Z",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "Action",
    "Version",
    "2016-11-15",
    "DescribeInstances",
    "InstanceId.1",
    "Filter.2.Value.1000",
    "Tag.4294967297.Key",
    "..",
    "%",
    "%2",
    "%00",
    "%F0%9F",
    "+",
    "&&=&",
    "\u{202e}é\u{fffd}",
    "-9223372036854775808",
];

fn text(source: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for _ in 0..source.int_in_range(0..=6)? {
        match source.int_in_range(0..=3)? {
            0 => text.push_str(source.arbitrary()?),
            1 => text.push(*source.choose(&['.', '=', '&', '%', '/', ';', ',', ' ', '\u{1}', '\u{7f}'])?),
            _ => text.push_str(source.choose(&WORDS)?),
        }
    }
    Ok(text)
}

/// A signed request with some of its parts exchanged, or none of it.
fn request(source: &mut Unstructured<'_>) -> Result<Request> {
    let service = *source.choose(&["ec2", "sts", "s3", "dynamodb"])?;
    let mut request = Draft { presigned: source.arbitrary()?, ..Draft::new(service) }.sign();
    for _ in 0..source.int_in_range(0..=4)? {
        match source.int_in_range(0..=4)? {
            0 => request.path = format!("/{}", text(source)?),
            1 => request.query = text(source)?,
            2 => request.body = text(source)?.into_bytes().into(),
            3 => request.method = Method::from_bytes(text(source)?.as_bytes()).unwrap_or(Method::GET),
            _ => {
                let names = ["authorization", "x-amz-date", "date", "host", "x-amz-security-token", "x-amz-content-sha256", "content-type"];
                let name = HeaderName::from_static(source.choose(&names)?);
                if let Ok(value) = HeaderValue::from_bytes(text(source)?.as_bytes()) {
                    request.headers.append(name, value);
                }
            }
        }
    }
    Ok(request)
}

#[test]
fn no_request_makes_the_verifier_panic_or_believe_a_key_that_did_not_sign() {
    arbtest(|source| {
        let request = request(source)?;
        let _ = Dialect::of(crate::sigv4::claimed_service(&request).as_deref(), &request.headers, &request.query);
        if let Ok(claim) = Claim::read(&request) {
            let _ = claim.admit(&request, &ManualClock::at(noon()), REGION);
            let stranger = DayKey::from_bytes(&[7; 32]).expect("32 bytes");
            assert!(claim.verify(&request, &stranger, None).is_err());
        }
        Ok(())
    })
    .budget(budget());
}

#[test]
fn no_request_makes_the_query_reader_panic_or_say_a_server_is_to_blame() {
    arbtest(|source| {
        let request = request(source)?;
        match Query::read(&request, Form::Header, 50) {
            Ok(query) => {
                let action = crate::service::Service::find("ec2").expect("served").action(&query.action);
                let decoded = action.map(|operation| codec::decode(operation, &query.parameters));
                assert!(decoded.is_none_or(|decoded| decoded.map_or_else(|fault| fault.code.http_status() < 500, |_| true)));
            }
            Err(fault) => assert_eq!(fault.code.http_status(), 400, "{fault}"),
        }
        Ok(())
    })
    .budget(budget());
}

/// A name that leads into a shape, more often than not.
fn name(source: &mut Unstructured<'_>, mut shape: Option<&'static Shape>) -> Result<String> {
    let mut name = String::new();
    while let Some(within) = shape.filter(|shape| !shape.fields.is_empty()) {
        if source.int_in_range(0..=15)? == 0 {
            name.push_str(&text(source)?);
        }
        let field: &Field = source.choose(within.fields)?;
        name.push_str(field.query);
        if field.item.is_some() {
            name.push_str(source.choose(&[".1", ".2", ".1000", ".0", ".01", ".99999999999", "", ".member.1"])?);
        }
        shape = if let Kind::Message(below) = field.kind { Some(below) } else { None };
        if shape.is_some() {
            name.push('.');
        }
        if source.is_empty() || name.len() > 300 {
            break;
        }
    }
    Ok(name)
}

fn served() -> Vec<&'static Operation> {
    let all = freehold_wire::services().iter().flat_map(|service| service.operations.iter());
    all.filter(|operation| operation.status == Status::Served).collect()
}

#[test]
fn no_parameters_make_the_decoder_panic_and_what_it_takes_is_protobuf() {
    let served = served();
    arbtest(|source| {
        let operation = *source.choose(&served)?;
        let mut parameters = Vec::new();
        for _ in 0..source.int_in_range(0..=8)? {
            let name = name(source, Some(operation.request))?;
            let values = ["", "true", "1", "-1", "i-0123456789abcdef0", "2026-01-02T03:04:05Z", "AAAA", "1e400", "NaN"];
            let value = if source.arbitrary()? { text(source)? } else { (*source.choose(&values)?).to_owned() };
            parameters.push((name, value));
        }
        match codec::decode_unchecked(operation, &parameters) {
            // Read as an answer of the same shape it is understood, or names what does not fit; it never ends in the middle of a field.
            Ok(bytes) => assert!(codec::is_whole(&bytes), "{parameters:?}"),
            Err(fault) => assert_eq!(fault.code.http_status(), 400, "{fault}"),
        }
        Ok(())
    })
    .budget(budget());
}

fn assert_well_formed(document: &str) {
    assert!(document.chars().all(codec::is_xml), "{document:?}");
    let mut reader = quick_xml::Reader::from_str(document);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return,
            Ok(_) => {}
            Err(error) => panic!("{error}: {document}"),
        }
    }
}

#[test]
fn no_answer_of_the_schedulers_makes_the_encoder_panic_or_write_what_is_not_xml() {
    let served = served();
    arbtest(|source| {
        let operation = *source.choose(&served)?;
        let bytes: Vec<u8> = source.arbitrary()?;
        if let Ok(document) = codec::encode(operation, &bytes, "id") {
            assert_well_formed(&document);
        }
        Ok(())
    })
    .budget(budget());
}

#[test]
fn whatever_an_error_repeats_its_document_is_xml() {
    arbtest(|source| {
        let message = text(source)?;
        for dialect in [Dialect::Ec2, Dialect::Query, Dialect::RestXml, Dialect::S3] {
            let document = dialect.document("Code", &message, true, "id");
            assert_well_formed(std::str::from_utf8(&document).expect("text"));
        }
        for dialect in [Dialect::Json { one_zero: true }, Dialect::RestJson] {
            let document: serde_json::Value = serde_json::from_slice(&dialect.document("Code", &message, true, "id")).expect("JSON");
            assert_eq!(document["message"], message);
        }
        Ok(())
    })
    .budget(budget());
}

#[test]
fn decoding_a_form_keeps_its_bytes_or_says_what_is_wrong() {
    arbtest(|source| {
        let raw = text(source)?;
        for pair in form::pairs(raw.as_bytes()).flatten() {
            let mut again = String::new();
            form::encode(&mut again, &pair.1, false);
            assert_eq!(form::decode(again.as_bytes(), true).as_deref(), Ok(pair.1.as_slice()));
        }
        Ok(())
    })
    .budget(budget());
}

/// Over the wire: requests on one connection, whole, cut, pipelined, in chunks, with lengths that are not theirs.
#[tokio::test]
async fn no_bytes_on_a_connection_keep_the_next_client_from_being_answered() {
    let running = super::Running::with(crate::Limits { body_time: Duration::from_secs(1), ..crate::Limits::default() }).await;
    let mut drafts: Vec<Vec<u8>> = Vec::new();
    // From one seed, so that the same bytes are sent each time; the connection itself is not arbtest's to shrink.
    let mut seed = 0x5eed_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let pieces: [&[u8]; 12] = [
        b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET http://elsewhere/?X-Amz-Signature=%zz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\xff\xfe",
        b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
    ];
    for _ in 0..40 {
        let mut bytes = Vec::new();
        for _ in 0..=next() % 4 {
            bytes.extend_from_slice(pieces[usize::try_from(next()).expect("31 bits") % pieces.len()]);
        }
        let cut = bytes.len() - usize::try_from(next() % 3).expect("2 bits");
        bytes.truncate(cut);
        drafts.push(bytes);
    }
    for bytes in drafts {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = running.client.connect().await;
        // The server may have hung up by now, as is its right.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(super::wire::PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the server neither answers nor hangs up on {:?}", String::from_utf8_lossy(&bytes));
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&rest));
    }
    let health = running.client.raw(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(health.status, StatusCode::OK.as_u16());
}
