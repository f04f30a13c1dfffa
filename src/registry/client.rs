//! Asks one repository: pages of tags, what a tag points at, what a digest says.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, Method, header::LINK};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{
    clock::Clock,
    release::{Digest, Fault, FaultKind, Repository, Tag, version::VersionDetails},
    retry::Failure,
};

use super::{
    authentication::Login,
    board::{Answer, Question},
    manifest::{self, Next},
    refusals::malformed,
    session::{Received, Session, Transports},
};

/// How many tags a page should have; registries give fewer if they want.
const PAGE: usize = 1000;
/// The specification's limit for manifests.
const LARGEST_MANIFEST: usize = 4 << 20;
const LARGEST_CONFIGURATION: usize = 8 << 20;
const LARGEST_PAGE: usize = 8 << 20;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// One page of tags.
#[derive(Debug)]
pub(super) struct Page {
    /// The tags, as [`manifest::read_tags`] reads them.
    pub(super) tags: Vec<Tag>,
    /// Where the next page is.
    pub(super) next: Option<Url>,
}

/// A client for one repository. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub(super) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `https://host/v2/path/`.
    base: Url,
    repository: Repository,
    session: Session,
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
        Ok(Self(Arc::new(Inner {
            base,
            repository: repository.clone(),
            session: Session::new(transports, repository, plain, login, clock),
        })))
    }

    /// Forgets that a login was refused: the next request tries anew.
    pub(super) async fn forget_refusal(&self) {
        self.0.session.forget_refusal().await;
    }

    /// Where the list of tags begins.
    pub(super) fn first_page(&self) -> Url {
        let mut url = self.at("tags/list");
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        url
    }

    /// A page of tags, from [`Client::first_page`] on.
    pub(super) async fn page(&self, url: Url) -> Result<Page, Failure> {
        let subject = self.0.repository.as_str();
        let answer = self.get(subject, &url, None, LARGEST_PAGE).await?;
        let tags = manifest::read_tags(&answer.body).map_err(|error| {
            malformed(subject, "the list of tags cannot be read").because(error)
        })?;
        Ok(Page {
            tags,
            next: next_page(&answer.headers, &url)
                .map_err(|next| malformed(subject, "the next page is elsewhere").because(next))?,
        })
    }

    /// What `tag` points at now: by HEAD, or by hashing the manifest where the registry does not say.
    pub(super) async fn digest(&self, tag: &Tag) -> Result<Digest, Failure> {
        let subject = format!("{}:{tag}", self.0.repository);
        let url = self.at(&format!("manifests/{tag}"));
        let accept = Some(manifest::ACCEPT);
        let head = self
            .0
            .session
            .send(&subject, Method::HEAD, &url, accept, 0)
            .await;
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
        self.0
            .session
            .send(subject, Method::GET, url, accept, largest)
            .await
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
        .parse()
        .expect("64 hexadecimal digits after sha256: are a digest")
}

/// The address in `Link: <…>; rel="next"`, resolved; the error is one that lies at another registry,
/// where our token has nothing to do, or has a login in it, which is not ours.
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
    let has_login = |url: &Url| !url.username().is_empty() || url.password().is_some();
    match at.join(target) {
        Ok(next) if next.origin() == at.origin() && !has_login(&next) => Ok(Some(next)),
        _ => Err(target.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_link_leads_to_another_registry(
            target in "(https?:)?(//|/\\\\|\\\\|)(elsewhere|r\\.example|user@|:443|:80|\\.|[/?#&;a-z]){0,6}",
            before in "[<>;, a-z\"=/]{0,12}",
        ) {
            if let Ok(Some(next)) = next(&format!("{before}<{target}>; rel=next")) {
                prop_assert!(next.starts_with("https://r.example/"), "{next}");
            }
        }
    }

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
