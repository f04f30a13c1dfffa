//! Challenges and logins: who a registry wants us to be, and who we can be.
//!
//! Knows the headers of RFC 9110 and Docker's token protocol; asks nobody itself.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::{
    config::SecretReference,
    release::{Fault, FaultKind},
    secrets::Secrets,
};

/// How a registry wants to be convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token, to be had at `realm`.
    Bearer {
        /// Where tokens are given.
        realm: Url,
        /// For whom.
        service: Option<String>,
    },
}

/// The strongest challenge that is understood: a token before a password.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let found: Vec<Challenge> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(challenges)
        .collect();
    let is_token = |c: &&Challenge| matches!(c, Challenge::Bearer { .. });
    found.iter().find(is_token).or(found.first()).cloned()
}

/// All challenges of one header: `Scheme key="value", key=value, Scheme …`.
fn challenges(value: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for item in split_outside_quotes(value) {
        let (head, parameter) = match item.split_once('=') {
            None => (Some(item), None),
            Some((key, value)) => match key.trim().rsplit_once(' ') {
                Some((scheme, key)) => (Some(scheme), Some((key, value))),
                None => (None, Some((key, value))),
            },
        };
        if let Some(scheme) = head {
            schemes.push((scheme.trim().to_ascii_lowercase(), Vec::new()));
        }
        if let (Some((_, parameters)), Some((key, value))) = (schemes.last_mut(), parameter) {
            parameters.push((key.trim().to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    schemes
        .into_iter()
        .filter_map(|(scheme, parameters)| {
            let of = |key: &str| {
                let found = parameters.iter().find(|(k, _)| k == key);
                found.map(|(_, value)| value.clone())
            };
            match scheme.as_str() {
                "basic" => Some(Challenge::Basic),
                "bearer" => Some(Challenge::Bearer {
                    realm: of("realm")?.parse().ok()?,
                    service: of("service"),
                }),
                _ => None,
            }
        })
        .collect()
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let is_escaped = escaped;
        escaped = quoted && c == '\\' && !is_escaped;
        if c == '"' && !is_escaped {
            quoted = !quoted;
        }
        c == ',' && !quoted
    })
    .map(str::trim)
    .filter(|item| !item.is_empty())
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        out.extend(if c == '\\' {
            characters.next()
        } else {
            Some(c)
        });
    }
    out
}

/// What a token's giver answers: Docker's word or OAuth's.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The `Authorization` header for the token in `body`; `None` if there is no token in it.
pub(super) fn bearer(body: &[u8]) -> Option<HeaderValue> {
    let answer: Token = serde_json::from_slice(body).ok()?;
    let token = answer.token.or(answer.access_token)?;
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The login at one registry: its secret is resolved when it is first asked for, and again after it was
/// refused.
#[derive(Debug)]
pub(super) struct Login {
    host: String,
    user: String,
    secret: SecretReference,
    secrets: Secrets,
    resolved: Mutex<Option<Arc<HeaderValue>>>,
}

impl Login {
    pub(super) fn new(host: &str, user: &str, secret: SecretReference, secrets: Secrets) -> Self {
        Self {
            host: host.to_owned(),
            user: user.to_owned(),
            secret,
            secrets,
            resolved: Mutex::default(),
        }
    }

    /// The `Authorization` header of basic authentication.
    pub(super) async fn basic(&self) -> Result<Arc<HeaderValue>, Fault> {
        let mut resolved = self.resolved.lock().await;
        if let Some(header) = &*resolved {
            return Ok(Arc::clone(header));
        }
        let key = key(&self.host, "password");
        let password = self.secrets.resolve(&key, &self.secret).await?;
        let pair = format!("{}:{}", self.user, password.expose_secret());
        let header = sensitive(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
            .ok_or_else(|| Fault::new(FaultKind::Invalid, &key, "the login cannot be sent"))?;
        Ok(Arc::clone(resolved.insert(Arc::new(header))))
    }

    /// Forgets `refused`, so that the secret is resolved anew next time.
    pub(super) async fn forget(&self, refused: &Arc<HeaderValue>) {
        let mut resolved = self.resolved.lock().await;
        if resolved.as_ref().is_some_and(|r| Arc::ptr_eq(r, refused)) {
            *resolved = None;
        }
    }
}

/// Where the configuration says something of a registry.
pub(super) fn key(host: &str, what: &str) -> String {
    format!("registries.\"{host}\".{what}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_challenge_quotes_is_what_was_meant(service in "[ -~]{0,30}", other in "[a-z =]{0,9}") {
            let quoted = service.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!(
                r#"Basic realm="{other}, Bearer y", Bearer service="{quoted}",realm="https://a.example/t""#
            );
            prop_assert_eq!(of(&[&value]), token("https://a.example/t", Some(&service)));
        }

        #[test]
        fn any_header_is_a_challenge_or_none(value in r#"([Bb]earer|[Bb]asic|realm=|service=|[ ,="\\:/h-]){0,20}"#) {
            let understood = of(&[&value]);
            let names = value.to_ascii_lowercase();
            prop_assert!(understood.is_none() || names.contains("basic") || names.contains("realm="));
        }

        #[test]
        fn a_token_is_sent_as_it_came_or_not_at_all(given in any::<String>()) {
            let body = serde_json::json!({"access_token": given}).to_string();
            match bearer(body.as_bytes()) {
                Some(header) => {
                    let meant = format!("Bearer {given}");
                    prop_assert_eq!(header.as_bytes(), meant.as_bytes());
                    prop_assert!(header.is_sensitive());
                }
                None => prop_assert!(given.chars().any(char::is_control)),
            }
        }

        #[test]
        fn no_bytes_of_a_token_server_are_taken_for_a_token(body in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(bearer(&body), None);
        }
    }

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        challenge(&headers)
    }

    fn token(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.parse().unwrap(),
            service: service.map(str::to_owned),
        })
    }

    #[test]
    fn challenges_are_understood_however_they_are_written() {
        let ghcr = r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#;
        assert_eq!(of(&[ghcr]), token("https://ghcr.io/token", Some("ghcr.io")));
        assert_eq!(
            of(&[r#"BEARER Realm="https://a.example/t?x=1,2", service=quay"#]),
            token("https://a.example/t?x=1,2", Some("quay"))
        );
        assert_eq!(
            of(&[r#"Basic realm="with \" and , in it""#]),
            Some(Challenge::Basic)
        );
        assert_eq!(of(&["Basic"]), Some(Challenge::Basic));
    }

    #[test]
    fn a_token_is_preferred_in_one_header_or_in_two() {
        let wanted = token("https://a.example/t", None);
        assert_eq!(
            of(&[r#"Basic realm="r", Bearer realm="https://a.example/t""#]),
            wanted
        );
        assert_eq!(
            of(&["Basic", r#"Bearer realm="https://a.example/t""#]),
            wanted
        );
    }

    #[test]
    fn what_is_not_understood_is_no_challenge() {
        for value in [
            "Negotiate",
            "Bearer realm=\"nowhere\"",
            "Bearer",
            "",
            ",,=,\"",
        ] {
            assert_eq!(of(&[value]), None, "{value:?}");
        }
    }
}
