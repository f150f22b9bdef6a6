//! Bodies of requests: JSON for the API, forms for the pages; nothing of them is ever echoed in an error.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use ciam_core::secret::Secret;
use serde::de::DeserializeOwned;

use crate::error::Problem;
use crate::limits::{self, MAX_FIELDS};

/// A JSON body. Only `application/json` is read: a page of another site can send other types without
/// asking the browser first.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// What is wrong with a JSON body.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// It is no JSON, too large or too deep.
    Refused(Problem),
    /// It is JSON, but not of the shape that is asked for.
    Shape,
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Refused(problem) => problem,
            JsonError::Shape => Self::unexpected_shape(),
        }
    }
}

/// Reads a JSON body, keeping apart what a handler may want to answer with a prompt.
pub(crate) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, JsonError> {
    if !is_type(request.headers(), "application/json") {
        return Err(JsonError::Refused(Problem::unsupported_media_type()));
    }
    let bytes = limits::read(request.into_body()).await.map_err(JsonError::Refused)?;
    if limits::too_deep(&bytes) {
        return Err(JsonError::Refused(Problem::too_deep()));
    }
    let read = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => JsonError::Shape,
        _ => JsonError::Refused(Problem::malformed()),
    })?;
    // An array of values in the right order would do for an object, and name none of them.
    if bytes.trim_ascii_start().starts_with(b"{") { Ok(read) } else { Err(JsonError::Shape) }
}

/// A JSON object with the members that are named, and no others.
#[derive(Debug)]
pub(crate) struct Members<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Members<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        match json(request).await {
            Ok(members) => Ok(Self(members)),
            Err(JsonError::Shape) => Err(Problem::unexpected_members()),
            Err(JsonError::Refused(problem)) => Err(problem),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(json(request).await?))
    }
}

/// The fields of an HTML form, by name; none comes twice.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, Secret<String>)>);

impl Form {
    /// A field; empty when it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// A field, if it was sent.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.expose().as_str())
    }

    /// A field that must not print.
    pub(crate) fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.text(name).to_owned())
    }

    /// All fields but these, as a JSON object of texts: the answer to a host's step.
    pub(crate) fn without(&self, own: &[&str]) -> serde_json::Value {
        let fields = self.0.iter().filter(|(name, _)| !own.contains(&name.as_str()));
        fields.map(|(name, value)| (name.clone(), value.expose().clone())).collect()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields: Vec<(String, Secret<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            let known = fields.iter().any(|(field, _)| *field == name);
            // What is not UTF-8 was replaced: two different passwords must not become one.
            if known || fields.len() == MAX_FIELDS || value.contains(char::REPLACEMENT_CHARACTER) {
                return None;
            }
            fields.push((name.into_owned(), Secret::new(value.into_owned())));
        }
        Some(Self(fields))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = limits::read(request.into_body()).await?;
        Self::parse(&bytes).ok_or_else(Problem::malformed)
    }
}

/// The first value of a query's parameter.
pub(crate) fn query<'q>(query: Option<&'q str>, name: &str) -> Option<std::borrow::Cow<'q, str>> {
    form_urlencoded::parse(query?.as_bytes()).find_map(|(found, value)| (found == name).then_some(value))
}

fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let first = types.next().and_then(|value| value.to_str().ok());
    let essence = first.map(|value| value.split(';').next().unwrap_or(value).trim());
    types.next().is_none() && essence.is_some_and(|essence| essence.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_exactly_or_not_at_all() {
        let form = Form::parse(b"email=a%40example.com&password=+x%C3%A9+&empty=").unwrap();
        assert_eq!(form.text("email"), "a@example.com");
        assert_eq!(form.secret("password").expose(), " x\u{e9} ");
        assert_eq!(form.text("empty"), "");
        assert_eq!(form.text("missing"), "");
        assert!(Form::parse(b"a=1&a=2").is_none());
        assert!(Form::parse(b"password=%FF").is_none());
        assert!(Form::parse("x=1&".repeat(33).as_bytes()).is_none());
        let many: Vec<String> = (0..33).map(|n| format!("f{n}=1")).collect();
        assert!(Form::parse(many.join("&").as_bytes()).is_none());
        assert!(!format!("{form:?}").contains("example.com"));
    }
}
