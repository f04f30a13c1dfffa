//! Asks the checks of an operation that are asked "from here", while it is followed, and brings it the
//! verdicts. Only for those who may change things: an operation hears nothing from a watcher.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::task::JoinSet;

use crate::{
    release::{
        Permit,
        check::{Check, CheckAnswer, CheckVerdict, HttpCheck, HttpMeans, HttpMethod},
        operation::{Direction, Event, OperationId, Progress},
        plan::{Intent, Plan},
        text::clean,
    },
    target::{BoxStream, Target},
};

/// How long between two tries to bring a verdict: the step may not wait for it yet, or the link be gone.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// More of an answer is not looked at.
const LARGEST_ANSWER: usize = 1 << 20;
/// What a verdict says of why; more would fill the operation's output.
const LONGEST_WHY: usize = 300;

/// `progress` unchanged; meanwhile what it shows to be asked from here is asked. Dropped, it asks no more.
pub(super) fn asking(
    progress: BoxStream<Progress>,
    target: Arc<dyn Target>,
    permit: Permit,
    operation: OperationId,
) -> BoxStream<Progress> {
    let mut asker = Asker {
        target,
        permit,
        operation,
        plan: None,
        asked: None,
        tasks: JoinSet::new(),
    };
    Box::pin(progress.inspect(move |progress| asker.see(progress)))
}

struct Asker {
    target: Arc<dyn Target>,
    permit: Permit,
    operation: OperationId,
    plan: Option<Box<Plan>>,
    /// The step that is being asked: after a lost connection its start is told once more.
    asked: Option<(Direction, String)>,
    tasks: JoinSet<()>,
}

impl Asker {
    fn see(&mut self, progress: &Progress) {
        match progress {
            Progress::Plan(plan) => self.plan = Some(plan.clone()),
            Progress::Journal(line) => match &line.event {
                Event::StepStart {
                    direction, step, ..
                } => self.begin(*direction, step),
                Event::StepEnd {
                    direction, step, ..
                } if self.asked == Some((*direction, step.clone())) => self.stop(),
                _ => {}
            },
            Progress::End(_) | Progress::Gone(_) => self.stop(),
            Progress::Output(_) | Progress::Lost(_) => {}
        }
    }

    fn begin(&mut self, direction: Direction, id: &str) {
        let this = Some((direction, id.to_owned()));
        let step = self
            .plan
            .as_ref()
            .and_then(|plan| plan.steps(direction).iter().find(|step| step.id == id));
        let Some(Intent::Check {
            check: Check::Http(http),
            attempts,
            interval,
            timeout,
            ..
        }) = step.map(|step| &step.intent)
        else {
            return;
        };
        if http.means != HttpMeans::Here || self.asked == this {
            return;
        }
        let question = Question {
            http: http.clone(),
            attempts: (*attempts).max(1),
            interval: *interval,
            timeout: *timeout,
        };
        let messenger = Messenger {
            target: Arc::clone(&self.target),
            permit: self.permit,
            operation: self.operation,
            direction,
            step: id.to_owned(),
        };
        self.stop();
        self.asked = this;
        self.tasks.spawn(async move {
            messenger.bring(CheckVerdict::Asking).await;
            let verdict = question.ask().await;
            messenger.bring(verdict).await;
        });
    }

    fn stop(&mut self) {
        self.tasks.abort_all();
        self.asked = None;
    }
}

/// Brings verdicts on one step.
struct Messenger {
    target: Arc<dyn Target>,
    permit: Permit,
    operation: OperationId,
    direction: Direction,
    step: String,
}

impl Messenger {
    /// Until it has arrived, or the step has ended and with it this.
    async fn bring(&self, verdict: CheckVerdict) {
        loop {
            let answer = self.permit.confirm(CheckAnswer {
                operation: self.operation,
                direction: self.direction,
                step: self.step.clone(),
                verdict: verdict.clone(),
            });
            match self.target.answer_check(answer).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(fault) => tracing::warn!(%fault, step = self.step, "a verdict did not arrive"),
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }
}

/// What is asked, how often.
struct Question {
    http: HttpCheck,
    attempts: u32,
    interval: Duration,
    timeout: Duration,
}

impl Question {
    async fn ask(&self) -> CheckVerdict {
        let mut why = String::new();
        for attempt in 1..=self.attempts {
            match once(&self.http, self.timeout).await {
                Ok(()) => return CheckVerdict::Holds,
                Err(failed) => why = failed,
            }
            if attempt < self.attempts {
                tokio::time::sleep(self.interval).await;
            }
        }
        let why: String = clean(&why).chars().take(LONGEST_WHY).collect();
        CheckVerdict::Fails(why)
    }
}

/// Asks once.
///
/// # Errors
/// Why it does not hold, in words.
async fn once(check: &HttpCheck, timeout: Duration) -> Result<(), String> {
    let not_asked = |error: reqwest::Error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        format!("no answer: {cause}")
    };
    let client = reqwest::Client::builder()
        .user_agent(concat!("flightdeck/", env!("CARGO_PKG_VERSION")))
        // Judged as curl on a server judges it: a redirect is an answer.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(not_asked)?;
    let mut request = match check.method {
        HttpMethod::Get => client.get(&check.url),
        HttpMethod::Head => client.head(&check.url),
    };
    for (name, value) in &check.request_headers {
        request = request.header(name, value);
    }
    let mut response = request.send().await.map_err(not_asked)?;
    let status = response.status().as_u16();
    if !check.status.holds(status) {
        return Err(format!("answered {status}, not {}", check.status));
    }
    for (name, text) in &check.headers {
        let values = response.headers().get_all(name);
        let holds = values
            .iter()
            .any(|value| String::from_utf8_lossy(value.as_bytes()).contains(text.as_str()));
        if !holds {
            return Err(format!(
                "answered {status}, and its header {name} is not {text}"
            ));
        }
    }
    if check.body.is_none() && check.json.is_empty() {
        return Ok(());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(not_asked)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            body.truncate(LARGEST_ANSWER);
            break;
        }
    }
    if let Some(text) = &check.body
        && !String::from_utf8_lossy(&body).contains(text.as_str())
    {
        return Err(format!(
            "answered {status}, and its text does not hold: {text}"
        ));
    }
    if check.json.is_empty() {
        return Ok(());
    }
    let answer: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| format!("answered {status}, and that cannot be read as JSON: {error}"))?;
    for field in &check.json {
        if !field.holds_in(&answer) {
            let found = field.find(&answer).map_or("missing".to_owned(), |found| {
                found.to_string().chars().take(100).collect()
            });
            return Err(format!(
                "answered {status}, and {} is not {} but {found}",
                field.path_words(),
                field.value
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
    };

    use crate::release::check::{JsonField, Statuses};

    use super::*;

    fn answering() -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok);
                let sent = lines
                    .take_while(|line| !line.is_empty())
                    .find_map(|line| Some(line.strip_prefix("x-probe: ")?.to_owned()));
                let _ = write!(
                    stream,
                    "HTTP/1.1 302 Found\r\nLocation: /else\r\nX-Sent: {}\r\nContent-Length: 11\r\n\
                     Connection: close\r\n\r\n{{\"ok\":true}}",
                    sent.unwrap_or_default()
                );
            }
        });
        url
    }

    #[tokio::test]
    async fn an_answer_is_judged_as_it_is_on_a_server() {
        let url = answering();
        let seconds = Duration::from_secs(10);
        let header = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
        let field = |value: serde_json::Value| {
            let path = vec!["ok".to_owned()];
            vec![JsonField { path, value }]
        };
        let check = HttpCheck {
            status: Statuses::one(302),
            request_headers: header("x-probe", "a b"),
            headers: header("x-sent", "a b"),
            body: Some("ok".to_owned()),
            json: field(true.into()),
            ..HttpCheck::get(&url, HttpMeans::Here)
        };
        assert_eq!(once(&check, seconds).await, Ok(()));
        let why = async |check: HttpCheck| once(&check, seconds).await.unwrap_err();
        let status = HttpCheck {
            status: Statuses::one(200),
            ..check.clone()
        };
        assert_eq!(why(status).await, "answered 302, not 200");
        let other = HttpCheck {
            json: field(false.into()),
            ..check.clone()
        };
        assert_eq!(
            why(other).await,
            "answered 302, and ok is not false but true"
        );
        let unheard = HttpCheck {
            headers: header("x-sent", "c"),
            ..check
        };
        assert!(why(unheard).await.contains("its header x-sent is not c"));
        let nobody = HttpCheck::get("http://127.0.0.1:9/", HttpMeans::Here);
        assert!(why(nobody).await.starts_with("no answer: "));
    }
}
