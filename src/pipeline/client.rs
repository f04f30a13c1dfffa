//! Asks GitHub through octocrab: conditional requests, limits, and faults that name what would help.
//!
//! Only GET. octocrab's own retries are off, since they would repeat whatever fails, and its cache too,
//! since it is unbounded and keeps answers that were cut off: entity tags are kept by whoever asks.

use std::{error::Error, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use octocrab::{Octocrab, service::middleware::retry::RetryConfig};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    clock::Clock,
    config::GitHub,
    release::{
        Fault, FaultKind, text,
        workflow::{RateLimit, WorkflowRun},
    },
    retry::{self, Failure},
    secrets::Secrets,
};

use super::document;

const TOKEN: &str = "github.token";
const API_VERSION: &str = "2022-11-28";
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// For the whole of one request with its body.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// A hundred runs are two megabytes.
const LARGEST_BODY: usize = 16 << 20;
/// GitHub's advice where it says nothing more exact.
const UNLESS_TOLD: Duration = Duration::from_secs(60);
/// Pages of runs that are read for one commit.
const MOST_PAGES: u32 = 5;

/// An answer.
pub(super) enum Fetched {
    /// What was there before is still true.
    Same,
    /// Something new, and the tag by which to ask whether it changes.
    New {
        tag: Option<HeaderValue>,
        body: Bytes,
    },
}

/// The client of one repository.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) github: GitHub,
    pub(super) clock: Clock,
    secrets: Secrets,
    /// Made with the first request, and anew after the token was refused.
    octocrab: Mutex<Option<Arc<Octocrab>>>,
    limit: std::sync::Mutex<Option<RateLimit>>,
}

impl Client {
    pub(super) fn new(github: GitHub, secrets: Secrets, clock: Clock) -> Self {
        Self {
            github,
            clock,
            secrets,
            octocrab: Mutex::default(),
            limit: std::sync::Mutex::default(),
        }
    }

    /// `owner/name`.
    pub(super) fn subject(&self) -> String {
        format!("{}/{}", self.github.owner, self.github.name)
    }

    /// The limit that GitHub told last.
    pub(super) fn limit(&self) -> Option<RateLimit> {
        *self.limit.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(super) async fn runs_for(&self, revision: &str) -> Result<Vec<WorkflowRun>, Failure> {
        let is_full = matches!(revision.len(), 40 | 64)
            && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_full {
            return Err(Fault::new(
                FaultKind::Invalid,
                revision,
                "is no full commit hash, and GitHub finds runs by no other",
            )
            .remedy("label images with org.opencontainers.image.revision = the whole hash")
            .into());
        }
        let mut runs = Vec::new();
        for page in 1..=MOST_PAGES {
            let query = format!("actions/runs?head_sha={revision}&per_page=100&page={page}");
            let Fetched::New { body, .. } = self.get(&query, None).await? else {
                break;
            };
            let more = document::runs(&body).map_err(|error| self.malformed(error))?;
            let is_last = more.len() < 100;
            runs.extend(more);
            if is_last {
                break;
            }
        }
        Ok(runs)
    }

    /// Gets `path` below the repository, unless it is what `tag` stands for. A server's hiccup is tried
    /// again, twice.
    pub(super) async fn get(
        &self,
        path: &str,
        tag: Option<&HeaderValue>,
    ) -> Result<Fetched, Failure> {
        let again = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(2)
            .with_jitter();
        (|| async {
            tokio::time::timeout(REQUEST_TIME, self.get_once(path, tag))
                .await
                .unwrap_or_else(|_| {
                    Err(Fault::new(
                        FaultKind::TimedOut,
                        self.subject(),
                        "GitHub gives no answer",
                    )
                    .into())
                })
        })
        .retry(again)
        .when(|failure: &Failure| failure.fault.kind == FaultKind::Failed && failure.wait.is_none())
        .await
    }

    async fn get_once(&self, path: &str, tag: Option<&HeaderValue>) -> Result<Fetched, Failure> {
        let octocrab = self.octocrab().await?;
        let path = format!("/repos/{}/{}/{path}", self.github.owner, self.github.name);
        let headers = tag.map(|tag| HeaderMap::from_iter([(IF_NONE_MATCH, tag.clone())]));
        let response = octocrab
            ._get_with_headers(path, headers)
            .await
            .map_err(|error| self.unreachable(&error))?;
        let (parts, body) = response.into_parts();
        self.note_limit(&parts.headers);
        if parts.status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Same);
        }
        let body = Limited::new(body, LARGEST_BODY).collect().await;
        if parts.status.is_success() {
            return Ok(Fetched::New {
                tag: parts.headers.get(ETAG).cloned(),
                body: body.map_err(|error| self.unreachable(&*error))?.to_bytes(),
            });
        }
        if parts.status == StatusCode::UNAUTHORIZED {
            *self.octocrab.lock().await = None;
        }
        // What a refusal says in words is for people: without it the status remains.
        let complaint = body.map(|body| body.to_bytes()).unwrap_or_default();
        Err(self.refused(parts.status, &parts.headers, &complaint))
    }

    async fn octocrab(&self) -> Result<Arc<Octocrab>, Failure> {
        let mut kept = self.octocrab.lock().await;
        if let Some(octocrab) = &*kept {
            return Ok(Arc::clone(octocrab));
        }
        let token = match &self.github.token {
            Some(reference) => Some(self.secrets.resolve(TOKEN, reference).await?),
            None => None,
        };
        let octocrab = self.build(token).map_err(|error| {
            Fault::new(
                FaultKind::Invalid,
                self.github.api.as_str(),
                "cannot make a client for GitHub",
            )
            .because(innermost(&error))
            .remedy("see github.api and github.token in the configuration")
        })?;
        Ok(Arc::clone(kept.insert(Arc::new(octocrab))))
    }

    fn build(&self, token: Option<SecretString>) -> octocrab::Result<Octocrab> {
        let builder = Octocrab::builder()
            .base_uri(self.github.api.as_str().trim_end_matches('/'))?
            .add_retry_config(RetryConfig::None)
            .set_connect_timeout(Some(CONNECT_TIME))
            .set_read_timeout(Some(REQUEST_TIME))
            .set_write_timeout(Some(REQUEST_TIME))
            .add_header(
                HeaderName::from_static("x-github-api-version"),
                API_VERSION.to_owned(),
            );
        match token {
            Some(token) => builder.personal_token(token).build(),
            None => builder.build(),
        }
    }

    fn note_limit(&self, headers: &HeaderMap) {
        if let Some(limit) = limit(headers) {
            *self.limit.lock().unwrap_or_else(|e| e.into_inner()) = Some(limit);
        }
    }

    fn unreachable(&self, error: &(dyn Error + 'static)) -> Failure {
        let host = self.github.api.host_str().unwrap_or("GitHub");
        Fault::new(
            FaultKind::Unreachable,
            self.subject(),
            format!("cannot reach {host}"),
        )
        .because(innermost(error))
        .into()
    }

    pub(super) fn malformed(&self, error: serde_json::Error) -> Failure {
        Fault::new(
            FaultKind::Malformed,
            self.subject(),
            "GitHub's answer cannot be read",
        )
        .because(error)
        .remedy("see whether github.api is the address of an API, such as https://github.example.com/api/v3")
        .into()
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, complaint: &[u8]) -> Failure {
        let subject = self.subject();
        let has_token = self.github.token.is_some();
        let said = said(complaint);
        if let Some(wait) = self.wait(status, headers, &said) {
            let until = self.clock.now().wall + wait;
            let fault = Fault::new(
                FaultKind::RateLimited,
                subject,
                format!(
                    "GitHub asks us to wait until {}",
                    until.strftime("%H:%M:%S UTC")
                ),
            );
            let fault = match has_token {
                true => fault,
                false => fault.remedy(format!(
                    "set {TOKEN}: with a token GitHub allows 5000 requests an hour, without one 60"
                )),
            };
            return Failure {
                fault: fault.because(said),
                wait: Some(wait),
            };
        }
        let fault = match status {
            StatusCode::UNAUTHORIZED => {
                let fault = Fault::new(
                    FaultKind::Authentication,
                    subject,
                    "GitHub does not accept the token",
                );
                match has_token {
                    true => fault.remedy(format!("make a new token and correct {TOKEN}")),
                    false => fault.remedy(format!("set {TOKEN} in the configuration")),
                }
            }
            StatusCode::FORBIDDEN => Fault::new(
                FaultKind::Permission,
                subject,
                "GitHub does not let us read the workflow runs",
            )
            .remedy(format!("give {TOKEN} the permission to read Actions")),
            StatusCode::NOT_FOUND => {
                let fault = Fault::new(
                    FaultKind::Missing,
                    subject,
                    "GitHub shows no such repository",
                );
                match has_token {
                    true => fault.remedy(format!(
                        "see whether github.repository is right and {TOKEN} may read it"
                    )),
                    false => fault.remedy(format!(
                        "see whether github.repository is right; if it is private, set {TOKEN}"
                    )),
                }
            }
            status if status.is_server_error() => Fault::new(
                FaultKind::Failed,
                subject,
                format!("GitHub answered {status}"),
            ),
            status => Fault::new(
                FaultKind::Unsupported,
                subject,
                format!("GitHub answered {status}"),
            )
            .remedy("see whether github.api is the address of an API"),
        };
        Failure {
            fault: fault.because(said),
            wait: retry::retry_after(headers, self.clock.now().wall),
        }
    }

    /// How long GitHub asks us to wait: `Retry-After`, else until its limit is renewed, else a minute.
    /// `None` where the refusal is about something else.
    fn wait(&self, status: StatusCode, headers: &HeaderMap, said: &str) -> Option<Duration> {
        if !matches!(
            status,
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        ) {
            return None;
        }
        let wall = self.clock.now().wall;
        if let Some(wait) = retry::retry_after(headers, wall) {
            return Some(wait);
        }
        match limit(headers) {
            Some(limit) if limit.remaining == 0 => Some(retry::bounded_until(limit.reset, wall)),
            _ if status == StatusCode::TOO_MANY_REQUESTS
                || said.to_ascii_lowercase().contains("rate limit") =>
            {
                Some(UNLESS_TOLD)
            }
            _ => None,
        }
    }
}

/// The limit in an answer's headers.
fn limit(headers: &HeaderMap) -> Option<RateLimit> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let reset = i64::try_from(number("x-ratelimit-reset")?).ok()?;
    Some(RateLimit {
        remaining: number("x-ratelimit-remaining")?,
        limit: number("x-ratelimit-limit")?,
        reset: Timestamp::from_second(reset).ok()?,
    })
}

/// The message of GitHub's error document; nothing where it is none.
fn said(complaint: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Document {
        message: String,
    }
    serde_json::from_slice::<Document>(complaint)
        .map(|document| text::clean(&document.message).chars().take(200).collect())
        .unwrap_or_default()
}

fn innermost(error: &(dyn Error + 'static)) -> String {
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
        fn what_github_complains_of_is_clean_and_short(message in any::<String>()) {
            let said = said(serde_json::json!({"message": message}).to_string().as_bytes());
            prop_assert_eq!(text::clean(&said), said.clone());
            prop_assert!(said.chars().count() <= 200);
        }

        #[test]
        fn a_limit_is_told_as_it_came_or_not_at_all(numbers in [r"-?[0-9]{1,22}", r"[0-9]{1,9}", r"[0-9]{1,9}"]) {
            let names = ["x-ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-limit"];
            let headers: HeaderMap = names
                .into_iter()
                .zip(&numbers)
                .map(|(name, number)| (HeaderName::from_static(name), number.parse().unwrap()))
                .collect();
            if let Some(limit) = limit(&headers) {
                let told = [limit.reset.as_second() as u64, limit.remaining, limit.limit];
                prop_assert_eq!(numbers.map(|number| number.parse::<u64>()), told.map(Ok));
            }
        }
    }
}
