//! Checks: ways to ask whether something works, and what the answer must be.
//!
//! Knows neither who asks nor how: the means are found when a plan is made, and a target renders them.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    ServiceName,
    operation::{Direction, OperationId},
};

/// A way to ask whether something works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    /// An HTTP request.
    Http(HttpCheck),
    /// A command on the server, in the project's directory; 0 is good.
    Command {
        /// For `sh -c`.
        command: String,
    },
    /// A command inside a service's container; 0 is good.
    Exec {
        /// In whose container.
        service: ServiceName,
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// An HTTP request, and what its answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// The address.
    pub url: String,
    /// How it is asked.
    #[serde(default)]
    pub method: HttpMethod,
    /// What is sent with it: names and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// The statuses that are good.
    pub status: Statuses,
    /// Headers of the answer, each with a text that it must hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A text that the body must hold.
    pub body: Option<String>,
    /// Fields that the body must have, as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonField>,
    /// With what it is asked.
    pub means: HttpMeans,
    /// With what JSON is read; `None` where the asker can by itself, or no field is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_means: Option<JsonMeans>,
}

impl HttpCheck {
    /// A request that asks for no more than that it is answered with 200.
    pub fn get(url: impl Into<String>, means: HttpMeans) -> Self {
        Self {
            url: url.into(),
            method: HttpMethod::Get,
            request_headers: BTreeMap::new(),
            status: Statuses::one(200),
            headers: BTreeMap::new(),
            body: None,
            json: Vec::new(),
            means,
            json_means: None,
        }
    }
}

/// How an HTTP check is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// For the whole answer.
    #[default]
    Get,
    /// For its head alone.
    Head,
}

impl HttpMethod {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// With what an HTTP check is asked; found when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpMeans {
    /// `curl` on the server.
    Curl,
    /// `wget` on the server.
    Wget,
    /// `curl` in that service's container.
    CurlIn(ServiceName),
    /// `wget` (busybox's will do) in that service's container.
    WgetIn(ServiceName),
    /// What that service's container has by then: it did not run when the plan was made.
    AnyIn(ServiceName),
    /// Whoever follows the operation, from where they are.
    Here,
}

/// With what the JSON of an answer is read; found when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonMeans {
    /// `jq` on the server.
    Jq,
    /// `python3` on the server.
    Python,
    /// `jq` in that service's container.
    JqIn(ServiceName),
    /// `python3` in that service's container.
    PythonIn(ServiceName),
    /// What that service's container has by then: it did not run when the plan was made.
    AnyIn(ServiceName),
}

/// A field of an answer's JSON, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonField {
    /// The names on the way to it; a number is also a place in a list, from 0.
    pub path: Vec<String>,
    /// What it must be: a text, a number, true or false.
    pub value: serde_json::Value,
}

impl JsonField {
    /// What there is at its path; `None` if there is nothing.
    pub fn find<'a>(&self, answer: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        self.path.iter().try_fold(answer, |at, name| match at {
            serde_json::Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            serde_json::Value::Object(fields) => fields.get(name),
            _ => None,
        })
    }

    /// Whether `answer` has it. 1 and 1.0 are the same number.
    pub fn holds_in(&self, answer: &serde_json::Value) -> bool {
        self.find(answer).is_some_and(|found| {
            found == &self.value
                || found
                    .as_f64()
                    .zip(self.value.as_f64())
                    .is_some_and(|(found, wanted)| found == wanted)
        })
    }

    /// The path as people write it: `database.status`.
    pub fn path_words(&self) -> String {
        self.path.join(".")
    }
}

impl fmt::Display for JsonField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.path_words(), self.value)
    }
}

/// The statuses that an answer may have, both ends included: `200`, `2xx`, `301-303`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest.
    pub from: u16,
    /// The highest.
    pub to: u16,
}

/// Not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no HTTP status: write 200, \"2xx\" or \"301-303\"")]
pub struct NoStatus(String);

impl FromStr for StatusRange {
    type Err = NoStatus;
    fn from_str(text: &str) -> Result<Self, NoStatus> {
        let status = |text: &str| {
            let number = text.parse::<u16>().ok()?;
            (100..=599).contains(&number).then_some(number)
        };
        let range = if let Some(hundred) = text.strip_suffix("xx") {
            status(&format!("{hundred}00")).map(|from| (from, from + 99))
        } else if let Some((from, to)) = text.split_once('-') {
            status(from).zip(status(to)).filter(|(from, to)| from <= to)
        } else {
            status(text).map(|number| (number, number))
        };
        let (from, to) = range.ok_or_else(|| NoStatus(text.to_owned()))?;
        Ok(Self { from, to })
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, to) if from == to => write!(f, "{from}"),
            (from, to) if from % 100 == 0 && to == from + 99 => write!(f, "{}xx", from / 100),
            (from, to) => write!(f, "{from}-{to}"),
        }
    }
}

/// The statuses that are good; one range at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<StatusRange>);

impl Statuses {
    /// One status alone.
    pub fn one(status: u16) -> Self {
        Self(vec![StatusRange {
            from: status,
            to: status,
        }])
    }

    /// Whether an answer with this status is good.
    pub fn holds(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|range| (range.from..=range.to).contains(&status))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(" or "))
    }
}

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            // As the first versions wrote it.
            One(u16),
            Several(Vec<String>),
        }
        match Written::deserialize(deserializer)? {
            Written::One(status) => Ok(Self::one(status)),
            Written::Several(ranges) => ranges
                .iter()
                .map(|range| range.parse().map_err(de::Error::custom))
                .collect::<Result<_, _>>()
                .map(Self),
        }
    }
}

/// How long one answer may take where a plan does not say: as the first versions had it.
pub(super) fn answer_time() -> Duration {
    Duration::from_secs(10)
}

/// A verdict, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAnswer {
    /// Of which operation.
    pub operation: OperationId,
    /// In which of its lists.
    pub direction: Direction,
    /// The step's id.
    pub step: String,
    /// What is said of it.
    pub verdict: CheckVerdict,
}

/// What whoever follows an operation says of a check that is asked from where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckVerdict {
    /// Somebody has begun to ask.
    Asking,
    /// It holds.
    Holds,
    /// It does not, and why, in words.
    Fails(String),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statuses_are_numbers_hundreds_and_ranges() {
        let parse = |text: &str| text.parse::<StatusRange>().map(|range| range.to_string());
        for same in ["200", "2xx", "301-303"] {
            assert_eq!(parse(same).unwrap(), same);
        }
        for wrong in ["", "20", "600", "xx", "12xx", "303-301", "200-", "ok"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let statuses = Statuses(vec!["2xx".parse().unwrap(), "404".parse().unwrap()]);
        assert!(statuses.holds(204) && statuses.holds(404) && !statuses.holds(301));
        assert_eq!(statuses.to_string(), "2xx or 404");
    }

    #[test]
    fn a_check_that_an_earlier_version_wrote_is_read() {
        let check: Check = serde_json::from_value(json!({
            "kind": "http", "url": "http://localhost/", "status": 200, "body": null, "means": "curl"
        }))
        .unwrap();
        let Check::Http(http) = &check else {
            panic!("{check:?}");
        };
        assert_eq!(http.status, Statuses::one(200));
        let again: Check = serde_json::from_value(serde_json::to_value(&check).unwrap()).unwrap();
        assert_eq!(again, check);
    }

    #[test]
    fn a_field_is_found_by_names_and_places() {
        let answer = json!({"db": {"ok": true, "n": 1}, "workers": [{"name": "a"}]});
        let field = |path: &str, value: serde_json::Value| JsonField {
            path: path.split('.').map(str::to_owned).collect(),
            value,
        };
        assert!(field("db.ok", json!(true)).holds_in(&answer));
        assert!(field("db.n", json!(1.0)).holds_in(&answer));
        assert!(field("workers.0.name", json!("a")).holds_in(&answer));
        for (path, value) in [
            ("db.ok", json!("true")),
            ("db.n", json!(true)),
            ("workers.1.name", json!("a")),
            ("db.gone", json!(null)),
            ("db.ok.deeper", json!(true)),
        ] {
            assert!(!field(path, value).holds_in(&answer), "{path}");
        }
    }
}
