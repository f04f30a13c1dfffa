//! Asks one repository: pages of tags, what a tag points at, what a digest says.
//!
//! Only GET and HEAD. Every answer is bounded in time and memory, every failure becomes a fault that
//! names the registry and the configuration's key that would help.

use std::{error::Error, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, LINK},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    clock::Clock,
    release::{Digest, Fault, FaultKind, Repository, Tag, text, version::VersionDetails},
    retry::{self, Failure},
};

use super::{
    authentication::{self, Challenge, Login, key},
    board::{Answer, Question},
    manifest::{self, Next},
};

const CONNECT_TIME: Duration = Duration::from_secs(10);
/// For the whole of one request with its body.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How many tags a page should have; registries give fewer if they want.
const PAGE: usize = 1000;
/// The specification's limit for manifests; a page of tags fits too.
const LARGEST_MANIFEST: usize = 4 << 20;
const LARGEST_CONFIGURATION: usize = 8 << 20;
const LARGEST_PAGE: usize = 8 << 20;
const LARGEST_TOKEN: usize = 1 << 20;
const LARGEST_COMPLAINT: usize = 64 << 10;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The HTTP clients that all repositories share: their connections are pooled.
#[derive(Debug, Clone)]
pub(super) struct Transports {
    /// For registries with TLS: goes nowhere without it, token servers and redirects included.
    secure: reqwest::Client,
    /// For registries that the configuration calls plain.
    plain: reqwest::Client,
}

impl Transports {
    pub(super) fn new() -> Result<Self, Fault> {
        let build = |secure: bool| {
            reqwest::Client::builder()
                .user_agent(concat!("flightdeck/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIME)
                .timeout(REQUEST_TIME)
                .https_only(secure)
                .build()
                .map_err(|error| {
                    Fault::new(
                        FaultKind::Unsupported,
                        "registries",
                        "cannot make an HTTP client",
                    )
                    .because(innermost(&error))
                    .remedy("see whether the system's certificates are installed (ca-certificates)")
                })
        };
        Ok(Self {
            secure: build(true)?,
            plain: build(false)?,
        })
    }
}

/// One page of tags.
#[derive(Debug)]
pub(super) struct Page {
    /// The tags, in the registry's order. What is no tag by the grammar is left out.
    pub(super) tags: Vec<Tag>,
    /// Where the next page is.
    pub(super) next: Option<Url>,
}

/// A client for one repository. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub(super) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    /// `https://host/v2/path/`.
    base: Url,
    host: String,
    repository: Repository,
    login: Option<Arc<Login>>,
    clock: Clock,
    session: Mutex<Session>,
}

/// As whom requests are made. One renewal serves all requests that were refused together.
#[derive(Debug)]
struct Session {
    renewals: u64,
    authorization: Result<Option<Arc<HeaderValue>>, Failure>,
}

/// An answer that was read whole.
struct Received {
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// # Errors
    /// [`FaultKind::Invalid`] where the repository's registry is no address.
    pub(super) fn new(
        transports: &Transports,
        repository: &Repository,
        plain: bool,
        login: Option<Arc<Login>>,
        clock: Clock,
    ) -> Result<Self, Fault> {
        let host = repository.registry();
        // Docker Hub's images are named by another host than the one that serves them.
        let server = if host == "docker.io" {
            "registry-1.docker.io"
        } else {
            host
        };
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{server}/v2/{}/", repository.path())).map_err(
            |error| {
                Fault::new(FaultKind::Invalid, repository.as_str(), "has no address")
                    .because(error)
                    .remedy("write the image as registry.example.com/path/name")
            },
        )?;
        let http = if plain {
            &transports.plain
        } else {
            &transports.secure
        };
        Ok(Self(Arc::new(Inner {
            http: http.clone(),
            base,
            host: host.to_owned(),
            repository: repository.clone(),
            login,
            clock,
            session: Mutex::new(Session {
                renewals: 0,
                authorization: Ok(None),
            }),
        })))
    }

    /// Forgets that a login was refused: the next request tries anew.
    pub(super) async fn forget_refusal(&self) {
        let mut session = self.0.session.lock().await;
        if session.authorization.is_err() {
            session.authorization = Ok(None);
        }
    }

    /// Where the list of tags begins.
    pub(super) fn first_page(&self) -> Url {
        let mut url = self.at("tags/list");
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        url
    }

    /// A page of tags, from [`Client::first_page`] on.
    pub(super) async fn page(&self, url: Url) -> Result<Page, Failure> {
        #[derive(Deserialize)]
        struct List {
            tags: Option<Vec<String>>,
        }
        let subject = self.0.repository.as_str();
        let answer = self.get(subject, &url, None, LARGEST_PAGE).await?;
        let list: List = serde_json::from_slice(&answer.body).map_err(|error| {
            malformed(subject, "the list of tags cannot be read").because(error)
        })?;
        let tags = list.tags.unwrap_or_default();
        Ok(Page {
            tags: tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
            next: next_page(&answer.headers, &url)
                .map_err(|next| malformed(subject, "the next page is elsewhere").because(next))?,
        })
    }

    /// What `tag` points at now: by HEAD, or by hashing the manifest where the registry does not say.
    pub(super) async fn digest(&self, tag: &Tag) -> Result<Digest, Failure> {
        let subject = format!("{}:{tag}", self.0.repository);
        let url = self.at(&format!("manifests/{tag}"));
        let accept = Some(manifest::ACCEPT);
        let head = self.send(&subject, Method::HEAD, &url, accept, 0).await;
        let told = match head {
            Ok(answer) => answer.headers.get(CONTENT_DIGEST).cloned(),
            Err(failure) if failure.fault.kind == FaultKind::Unsupported => None,
            Err(failure) => return Err(failure),
        };
        if let Some(digest) = told.and_then(|v| v.to_str().ok()?.parse().ok()) {
            return Ok(digest);
        }
        let answer = self.get(&subject, &url, accept, LARGEST_MANIFEST).await?;
        Ok(digest_of(&answer.body))
    }

    /// What `digest` says of itself: its image's labels, else the annotations of manifest and index.
    pub(super) async fn details(&self, digest: &Digest) -> Result<VersionDetails, Failure> {
        let mut details = VersionDetails::default();
        let mut manifest = digest.clone();
        // An index leads to a manifest; an index inside an index is as deep as anybody builds.
        for _ in 0..3 {
            let path = format!("manifests/{manifest}");
            let accept = Some(manifest::ACCEPT);
            let body = self
                .blob(&path, &manifest, accept, LARGEST_MANIFEST)
                .await?;
            let (said, next) = manifest::read_manifest(&body)
                .ok_or_else(|| malformed(&self.subject(&manifest), "is no manifest"))?;
            details = manifest::or(said, details);
            match next {
                Next::End => break,
                Next::Manifest(next) => manifest = next,
                Next::Configuration(configuration) => {
                    let path = format!("blobs/{configuration}");
                    let body = self
                        .blob(&path, &configuration, None, LARGEST_CONFIGURATION)
                        .await?;
                    let (said, built) = manifest::read_configuration(&body).ok_or_else(|| {
                        malformed(
                            &self.subject(&configuration),
                            "is no configuration of an image",
                        )
                    })?;
                    details = manifest::or(said, details);
                    details.created = details.created.or(built);
                    break;
                }
            }
        }
        Ok(details)
    }

    /// Answers a board's question.
    pub(super) fn answer(
        &self,
        question: Question,
    ) -> BoxFuture<'static, (Question, Result<Answer, Failure>)> {
        let client = self.clone();
        async move {
            let answer = match &question {
                Question::Digest(tag) => client.digest(tag).await.map(Answer::Digest),
                Question::Details(digest) => client.details(digest).await.map(Answer::Details),
            };
            (question, answer)
        }
        .boxed()
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.0.base.clone();
        // Joined by text: a digest's colon would make `Url::join` read a scheme.
        url.set_path(&format!("{}{path}", self.0.base.path()));
        url
    }

    fn subject(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.0.repository)
    }

    /// Content that is named by its digest, and has it.
    async fn blob(
        &self,
        path: &str,
        digest: &Digest,
        accept: Option<&str>,
        largest: usize,
    ) -> Result<Bytes, Failure> {
        let subject = self.subject(digest);
        let answer = self.get(&subject, &self.at(path), accept, largest).await?;
        if digest_of(&answer.body) != *digest {
            return Err(malformed(&subject, "the registry sent something else").into());
        }
        Ok(answer.body)
    }

    async fn get(
        &self,
        subject: &str,
        url: &Url,
        accept: Option<&str>,
        largest: usize,
    ) -> Result<Received, Failure> {
        self.send(subject, Method::GET, url, accept, largest).await
    }

    /// Sends a request that changes nothing, as whom the registry wants. A gateway's hiccup is tried
    /// again, twice.
    async fn send(
        &self,
        subject: &str,
        method: Method,
        url: &Url,
        accept: Option<&str>,
        largest: usize,
    ) -> Result<Received, Failure> {
        let again = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(2)
            .with_jitter();
        (|| self.send_authorized(subject, method.clone(), url, accept, largest))
            .retry(again)
            .when(|failure| failure.fault.kind == FaultKind::Failed && failure.wait.is_none())
            .await
    }

    async fn send_authorized(
        &self,
        subject: &str,
        method: Method,
        url: &Url,
        accept: Option<&str>,
        largest: usize,
    ) -> Result<Received, Failure> {
        let (renewals, authorization) = {
            let session = self.0.session.lock().await;
            (session.renewals, session.authorization.clone()?)
        };
        let request = |authorization: Option<&HeaderValue>| {
            let mut request = self.0.http.request(method.clone(), url.clone());
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            match authorization {
                Some(value) => request.header(AUTHORIZATION, value.clone()),
                None => request,
            }
        };
        let sent = |error: reqwest::Error| self.not_sent(subject, &error);
        let first = request(authorization.as_deref());
        let mut response = first.send().await.map_err(sent)?;
        let mut used = authorization;
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = authentication::challenge(response.headers());
            used = self.renew(renewals, used.as_ref(), challenge).await?;
            response = request(used.as_deref()).send().await.map_err(sent)?;
        }
        let status = response.status();
        let headers = response.headers().clone();
        if status.is_success() {
            let body = self.read(subject, response, largest).await?;
            return Ok(Received { headers, body });
        }
        if status == StatusCode::UNAUTHORIZED
            && let (Some(login), Some(used)) = (&self.0.login, &used)
        {
            login.forget(used).await;
        }
        let complaint = match method {
            Method::HEAD => Bytes::new(),
            // What a refusal says in words is for people: without it the status remains.
            _ => self
                .read(subject, response, LARGEST_COMPLAINT)
                .await
                .unwrap_or_default(),
        };
        Err(self.refused(subject, status, &headers, &complaint))
    }

    /// Becomes who the registry wants, once for all requests that were refused with the same identity.
    async fn renew(
        &self,
        renewals: u64,
        refused: Option<&Arc<HeaderValue>>,
        challenge: Option<Challenge>,
    ) -> Result<Option<Arc<HeaderValue>>, Failure> {
        let mut session = self.0.session.lock().await;
        if session.renewals != renewals {
            return session.authorization.clone();
        }
        session.renewals += 1;
        let authorization = match challenge {
            Some(Challenge::Basic) => self.basic(refused).await,
            Some(Challenge::Bearer { realm, service }) => self.token(realm, service).await,
            None => Err(self
                .unauthorized("asks for a login in a way that is not understood")
                .into()),
        };
        session.authorization = match authorization {
            // The network's failure is no refusal: the next request may try again.
            Err(failure) if failure.fault.kind.is_passing() => {
                session.authorization = Ok(None);
                return Err(failure);
            }
            decided => decided.map(Some),
        };
        session.authorization.clone()
    }

    async fn basic(&self, refused: Option<&Arc<HeaderValue>>) -> Result<Arc<HeaderValue>, Failure> {
        let Some(login) = &self.0.login else {
            return Err(self
                .unauthorized("asks for a user name and a password")
                .into());
        };
        if let Some(refused) = refused {
            login.forget(refused).await;
            let basic = login.basic().await?;
            // The secret may have been changed since it was resolved; the same one is refused for good.
            return match basic == *refused {
                true => Err(self
                    .unauthorized("refuses the user name or the password")
                    .into()),
                false => Ok(basic),
            };
        }
        Ok(login.basic().await?)
    }

    async fn token(
        &self,
        realm: Url,
        service: Option<String>,
    ) -> Result<Arc<HeaderValue>, Failure> {
        let mut url = realm;
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair(
                "scope",
                &format!("repository:{}:pull", self.0.repository.path()),
            );
        let subject = self.0.repository.as_str();
        let basic = match &self.0.login {
            Some(login) => Some(login.basic().await?),
            None => None,
        };
        let mut request = self.0.http.get(url);
        if let Some(basic) = &basic {
            request = request.header(AUTHORIZATION, HeaderValue::clone(basic));
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.not_sent(subject, &error))?;
        let status = response.status();
        let headers = response.headers().clone();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            if let (Some(login), Some(basic)) = (&self.0.login, &basic) {
                login.forget(basic).await;
            }
            let refuses = match basic {
                Some(_) => "gives no token for this user name and password",
                None => "gives no token without a login",
            };
            return Err(self.unauthorized(refuses).into());
        }
        let body = self.read(subject, response, LARGEST_TOKEN).await?;
        if !status.is_success() {
            return Err(self.refused(subject, status, &headers, &body));
        }
        authentication::bearer(&body)
            .map(Arc::new)
            .ok_or_else(|| malformed(subject, "the answer of the token server has no token").into())
    }

    async fn read(
        &self,
        subject: &str,
        mut response: reqwest::Response,
        largest: usize,
    ) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        while largest > 0
            && let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| self.not_sent(subject, &error))?
        {
            if body.len() + chunk.len() > largest {
                let message = format!("the answer is longer than {largest} bytes");
                return Err(malformed(subject, &message).into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn unauthorized(&self, message: &str) -> Fault {
        let host = &self.0.host;
        let remedy = match self.0.login {
            Some(_) => format!(
                "correct {} or {}; the login needs read access to {}",
                key(host, "user"),
                key(host, "password"),
                self.0.repository
            ),
            None => format!(
                "set {} and {} in the configuration",
                key(host, "user"),
                key(host, "password")
            ),
        };
        Fault::new(FaultKind::Authentication, host, message).remedy(remedy)
    }

    /// A request that got no whole answer.
    fn not_sent(&self, subject: &str, error: &reqwest::Error) -> Failure {
        let host = &self.0.host;
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
            match why.contains("InvalidContentType") || why.contains("corrupt message") {
                true => fault.remedy(format!(
                    "if the registry speaks plain HTTP, set {} = true",
                    key(host, "plain_http")
                )),
                false => fault,
            }
        };
        fault.because(why).into()
    }

    /// A status that is no success.
    fn refused(
        &self,
        subject: &str,
        status: StatusCode,
        headers: &HeaderMap,
        complaint: &[u8],
    ) -> Failure {
        let host = &self.0.host;
        let wait = retry::retry_after(headers, self.0.clock.now().wall);
        let fault = match status {
            StatusCode::UNAUTHORIZED => self.unauthorized("refuses this login"),
            StatusCode::FORBIDDEN if self.0.login.is_none() => {
                self.unauthorized("does not show this to somebody without a login")
            }
            StatusCode::FORBIDDEN => {
                Fault::new(FaultKind::Permission, subject, "this login may not read it").remedy(
                    format!("give the login of {} read access", key(host, "user")),
                )
            }
            StatusCode::NOT_FOUND => Fault::new(FaultKind::Missing, subject, "is not there")
                .remedy(match self.0.login {
                    Some(_) => "see whether it is written right, and whether the login may see it",
                    None => "see whether it is written right, and whether it needs a login",
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
            status => Fault::new(
                FaultKind::Failed,
                subject,
                format!("{host} answered {status}"),
            ),
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

fn malformed(subject: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Malformed, subject, message)
}

fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn digest_of(bytes: &[u8]) -> Digest {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
        .parse()
        .expect("64 hexadecimal digits after sha256: are a digest")
}

/// The address in `Link: <…>; rel="next"`, resolved; the error is one that lies at another registry,
/// where our token has nothing to do.
fn next_page(headers: &HeaderMap, at: &Url) -> Result<Option<Url>, String> {
    let target = headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(",<").flat_map(|part| part.split(", <")))
        .find_map(|link| {
            let (target, parameters) = link.trim_start_matches('<').split_once('>')?;
            parameters
                .split(';')
                .filter_map(|parameter| parameter.split_once('='))
                .any(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("rel")
                        && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
                })
                .then_some(target)
        });
    let Some(target) = target else {
        return Ok(None);
    };
    match at.join(target) {
        Ok(next) if next.origin() == at.origin() => Ok(Some(next)),
        _ => Err(target.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, link.parse().unwrap());
        let at = "https://r.example/v2/acme/shop/tags/list?n=2"
            .parse()
            .unwrap();
        next_page(&headers, &at).map(|url| url.map(String::from))
    }

    #[test]
    fn the_next_page_is_found_and_stays_at_the_registry() {
        let cursor = "https://r.example/v2/acme/shop/tags/list?last=v1%2C2&n=2";
        for link in [
            r#"</v2/acme/shop/tags/list?last=v1%2C2&n=2>; rel="next""#,
            "<?last=v1%2C2&n=2>;rel=next",
            r#"<https://r.example/v2/acme/shop/tags/list?n=2>; rel="first", <?last=v1%2C2&n=2>; title="x"; rel="next""#,
        ] {
            assert_eq!(next(link).unwrap().as_deref(), Some(cursor), "{link}");
        }
        assert_eq!(next(r#"</v2/>; rel="prev""#), Ok(None));
        assert!(next(r#"<https://elsewhere.example/v2/>; rel="next""#).is_err());
    }
}
