//! The Query protocol's envelope: which action, in which version of the API, with which parameters. What they mean is the codec's.

use freehold_proto::{ErrorCode, Fault};
use http::Method;

use crate::codec::shortened;
use crate::form;
use crate::request::Request;
use crate::service::Service;
use crate::sigv4::{self, Form};

/// A command as sent by POST or GET.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    pub action: String,
    pub version: String,
    /// All others, in the order sent.
    pub parameters: Vec<(String, String)>,
}

impl Query {
    /// Reads query string and body together, as AWS does; the signature's own parameters are not the action's.
    pub fn read(request: &Request, form: Form, most: usize) -> Result<Self, Fault> {
        check_shape(request)?;
        let mut parameters = Vec::new();
        let of_signature = |name: &str| matches!(form, Form::Presigned { .. }) && sigv4::is_signature_parameter(name);
        let sent = form::text_pairs(request.query.as_bytes()).filter(|pair| !pair.as_ref().is_ok_and(|(name, _)| of_signature(name)));
        for pair in sent.chain(form::text_pairs(&request.body)) {
            if parameters.len() == most {
                return Err(malformed(format!("The request has more than {most} parameters.")));
            }
            parameters.push(pair.map_err(|error| malformed(format!("The query string is malformed: {error}.")))?);
        }
        let action = take(&mut parameters, "Action")?
            .ok_or_else(|| Fault::new(ErrorCode::MissingAction, "The request must contain the parameter Action."))?;
        let version = take(&mut parameters, "Version")?
            .ok_or_else(|| Fault::new(ErrorCode::MissingParameter, "The request must contain the parameter Version."))?;
        Ok(Self { action, version, parameters })
    }

    /// Refuses a version that AWS never had.
    pub fn check_version(&self, service: &Service) -> Result<(), Fault> {
        if service.knows(&self.version) {
            return Ok(());
        }
        Err(Fault::new(ErrorCode::NoSuchVersion, service.unknown_version(&self.version)))
    }
}

/// POST of a form or GET, to `/`.
fn check_shape(request: &Request) -> Result<(), Fault> {
    if !matches!(request.method, Method::GET | Method::POST) || request.path != "/" {
        return Err(Fault::new(
            ErrorCode::InvalidAction,
            format!(
                "{} {} is not valid for this web service: send its actions by POST or GET to '/'.",
                shortened(request.method.as_str()),
                shortened(&request.path)
            ),
        ));
    }
    let form = match request.header("content-type") {
        None => !request.headers.contains_key("content-type"),
        Some(kind) => kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")),
    };
    if form || request.body.is_empty() {
        return Ok(());
    }
    Err(malformed("The body has to be application/x-www-form-urlencoded.".into()))
}

/// Takes the one parameter of this name out.
fn take(parameters: &mut Vec<(String, String)>, name: &str) -> Result<Option<String>, Fault> {
    let Some(at) = parameters.iter().position(|(given, _)| given == name) else { return Ok(None) };
    let (_, value) = parameters.remove(at);
    if parameters.iter().any(|(given, _)| given == name) {
        return Err(malformed(format!("The parameter {name} is given twice.")));
    }
    Ok(Some(value))
}

fn malformed(message: String) -> Fault {
    Fault::new(ErrorCode::MalformedQueryString, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::signer::Draft;

    #[test]
    fn arbitrary_bytes_are_read_within_the_bound_or_refused() {
        arbtest::arbtest(|source| {
            let body: Vec<u8> = source.arbitrary()?;
            let request = Draft { body, ..Draft::new("ec2") }.sign();
            match Query::read(&request, Form::Header, 10) {
                Ok(query) => assert!(query.parameters.len() <= 8),
                Err(fault) => assert_eq!(fault.code.http_status(), 400, "{fault}"),
            }
            Ok(())
        });
    }

    #[test]
    fn what_the_signature_brings_is_not_the_actions_but_only_where_it_is_one() {
        let draft = Draft { query: "X-Amz-Other=1".into(), presigned: true, ..Draft::new("ec2") };
        let request = draft.sign();
        let names = |form| Query::read(&request, form, 100).unwrap().parameters.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(Form::Presigned { lifetime: std::time::Duration::from_mins(5) }), ["X-Amz-Other"]);
        assert!(names(Form::Header).contains(&"X-Amz-Signature".to_owned()));
    }
}
