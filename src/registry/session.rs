//! Asks as whom the registry wants: logins, tokens, one renewal for all that were refused together.
//!
//! Only GET and HEAD. Every answer is bounded in time and memory.

use std::{sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION},
};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    clock::Clock,
    release::{Fault, FaultKind, Repository},
    retry::Failure,
};

use super::{
    authentication::{self, Challenge, Login},
    refusals::{Refusals, innermost, malformed},
};

const CONNECT_TIME: Duration = Duration::from_secs(10);
/// For the whole of one request with its body.
const REQUEST_TIME: Duration = Duration::from_secs(30);
const LARGEST_TOKEN: usize = 1 << 20;
const LARGEST_COMPLAINT: usize = 64 << 10;

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

/// An answer that was read whole.
pub(super) struct Received {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The requests to one repository.
#[derive(Debug)]
pub(super) struct Session {
    http: reqwest::Client,
    repository: Repository,
    login: Option<Arc<Login>>,
    clock: Clock,
    refusals: Refusals,
    identity: Mutex<Identity>,
}

/// As whom requests are made.
#[derive(Debug)]
struct Identity {
    renewals: u64,
    authorization: Result<Option<Arc<HeaderValue>>, Failure>,
}

impl Session {
    pub(super) fn new(
        transports: &Transports,
        repository: &Repository,
        plain: bool,
        login: Option<Arc<Login>>,
        clock: Clock,
    ) -> Self {
        let http = match plain {
            true => &transports.plain,
            false => &transports.secure,
        };
        Self {
            http: http.clone(),
            repository: repository.clone(),
            refusals: Refusals {
                host: repository.registry().to_owned(),
                repository: repository.clone(),
                has_login: login.is_some(),
            },
            login,
            clock,
            identity: Mutex::new(Identity {
                renewals: 0,
                authorization: Ok(None),
            }),
        }
    }

    /// Forgets that a login was refused: the next request tries anew.
    pub(super) async fn forget_refusal(&self) {
        let mut identity = self.identity.lock().await;
        if identity.authorization.is_err() {
            identity.authorization = Ok(None);
        }
    }

    /// Sends a request that changes nothing, as whom the registry wants. A gateway's hiccup is tried
    /// again, twice.
    pub(super) async fn send(
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
            let identity = self.identity.lock().await;
            (identity.renewals, identity.authorization.clone()?)
        };
        let request = |authorization: Option<&HeaderValue>| {
            let mut request = self.http.request(method.clone(), url.clone());
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            match authorization {
                Some(value) => request.header(AUTHORIZATION, value.clone()),
                None => request,
            }
        };
        let sent = |error: reqwest::Error| self.refusals.not_sent(subject, &error);
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
            && let (Some(login), Some(used)) = (&self.login, &used)
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
        let mut identity = self.identity.lock().await;
        if identity.renewals != renewals {
            return identity.authorization.clone();
        }
        identity.renewals += 1;
        let authorization = match challenge {
            Some(Challenge::Basic) => self.basic(refused).await,
            Some(Challenge::Bearer { realm, service }) => self.token(realm, service).await,
            None => Err(self
                .refusals
                .unauthorized("asks for a login in a way that is not understood")
                .into()),
        };
        identity.authorization = match authorization {
            // The network's failure is no refusal: the next request may try again.
            Err(failure) if failure.fault.kind.is_passing() => {
                identity.authorization = Ok(None);
                return Err(failure);
            }
            decided => decided.map(Some),
        };
        identity.authorization.clone()
    }

    async fn basic(&self, refused: Option<&Arc<HeaderValue>>) -> Result<Arc<HeaderValue>, Failure> {
        let Some(login) = &self.login else {
            return Err(self
                .refusals
                .unauthorized("asks for a user name and a password")
                .into());
        };
        if let Some(refused) = refused {
            login.forget(refused).await;
            let basic = login.basic().await?;
            // The secret may have been changed since it was resolved; the same one is refused for good.
            return match basic == *refused {
                true => Err(self
                    .refusals
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
                &format!("repository:{}:pull", self.repository.path()),
            );
        let subject = self.repository.as_str();
        let basic = match &self.login {
            Some(login) => Some(login.basic().await?),
            None => None,
        };
        let mut request = self.http.get(url);
        if let Some(basic) = &basic {
            request = request.header(AUTHORIZATION, HeaderValue::clone(basic));
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.refusals.not_sent(subject, &error))?;
        let status = response.status();
        let headers = response.headers().clone();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            if let (Some(login), Some(basic)) = (&self.login, &basic) {
                login.forget(basic).await;
            }
            let refuses = match basic {
                Some(_) => "gives no token for this user name and password",
                None => "gives no token without a login",
            };
            return Err(self.refusals.unauthorized(refuses).into());
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
                .map_err(|error| self.refusals.not_sent(subject, &error))?
        {
            if body.len() + chunk.len() > largest {
                let message = format!("the answer is longer than {largest} bytes");
                return Err(malformed(subject, &message).into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn refused(
        &self,
        subject: &str,
        status: StatusCode,
        headers: &HeaderMap,
        complaint: &[u8],
    ) -> Failure {
        let wall = self.clock.now().wall;
        self.refusals
            .refused(subject, status, headers, complaint, wall)
    }
}
