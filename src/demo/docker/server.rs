//! The world's side of the `docker` command: takes requests at the control socket and runs them.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use super::{
    compose,
    console::{Complaint, Console, Ended},
    container, image,
    options::{Options, flag, value},
    run, template,
    wire::{LONGEST, Request},
};
use crate::demo::{
    engine::json,
    requests::{Asked, Door},
    shared::Shared,
    world::engine,
};

/// Answers at the control socket, for ever. `socket` is the Engine's, for `docker context inspect`.
pub async fn serve(listener: UnixListener, shared: Arc<Shared>, socket: String) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, Arc::clone(&shared), socket.clone());
                shared.spawn(connection);
            }
            // Too many open files, for a moment.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn connection(mut stream: UnixStream, shared: Arc<Shared>, socket: String) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    shared.requests.note(Asked {
        door: Door::Docker,
        what: request.arguments.join(" "),
        changes: changes(&request.arguments),
    });
    let (console, mut frames) = Console::new();
    let (mut reader, mut writer) = stream.into_split();
    let run = async {
        let ended = docker(&shared, &console, &request, &socket).await;
        let code = match ended {
            Ok(code) => code,
            Err(complaint) => {
                if !complaint.text.is_empty() {
                    console.err(complaint.text).await;
                }
                complaint.code
            }
        };
        console.exit(code).await;
        drop(console);
    };
    let print = async {
        while let Some(frame) = frames.recv().await {
            if writer.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    let mut nothing = [0];
    tokio::select! {
        ((), ()) = async { tokio::join!(run, print) } => {}
        // Who asked was killed: what it did stops where it is.
        _ = reader.read(&mut nothing) => {}
    }
}

async fn read(stream: &mut UnixStream) -> Option<Request> {
    let length = stream.read_u32().await.ok()? as usize;
    if length > LONGEST {
        return None;
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether a command line asks to change something.
fn changes(arguments: &[String]) -> bool {
    let mut words = arguments
        .iter()
        .map(String::as_str)
        .filter(|w| !w.starts_with('-'));
    let command = words.next();
    let has = |words: &[&str]| arguments.iter().any(|a| words.contains(&a.as_str()));
    match command {
        Some(
            "version" | "info" | "inspect" | "ps" | "images" | "logs" | "wait" | "events"
            | "context",
        )
        | None => false,
        Some("image") => !has(&["inspect", "ls", "list"]),
        Some("container") => !has(&["inspect", "ls", "list", "logs", "wait"]),
        Some("exec") => {
            has(&["upgrade", "downgrade"])
                || arguments
                    .iter()
                    .any(|word| word.contains("pg_restore --clean"))
        }
        Some("system") => !has(&["df"]),
        Some("run") => !has(&["history"]),
        Some("compose") if has(&["exec"]) => has(&["upgrade", "downgrade"]),
        Some("compose") => !has(&["version", "config", "ps", "images", "logs", "ls"]),
        Some(_) => true,
    }
}

async fn docker(shared: &Arc<Shared>, console: &Console, request: &Request, socket: &str) -> Ended {
    let global = [
        value(&["-H", "--host"]),
        value(&["-c", "--context"]),
        value(&["--config"]),
        flag(&["-v", "--version"]),
        value(&["-l", "--log-level"]),
    ];
    let options = Options::parse(&request.arguments, &global, true)?;
    if options.has("-v") {
        console
            .out(format!("Docker version {}, build demo", engine::VERSION))
            .await;
        return Ok(0);
    }
    let Some((command, words)) = options.arguments.split_first() else {
        return Err(Complaint::new("Usage:  docker [OPTIONS] COMMAND"));
    };
    match command.as_str() {
        "version" => version(console, words).await,
        "info" => {
            console
                .out(format!("Server Version: {}", engine::VERSION))
                .await;
            Ok(0)
        }
        "context" => context(console, words, socket).await,
        "compose" => compose::compose(shared, console, request, words).await,
        "pull" => image::pull(shared, console, words).await,
        "run" => run::run(shared, console, words).await,
        "tag" => image::tag(shared, words),
        "images" => image::list(shared, console, words).await,
        "rmi" => image::remove(shared, console, words).await,
        "image" => image::image(shared, console, words).await,
        "container" => match words.split_first() {
            Some((command, words)) if command == "inspect" => {
                container::inspect(shared, console, words, true).await
            }
            Some((command, words)) => containers(shared, console, command, words).await,
            None => Err(Complaint::new("Usage:  docker container COMMAND")),
        },
        "inspect" => container::inspect(shared, console, words, false).await,
        "system" => image::disk_usage(shared, console, words).await,
        "exec" => container::exec(shared, console, words, request.input.as_deref()).await,
        command => containers(shared, console, command, words).await,
    }
}

/// What is the same with and without `container` in front.
async fn containers(
    shared: &Arc<Shared>,
    console: &Console,
    command: &str,
    words: &[String],
) -> Ended {
    match command {
        "ps" | "ls" => container::list(shared, console, words).await,
        "exec" => container::exec(shared, console, words, None).await,
        "logs" => container::logs(shared, console, words).await,
        "wait" => container::wait(shared, console, words).await,
        "rm" => container::remove(shared, console, words).await,
        "rename" => container::rename(shared, words),
        "start" | "stop" | "restart" | "kill" => {
            container::power(shared, console, command, words).await
        }
        other => Err(Complaint::new(format!(
            "docker: '{other}' is not a docker command.\nSee 'docker --help'"
        ))),
    }
}

async fn version(console: &Console, words: &[String]) -> Ended {
    let options = Options::parse(words, &[value(&["--format", "-f"])], false)?;
    let data = serde_json::json!({ "Client": json::version(), "Server": json::version() });
    match options.get("--format") {
        Some("json") => console.out(data.to_string()).await,
        Some(format) => {
            let text = template::render(format, &data).map_err(|e| Complaint::with_code(e, 64))?;
            console.out(text).await;
        }
        None => {
            console
                .out(format!("Client:\n Version: {}", engine::VERSION))
                .await;
            console
                .out(format!("Server:\n Version: {}", engine::VERSION))
                .await;
        }
    }
    Ok(0)
}

async fn context(console: &Console, words: &[String], socket: &str) -> Ended {
    let options = Options::parse(words, &[value(&["--format", "-f"])], false)?;
    let data = serde_json::json!({
        "Name": "default",
        "Endpoints": { "docker": { "Host": format!("unix://{socket}"), "SkipTLSVerify": false } },
    });
    match options.arguments.first().map(String::as_str) {
        Some("inspect") => {}
        Some("show") => {
            console.out("default").await;
            return Ok(0);
        }
        _ => return Err(Complaint::new("Usage:  docker context COMMAND")),
    }
    match options.get("--format") {
        Some(format) => {
            let text = template::render(format, &data).map_err(|e| Complaint::with_code(e, 64))?;
            console.out(text).await;
        }
        None => {
            console
                .out(format!("{:#}", serde_json::json!([data])))
                .await
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_is_told_from_what_changes() {
        let is_change = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            changes(&words)
        };
        for line in [
            "compose -p shop config --format json",
            "compose version --short",
            "image inspect x",
            "exec shop-backend-1 alembic current",
            "exec -i shop-db-1 sh -c x postgres pg_dump",
            "system df -v",
            "compose exec -T backend alembic history -r a:b",
            "ps -a",
            "context inspect",
        ] {
            assert!(!is_change(line), "{line}");
        }
        for line in [
            "compose up -d --wait",
            "compose run --no-deps -T backend alembic upgrade heads",
            "compose exec -T backend alembic downgrade a1f3",
            "pull nginx",
            "tag a b",
            "image prune -f",
            "rm -f x",
            "anything",
        ] {
            assert!(is_change(line), "{line}");
        }
        let restore = [
            "exec",
            "-i",
            "shop-db-1",
            "sh",
            "-c",
            "pg_restore --clean | psql",
        ];
        assert!(changes(&restore.map(str::to_owned)));
    }
}
