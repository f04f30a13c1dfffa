//! What the services answer, and the `wget` that asks them.

use std::time::Duration;

use super::{Act, Program};
use crate::demo::world::{World, catalogue::Behaviour, container::Container, logs::Stream};

/// How the service in a container answers a path.
fn answer(container: &Container, path: &str) -> (u16, &'static str, String) {
    let version = &container.recipe.version;
    match version.behaviour {
        Behaviour::Unhealthy => (500, "Internal Server Error", String::new()),
        Behaviour::FailsCheck if path.contains("status") => {
            (503, "Service Unavailable", String::new())
        }
        _ => {
            let body = format!(
                "{{\"status\":\"ok\",\"version\":\"{}\",\"database\":{{\"connected\":true}}}}",
                version.tag
            );
            (200, "OK", body)
        }
    }
}

/// Busybox's `wget`, asking the service in its own container, or another of the same project.
pub(super) fn wget(world: &World, container: &Container, arguments: &[String]) -> Program {
    let Some(url) = arguments.iter().find(|a| a.starts_with("http://")) else {
        return Program {
            acts: vec![Act::Say(Stream::Err, "wget: missing URL".to_owned())],
            code: 1,
        };
    };
    let rest = &url["http://".len()..];
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = host.split(':').next().unwrap_or(host);
    let asked =
        match name {
            "localhost" | "127.0.0.1" => Some(container),
            service => world.engine.containers.iter().find(|c| {
                c.recipe.project == container.recipe.project && c.recipe.service == service
            }),
        };
    let Some(asked) = asked else {
        let text = format!("wget: bad address '{name}'");
        return Program {
            acts: vec![Act::Say(Stream::Err, text)],
            code: 1,
        };
    };
    let (status, reason, body) = answer(asked, path);
    let mut acts = vec![Act::Pause(Duration::from_millis(30))];
    let short = |letter: char| {
        arguments
            .iter()
            .any(|a| a.starts_with('-') && !a.starts_with("--") && a.contains(letter))
    };
    let level = if status < 400 { "INFO " } else { "ERROR" };
    let stream = if status < 400 {
        Stream::Out
    } else {
        Stream::Err
    };
    let cause = if status == 503 {
        ": column orders.price does not exist"
    } else {
        ""
    };
    acts.push(Act::Log(
        stream,
        format!("{level} GET /{path} {status} 2ms{cause}"),
    ));
    if short('S') || arguments.iter().any(|a| a == "--server-response") {
        acts.push(Act::Say(
            Stream::Err,
            format!("  HTTP/1.1 {status} {reason}"),
        ));
    }
    if status >= 400 {
        let text = format!("wget: server returned error: HTTP/1.1 {status} {reason}");
        acts.push(Act::Say(Stream::Err, text));
        return Program { acts, code: 1 };
    }
    let to_nowhere = arguments
        .iter()
        .any(|a| a == "/dev/null" || a == "-O/dev/null" || a == "--spider");
    if !to_nowhere {
        acts.push(Act::Say(Stream::Out, body));
    }
    Program { acts, code: 0 }
}
