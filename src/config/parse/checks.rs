//! `[[environments.NAME.checks]]`: what is asked after a switch.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{
    list::{command, exec, named, one_of, refuse_foreign},
    reader::{self, Fields, Value},
};
use crate::config::{AskedFrom, CheckRule, HttpRule, Probe, keys, problem::Problems};
use crate::release::{
    ServiceName,
    check::{HttpMethod, JsonField, StatusRange, Statuses},
};

/// How often a check is asked at most, unless configured.
const ATTEMPTS: u64 = 12;
/// How long between two attempts, unless configured, in seconds.
const INTERVAL: u64 = 5;
/// How long one HTTP answer may take, unless configured, in seconds.
const HTTP_TIMEOUT: u64 = 10;
/// How long one command may take, unless configured, in seconds.
const COMMAND_TIMEOUT: u64 = 60;

/// The keys that only an HTTP check has.
const HTTP_KEYS: [&str; 7] = [
    "method",
    "request_headers",
    "status",
    "headers",
    "body",
    "json",
    "from",
];

/// Reads the checks.
pub(super) fn read(fields: &Fields<'_>, p: &mut Problems) -> Vec<CheckRule> {
    let example = "[[environments.production.checks]] with http = \"http://localhost/status\"";
    named(fields, "checks", example, p, check, |check| &check.name)
}

fn check(value: &Value<'_>, environment: &Fields<'_>, p: &mut Problems) -> Option<CheckRule> {
    let fields = Fields::open(
        value,
        value.span(),
        format!("a check of {}", environment.name()),
        keys::CHECK,
        p,
    )?;
    let attempts = fields.number("attempts", 1..=1000, ATTEMPTS, p);
    let interval = fields.seconds("interval", 1..=600, INTERVAL, p);
    let name = fields.text("name", p);
    let kind = one_of(
        &fields,
        ["http", "command", "exec"],
        "a check is one of http, command and exec",
        "write http = \"http://localhost/status\", command = \"…\" or exec = [\"…\"]",
        p,
    )?;
    let timeout = match kind {
        "http" => HTTP_TIMEOUT,
        _ => COMMAND_TIMEOUT,
    };
    let timeout = fields.seconds("timeout", 1..=3600, timeout, p);
    let mut foreign: Vec<&str> = Vec::new();
    if kind != "http" {
        foreign.extend(HTTP_KEYS);
    }
    if kind == "command" {
        foreign.push("inside");
    }
    refuse_foreign(&fields, kind, &foreign, p);
    let (probe, own_name) = match kind {
        "http" => http(&fields, p)?,
        "command" => {
            let (command, first) = command(&fields, p)?;
            (Probe::Command(command), first)
        }
        _ => {
            let (service, command, first) = exec(&fields, p)?;
            (Probe::Exec { service, command }, first)
        }
    };
    Some(CheckRule {
        name: name.map_or(own_name, |name| (*name.get_ref()).to_owned()),
        probe,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        interval,
        timeout,
    })
}

fn http(fields: &Fields<'_>, p: &mut Problems) -> Option<(Probe, String)> {
    let method = method(fields, p);
    let status = statuses(fields, p);
    let body = fields.text("body", p).map(|t| (*t.get_ref()).to_owned());
    let json = json(fields, p);
    if method == HttpMethod::Head {
        for key in ["body", "json"] {
            if let Some(span) = fields.key_span(key) {
                p.add(
                    span,
                    format!("an answer to HEAD has no {key}"),
                    "take method = \"HEAD\" away",
                );
            }
        }
    }
    let request_headers = headers(fields, "request_headers", p);
    let headers = headers(fields, "headers", p);
    let from = asked_from(fields, p);
    let url = fields.url("http", p)?;
    let path = url.path().to_owned();
    let probe = Probe::Http(HttpRule {
        url,
        method,
        request_headers,
        status,
        headers,
        body,
        json,
        from,
    });
    Some((probe, path))
}

fn method(fields: &Fields<'_>, p: &mut Problems) -> HttpMethod {
    let Some(word) = fields.text("method", p) else {
        return HttpMethod::Get;
    };
    match *word.get_ref() {
        "GET" => HttpMethod::Get,
        "HEAD" => HttpMethod::Head,
        other => {
            p.add(
                word.span(),
                format!("{other:?} is not how a check asks"),
                "write \"GET\" or \"HEAD\": a check changes nothing",
            );
            HttpMethod::Get
        }
    }
}

/// One status, or a list of them and of ranges.
fn statuses(fields: &Fields<'_>, p: &mut Problems) -> Statuses {
    let default = Statuses::one(200);
    let Some(value) = fields.get("status") else {
        return default;
    };
    let items: Vec<&Value<'_>> = match value.get_ref() {
        DeValue::Array(array) => array.iter().collect(),
        _ => vec![value],
    };
    let mut ranges: Vec<StatusRange> = Vec::new();
    for item in &items {
        let text = match item.get_ref() {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::String(text) => text.to_string(),
            _ => {
                reader::wrong_type(
                    item,
                    "\"status\" is a number, \"2xx\", or a list of such",
                    p,
                );
                continue;
            }
        };
        match text.parse() {
            Ok(range) => ranges.push(range),
            Err(error) => {
                let error: crate::release::check::NoStatus = error;
                p.add(item.span(), error.to_string(), "");
            }
        }
    }
    if items.is_empty() {
        p.add(
            value.span(),
            "\"status\" names none",
            "leave it out for 200",
        );
    }
    if ranges.is_empty() {
        default
    } else {
        Statuses(ranges)
    }
}

/// Names of headers with a text each.
fn headers(fields: &Fields<'_>, key: &str, p: &mut Problems) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let Some(value) = fields.get(key) else {
        return headers;
    };
    for (name, value) in reader::entries(value, key, p) {
        let Some(text) = reader::text(value, name.get_ref(), p) else {
            continue;
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if name.get_ref().is_empty() || !name.get_ref().bytes().all(fits) {
            p.add(
                name.span(),
                format!("{:?} is not a header's name", name.get_ref()),
                "use letters, digits and '-'",
            );
        } else if text.get_ref().chars().any(char::is_control) {
            p.add(
                text.span(),
                "a header's text is one line",
                "take the line break or control character out",
            );
        } else {
            let secret = ["authorization", "cookie", "x-api-key"];
            if key == "request_headers"
                && secret.contains(&name.get_ref().to_ascii_lowercase().as_str())
            {
                p.hide(text.span());
                p.add(
                    text.span(),
                    format!("{} is a secret written in clear", name.get_ref()),
                    "plans and logs show what is asked: ask with a command that reads the secret itself",
                );
                continue;
            }
            headers.insert((*name.get_ref()).to_owned(), (*text.get_ref()).to_owned());
        }
    }
    headers
}

/// Paths with a value each.
fn json(fields: &Fields<'_>, p: &mut Problems) -> Vec<JsonField> {
    let Some(value) = fields.get("json") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (path, value) in reader::entries(value, "json", p) {
        let names: Vec<String> = path.get_ref().split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) || path.get_ref().chars().any(char::is_control) {
            p.add(
                path.span(),
                format!("{:?} is not a path in JSON", path.get_ref()),
                "write the names on the way with dots between, such as \"database.status\" or \"workers.0.alive\"",
            );
            continue;
        }
        let wanted = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string().into()),
            DeValue::Boolean(flag) => Some((*flag).into()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(Into::into),
            DeValue::Float(number) => number
                .as_str()
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map(Into::into),
            _ => None,
        };
        match wanted {
            Some(value) => found.push(JsonField { path: names, value }),
            None => p.add(
                value.span(),
                format!("{:?} cannot be compared with that", path.get_ref()),
                "write a text, a number, true or false",
            ),
        }
    }
    found
}

fn asked_from(fields: &Fields<'_>, p: &mut Problems) -> AskedFrom {
    let inside = fields.parsed::<ServiceName>("inside", p);
    let from = fields.text("from", p);
    match (inside, from) {
        (Some(inside), None) => AskedFrom::Container(inside.into_inner()),
        (None, None) => AskedFrom::Server,
        (None, Some(word)) => match *word.get_ref() {
            "server" => AskedFrom::Server,
            "here" => AskedFrom::Here,
            other => {
                p.add(
                    word.span(),
                    format!("{other:?} is not where a check is asked from"),
                    "write \"server\" or \"here\", or inside = \"backend\" for a container",
                );
                AskedFrom::Server
            }
        },
        (Some(_), Some(word)) => {
            p.disagree(
                word.span(),
                "a check is asked either inside a container or from somewhere else",
                "take \"inside\" or \"from\" away",
            );
            AskedFrom::Server
        }
    }
}
