//! Failures in words: what a registry's refusal or silence means, and what the operator can do about it.
//!
//! Names the keys of the configuration that would help. Pure.

use std::error::Error;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    release::{Fault, FaultKind, Repository, text},
    retry::{self, Failure},
};

use super::authentication::key;

/// Whom refusals come from, and as whom we ask.
#[derive(Debug)]
pub(super) struct Refusals {
    /// The registry's host, as the configuration names it.
    pub(super) host: String,
    pub(super) repository: Repository,
    pub(super) has_login: bool,
}

impl Refusals {
    /// The registry does not accept who we are.
    pub(super) fn unauthorized(&self, message: &str) -> Fault {
        let host = &self.host;
        let remedy = match self.has_login {
            true => format!(
                "correct {} or {}; the login needs read access to {}",
                key(host, "user"),
                key(host, "password"),
                self.repository
            ),
            false => format!(
                "set {} and {} in the configuration",
                key(host, "user"),
                key(host, "password")
            ),
        };
        Fault::new(FaultKind::Authentication, host, message).remedy(remedy)
    }

    /// A request that got no whole answer.
    pub(super) fn not_sent(&self, subject: &str, error: &reqwest::Error) -> Failure {
        let host = &self.host;
        let why = innermost(error);
        let fault = if error.is_timeout() {
            Fault::new(
                FaultKind::TimedOut,
                subject,
                format!("{host} gives no answer"),
            )
        } else if error.is_builder() {
            // Only the client for TLS refuses to begin a request.
            Fault::new(
                FaultKind::Unsupported,
                subject,
                format!("{host} leads to an address without TLS"),
            )
            .remedy(format!(
                "set {} = true if that is meant",
                key(host, "plain_http")
            ))
        } else {
            let fault = Fault::new(
                FaultKind::Unreachable,
                subject,
                format!("cannot reach {host}"),
            );
            if why.contains("InvalidContentType") || why.contains("corrupt message") {
                fault.remedy(format!(
                    "if the registry speaks plain HTTP, set {} = true",
                    key(host, "plain_http")
                ))
            } else if why.contains("certificate") {
                fault.remedy("make this machine trust the registry's certificate authority")
            } else {
                fault
            }
        };
        fault.because(why).into()
    }

    /// A status that is no success.
    pub(super) fn refused(
        &self,
        subject: &str,
        status: StatusCode,
        headers: &HeaderMap,
        complaint: &[u8],
        wall: Timestamp,
    ) -> Failure {
        let host = &self.host;
        let wait = retry::retry_after(headers, wall);
        let fault = match status {
            StatusCode::UNAUTHORIZED => self.unauthorized("refuses this login"),
            StatusCode::FORBIDDEN if !self.has_login => {
                self.unauthorized("does not show this to somebody without a login")
            }
            StatusCode::FORBIDDEN => {
                Fault::new(FaultKind::Permission, subject, "this login may not read it").remedy(
                    format!("give the login of {} read access", key(host, "user")),
                )
            }
            StatusCode::NOT_FOUND => Fault::new(FaultKind::Missing, subject, "is not there")
                .remedy(match self.has_login {
                    true => {
                        "see whether it is written right (`flightdeck versions` lists what there is), and \
                         whether the login may see it"
                    }
                    false => {
                        "see whether it is written right (`flightdeck versions` lists what there is), and \
                         whether it needs a login"
                    }
                }),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Fault::new(
                FaultKind::Unsupported,
                subject,
                format!("{host} cannot do this: {status}"),
            ),
            StatusCode::TOO_MANY_REQUESTS => Fault::new(
                FaultKind::RateLimited,
                subject,
                format!("{host} asks us to wait"),
            ),
            StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => Fault::new(
                FaultKind::RateLimited,
                subject,
                format!("{host} asks us to wait"),
            ),
            status if status.is_server_error() => Fault::new(
                FaultKind::Failed,
                subject,
                format!("{host} answered {status}"),
            ),
            status => Fault::new(
                FaultKind::Unsupported,
                subject,
                format!("{host} answered {status}"),
            )
            .remedy("see whether this address is a registry's"),
        };
        Failure {
            fault: fault.because(in_words(complaint)),
            wait,
        }
    }
}

/// The messages of a registry's error document; nothing where it is none.
fn in_words(complaint: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Document {
        errors: Vec<Complaint>,
    }
    #[derive(Deserialize)]
    struct Complaint {
        code: Option<String>,
        message: Option<String>,
    }
    let Ok(document) = serde_json::from_slice::<Document>(complaint) else {
        return String::new();
    };
    let words: Vec<String> = document
        .errors
        .into_iter()
        .take(3)
        .map(|c| c.message.or(c.code).unwrap_or_default())
        .filter(|message| !message.is_empty())
        .collect();
    text::clean(&words.join(", ")).chars().take(200).collect()
}

/// An answer that makes no sense.
pub(super) fn malformed(subject: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Malformed, subject, message)
}

/// The last of an error's sources: what went wrong at the bottom.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_registry_complains_of_is_clean_and_short(messages in prop::collection::vec(any::<String>(), 0..5)) {
            let errors: Vec<_> = messages.iter().map(|message| serde_json::json!({"message": message})).collect();
            let said = in_words(serde_json::json!({"errors": errors}).to_string().as_bytes());
            prop_assert_eq!(text::clean(&said), said.clone());
            prop_assert!(said.chars().count() <= 200);
        }

        #[test]
        fn what_is_no_complaint_says_nothing(body in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(in_words(&body), "");
        }
    }
}
