//! The docker command of a server: its words, how it is told where its Engine listens, and what its
//! complaints mean. Pure; knows no connection and no project.

use super::script::{Unquotable, quote};
use crate::{
    config::Host,
    release::{Fault, FaultKind},
};

/// The functions that find the Engine of a login that has one of its own.
pub const ENDPOINT: &str = include_str!("endpoint.sh");

/// What a script prints before it hands its input and output over to [`dial`]'s connection: a login's
/// start-up files may print before it.
pub const DIALLED: &[u8] = b"flightdeck engine\n";

/// `docker` as a function of a shell's, which uses `$limit`, in seconds.
///
/// # Errors
/// A NUL byte in the command or the socket.
pub fn function(host: &Host) -> Result<String, Unquotable> {
    let command = quoted(&words(host))?;
    Ok(format!(
        "{}docker() {{\ncommand ${{limit:+timeout \"$limit\"}} {command} \"$@\"\n}}\n",
        environment(host)?
    ))
}

/// A script that becomes one connection to the Engine.
///
/// # Errors
/// A NUL byte in the command or the socket.
pub fn dial(host: &Host) -> Result<String, Unquotable> {
    Ok(format!(
        "{}{}printf 'flightdeck engine\\n'\nexec {} system dial-stdio\n}}\ndial\n",
        "dial() {\n",
        environment(host)?,
        quoted(&words(host))?
    ))
}

/// A script that fails as the Engine or the way to it does, in docker's own words.
///
/// # Errors
/// A NUL byte in the command or the socket.
pub fn probe(host: &Host) -> Result<String, Unquotable> {
    Ok(format!(
        "{}{} version --format '{{{{.Server.Version}}}}' </dev/null\n",
        environment(host)?,
        quoted(&words(host))?
    ))
}

/// The command that runs Docker. What stands before `docker`, such as sudo, drops what is exported, so
/// that the endpoint has to be an argument there.
pub fn words(host: &Host) -> Vec<String> {
    let mut words = host.docker.clone();
    if let Some(endpoint) = endpoint(host).filter(|_| !is_plain(host)) {
        words.extend(["-H".to_owned(), endpoint]);
    }
    words
}

/// Whether docker runs as the login itself.
fn is_plain(host: &Host) -> bool {
    host.docker.len() == 1
}

fn environment(host: &Host) -> Result<String, Unquotable> {
    Ok(match endpoint(host) {
        Some(endpoint) if is_plain(host) => {
            format!("DOCKER_HOST={}\nexport DOCKER_HOST\n", quote(&endpoint)?)
        }
        None if is_plain(host) => format!("{}name_engine\n", bare(ENDPOINT)),
        _ => String::new(),
    })
}

fn endpoint(host: &Host) -> Option<String> {
    host.socket
        .as_ref()
        .map(|socket| format!("unix://{socket}"))
}

/// Words of a shell.
///
/// # Errors
/// A NUL byte in one of them.
pub fn quoted(words: &[String]) -> Result<String, Unquotable> {
    let quoted: Result<Vec<String>, Unquotable> = words.iter().map(|word| quote(word)).collect();
    Ok(quoted?.join(" "))
}

/// A script without its comments and its indentation, neither of which has to travel.
pub fn bare(script: &str) -> String {
    script
        .lines()
        .map(|line| line.trim_start_matches('\t'))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Why docker did not reach its Engine, by what it complained of.
pub fn trouble(host: &Host, subject: &str, complaint: &str) -> Fault {
    let command = host.docker.join(" ");
    let lower = complaint.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let (kind, message, remedy) = if says(&["sudo:"]) && says(&["not found"]) {
        (
            FaultKind::Unsupported,
            format!("`{command}` is not to be found on this server"),
            "install what it names, or correct docker for this host".to_owned(),
        )
    } else if says(&[
        "a password is required",
        "is not allowed to execute",
        "not in the sudoers",
        "may not run sudo",
    ]) {
        (
            FaultKind::Permission,
            format!("sudo does not let this user run `{command}` without a password"),
            "allow it in sudoers: USER ALL=(root) NOPASSWD: /usr/bin/docker; then press R"
                .to_owned(),
        )
    } else if says(&["a terminal is required", "must have a tty"]) {
        (
            FaultKind::Permission,
            "sudo wants a terminal on this server, which an operation does not have".to_owned(),
            "write docker = [\"sudo\", \"-n\", \"docker\"] for the host, and take requiretty out of sudoers"
                .to_owned(),
        )
    } else if says(&["permission denied"]) {
        (
            FaultKind::Permission,
            "this user may not speak to the Docker Engine".to_owned(),
            "add the user to the docker group, or set docker = [\"sudo\", \"-n\", \"docker\"] for the host"
                .to_owned(),
        )
    } else if says(&["not found", "no such file or directory"])
        && !says(&["docker.sock", "unix://"])
    {
        (
            FaultKind::Unsupported,
            "there is no docker command on this server".to_owned(),
            "install Docker, or name its command as the host's docker".to_owned(),
        )
    } else {
        (
            FaultKind::Unreachable,
            "the Docker Engine does not answer".to_owned(),
            "see whether it runs: systemctl status docker, or systemctl --user status docker where it \
             runs without root; name its socket for the host where it has one of its own"
                .to_owned(),
        )
    };
    Fault::new(kind, subject, message)
        .because(complaint)
        .remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Reach;

    fn host(docker: &[&str]) -> Host {
        Host {
            reach: Reach::Local,
            docker: docker.iter().map(ToString::to_string).collect(),
            socket: None,
        }
    }

    #[test]
    fn each_complaint_has_its_own_words() {
        let sudo = host(&["sudo", "-n", "docker"]);
        for (complaint, kind, words) in [
            (
                "sudo: a password is required",
                FaultKind::Permission,
                "without a password",
            ),
            (
                "Sorry, user deploy is not allowed to execute '/usr/bin/docker ps' as root on shop.",
                FaultKind::Permission,
                "NOPASSWD",
            ),
            (
                "sudo: a terminal is required to read the password; either use the -S option",
                FaultKind::Permission,
                "wants a terminal",
            ),
            (
                "sudo: docker: command not found",
                FaultKind::Unsupported,
                "not to be found",
            ),
            (
                "Got permission denied while trying to connect to the Docker daemon socket",
                FaultKind::Permission,
                "docker group",
            ),
            (
                "sh: 14: docker: not found",
                FaultKind::Unsupported,
                "install Docker",
            ),
            (
                "Cannot connect to the Docker daemon at unix:///run/user/7/docker.sock. Is the docker daemon running?",
                FaultKind::Unreachable,
                "systemctl",
            ),
            (
                "error during connect: dial unix /var/run/docker.sock: no such file or directory",
                FaultKind::Unreachable,
                "does not answer",
            ),
        ] {
            let fault = trouble(&sudo, "shop", complaint);
            assert_eq!(fault.kind, kind, "{complaint}: {fault}");
            let said = format!("{} {}", fault.message, fault.remedy);
            assert!(said.contains(words), "{complaint}: {said}");
        }
    }

    #[test]
    fn a_socket_goes_where_it_survives() {
        let mut sudo = host(&["sudo", "-n", "docker"]);
        sudo.socket = Some("/run/it's".to_owned());
        let text = dial(&sudo).unwrap();
        assert!(
            text.contains("exec sudo -n docker -H 'unix:///run/it'\\''s' system dial-stdio"),
            "{text}"
        );
        let mut plain = host(&["docker"]);
        plain.socket = Some("/run/docker.sock".to_owned());
        let text = probe(&plain).unwrap();
        assert!(
            text.starts_with("DOCKER_HOST=unix:///run/docker.sock\nexport DOCKER_HOST\n"),
            "{text}"
        );
        plain.socket = None;
        assert!(function(&plain).unwrap().contains("\nname_engine\n"));
        sudo.socket = None;
        assert!(!function(&sudo).unwrap().contains("name_engine"));
    }
}
