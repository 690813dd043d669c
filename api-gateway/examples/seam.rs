//! The seam alone, for `tests/seam`: a line of JSON in, a line of JSON out, nothing between but the codec and the scheduler's messages.
//!
//! ```text
//! {"service", "action", "parameters": [[name, value]…]}   request: parameters ─▶ bytes ─▶ message ─▶ {"message": base64}
//! {"service", "action", "answer": base64}                 answer:  bytes ─▶ message ─▶ bytes ─▶ {"document": XML}
//! ```
//!
//! A refusal is `{"code", "message"}`. Messages pass through prost both ways, as they do between gateway and scheduler; with `"raw": true`
//! an answer's bytes reach the encoder as they are, in whatever order.

use std::error::Error;
use std::io::{BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use freehold_api_gateway::codec;
use freehold_proto::{Action, Fault};
use freehold_wire::Operation;
use prost::Message;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: String,
    action: String,
    #[serde(default)]
    parameters: Vec<(String, String)>,
    answer: Option<String>,
    #[serde(default)]
    raw: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = run(&serde_json::from_str(&line?)?)?;
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn run(line: &Line) -> Result<Value, Box<dyn Error>> {
    let operation = freehold_wire::operation(&line.service, &line.action).ok_or("no such action")?;
    if let Some(answer) = &line.answer {
        let bytes = BASE64.decode(answer)?;
        let bytes = if line.raw { bytes } else { through_answer(operation, &bytes)? };
        return Ok(codec::encode(operation, &bytes, "a-request-id")
            .map_or_else(|fault| refusal(&fault), |document| json!({ "document": document })));
    }
    match codec::decode_unchecked(operation, &line.parameters) {
        Ok(bytes) => Ok(json!({ "message": BASE64.encode(through_request(operation, &bytes)?) })),
        Err(fault) => Ok(refusal(&fault)),
    }
}

fn refusal(fault: &Fault) -> Value {
    json!({ "code": fault.code.as_str(), "message": fault.message })
}

fn through<M: Message + Default>(bytes: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
    Ok(M::decode(bytes)?.encode_to_vec())
}

macro_rules! registry {
    ($($request:ty,)*) => {
        fn through_request(operation: &Operation, bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
            match operation.path {
                $(<$request as Action>::PATH => Ok(through::<$request>(bytes)?),)*
                other => Err(format!("no message for {other}").into()),
            }
        }

        fn through_answer(operation: &Operation, bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
            match operation.path {
                $(<$request as Action>::PATH => Ok(through::<<$request as Action>::Answer>(bytes)?),)*
                other => Err(format!("no message for {other}").into()),
            }
        }
    };
}

freehold_proto::for_each_known_action!(registry);
