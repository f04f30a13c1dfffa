//! What is asked after a switch.

use super::{People, line};
use crate::release::{
    check::{Check, HttpCheck, HttpMeans, HttpMethod},
    text::clean,
};

impl People<'_> {
    pub(super) fn check(&self, check: &Check, timeout: u64) -> Vec<String> {
        match check {
            Check::Http(http) => self.http(http, timeout),
            Check::Command { command } => vec![clean(command)],
            Check::Exec { service, command } => vec![self.exec(service, command)],
        }
    }

    fn http(&self, http: &HttpCheck, timeout: u64) -> Vec<String> {
        let timeout = timeout.to_string();
        let head = http.method == HttpMethod::Head;
        let by_wget = matches!(http.means, HttpMeans::Wget | HttpMeans::WgetIn(_));
        let mut words: Vec<&str> = match (by_wget, head) {
            (false, false) => vec!["curl", "-sS", "-i", "-m", &timeout],
            (false, true) => vec!["curl", "-sS", "-I", "-m", &timeout],
            (true, false) => vec!["wget", "-S", "-O", "-"],
            (true, true) => vec!["wget", "-S", "--spider"],
        };
        let headers: Vec<String> = http
            .request_headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        for header in &headers {
            words.extend(["--header", header]);
        }
        words.push(&http.url);
        let asked = match &http.means {
            HttpMeans::Curl | HttpMeans::Wget | HttpMeans::Here => line(&words),
            HttpMeans::CurlIn(service) | HttpMeans::WgetIn(service) | HttpMeans::AnyIn(service) => {
                let mut inside = vec!["exec", "-T", service.as_str()];
                inside.append(&mut words);
                self.docker_compose(&inside)
            }
        };
        let mut wanted = vec![format!("status {}", http.status)];
        let holds = http.headers.iter().map(|(n, t)| format!("{n}: …{t}…"));
        wanted.extend(holds);
        wanted.extend(http.body.iter().map(|text| format!("…{text}…")));
        wanted.extend(http.json.iter().map(ToString::to_string));
        let from = match http.means {
            HttpMeans::Here => "from where you are; ",
            _ => "",
        };
        let wanted = clean(&wanted.join(", "));
        vec![format!("# {from}good is {wanted}"), asked]
    }
}
