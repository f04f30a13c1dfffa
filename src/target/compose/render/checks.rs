//! Checks as calls of `sh/check.sh`.

use crate::{
    release::{
        check::{Check, HttpCheck, HttpMeans, JsonMeans},
        plan::{Intent, Step},
    },
    target::compose::{
        docker::quoted as words,
        script::{Unquotable, quote},
    },
};

/// How long whoever follows may take beyond what asking takes: to be there, and to say so.
const SAYING: u64 = 15;

/// The script of a check, without its beginning. Nothing for other intents.
pub(super) fn script(step: &Step) -> Result<String, Unquotable> {
    let Intent::Check {
        name,
        check,
        attempts,
        interval,
        timeout,
    } = &step.intent
    else {
        return Ok(String::new());
    };
    let name = quote(name)?;
    let (interval, timeout) = (interval.as_secs(), timeout.as_secs().max(1));
    let tried = format!("check {name} {attempts} {interval}");
    Ok(match check {
        Check::Http(http) if http.means == HttpMeans::Here => {
            let longest = u64::from(*attempts) * (interval + timeout) + SAYING;
            format!("verifying {}\nfrom_here {name} {longest}\n", step.id)
        }
        Check::Http(http) => format!(
            "verifying {}\n{}{tried} {}\n",
            step.id,
            expectations(http)?,
            asked(http, timeout)?
        ),
        Check::Command { command } => {
            format!("{tried} command_holds {timeout} {}\n", quote(command)?)
        }
        Check::Exec { service, command } => {
            format!(
                "{tried} exec_holds {timeout} {service} {}\n",
                words(command)?
            )
        }
    })
}

/// The call that asks once.
fn asked(http: &HttpCheck, timeout: u64) -> Result<String, Unquotable> {
    let (how, tool) = match &http.means {
        HttpMeans::Curl => ("http".to_owned(), "curl"),
        // Not asked there at all.
        HttpMeans::Wget | HttpMeans::Here => ("http".to_owned(), "wget"),
        HttpMeans::CurlIn(service) => (format!("http_inside {service}"), "curl"),
        HttpMeans::WgetIn(service) => (format!("http_inside {service}"), "wget"),
        HttpMeans::AnyIn(service) => (format!("http_inside {service}"), "any"),
    };
    let ranges: Vec<String> = http
        .status
        .0
        .iter()
        .map(|range| format!("{}-{}", range.from, range.to))
        .collect();
    Ok(format!(
        "{how} {tool} {} {timeout} {}",
        http.method.word(),
        quote(&ranges.join(" "))?
    ))
}

/// What is sent, and what must come back, as functions.
fn expectations(http: &HttpCheck) -> Result<String, Unquotable> {
    let mut text = String::from("http_with() {\n\"$@\"");
    for (name, value) in &http.request_headers {
        text.push_str(&format!(
            " --header {}",
            quote(&format!("{name}: {value}"))?
        ));
    }
    text.push_str(&format!(" {}\n}}\nhttp_expected() {{\n", quote(&http.url)?));
    for (name, value) in &http.headers {
        text.push_str(&format!(
            "header_holds {} {name} {} || return 1\n",
            quote(&any_case(name))?,
            quote(value)?
        ));
    }
    if let Some(body) = &http.body {
        text.push_str(&format!("body_holds {} || return 1\n", quote(body)?));
    }
    for field in &http.json {
        text.push_str(&format!(
            "json_holds {} {} {} || return 1\n",
            quote(&serde_json::Value::from(field.path.clone()).to_string())?,
            quote(&field.value.to_string())?,
            quote(&field.path_words())?
        ));
    }
    text.push_str("return 0\n}\n");
    text.push_str(&format!(
        "http_wanted={}\n",
        quote(&http.status.to_string())?
    ));
    let (tool, service) = match &http.json_means {
        None => ("", None),
        Some(JsonMeans::Jq) => ("jq", None),
        Some(JsonMeans::Python) => ("python3", None),
        Some(JsonMeans::JqIn(service)) => ("jq", Some(service)),
        Some(JsonMeans::PythonIn(service)) => ("python3", Some(service)),
        Some(JsonMeans::AnyIn(service)) => ("any", Some(service)),
    };
    let service = service.map_or("", |service| service.as_str());
    text.push_str(&format!("json_tool={tool}\njson_service={service}\n"));
    Ok(text)
}

/// A header's name as a pattern for sed that finds it in any case: names are letters, digits, `-` and `_`.
fn any_case(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphabetic() {
                format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
            } else {
                c.to_string()
            }
        })
        .collect()
}
