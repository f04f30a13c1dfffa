//! What ssh says when it fails, as faults: each with its own words and what to type. Pure.
//!
//! ssh has no other way to tell than its standard error, in plain words (`LC_ALL=C`). The order of the
//! questions matters: a changed host key also says that verification failed, a refused connection of a
//! jump host also says that the connection was closed.

use std::path::Path;

use crate::release::{Fault, FaultKind};

/// Longest part of ssh's words that a fault carries.
const LONGEST_SOURCE: usize = 400;

/// The command that a person types to connect in the same way.
pub fn by_hand(destination: &str, config: Option<&Path>) -> String {
    match config {
        Some(config) => format!(
            "ssh -F {} {}",
            shell_words::quote(&config.to_string_lossy()),
            shell_words::quote(destination)
        ),
        None => format!("ssh {}", shell_words::quote(destination)),
    }
}

/// The fault that `words`, ssh's standard error, tell of the server `destination`, which a person
/// reaches with the command `by_hand`.
pub fn fault_of(words: &str, destination: &str, by_hand: &str) -> Fault {
    let said = |part: &str| words.contains(part);
    let line_with = |part: &str| {
        words
            .lines()
            .map(str::trim)
            .find(|line| line.contains(part))
            .unwrap_or_default()
    };
    let fault =
        |kind, message: &str, remedy: &str| Fault::new(kind, destination, message).remedy(remedy);

    if said("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let forget = match line_with("ssh-keygen") {
            "" => format!("ssh-keygen -R {}", shell_words::quote(host_of(destination))),
            line => line.to_owned(),
        };
        return fault(
            FaultKind::HostKey,
            "the server's host key is not the one that was known: another machine, or somebody in between",
            &format!(
                "find out why; if it was meant, type `{forget}`, then `{by_hand}` once and compare the \
                 fingerprint, then press R"
            ),
        )
        .because(line_with("Offending"));
    }
    if said("host key is known for") || said("Host key verification failed") {
        return fault(
            FaultKind::HostKey,
            "the server's host key is not known yet",
            &format!("type `{by_hand}` once and compare the fingerprint, then press R"),
        )
        .because(line_with("host key is known for"));
    }
    if said("Too many authentication failures") {
        return fault(
            FaultKind::Authentication,
            "the server gave up after too many keys were offered",
            "name the right key with IdentityFile and IdentitiesOnly in ~/.ssh/config, then press R",
        );
    }
    if said("Permission denied (") {
        let remedy = if said("UNPROTECTED PRIVATE KEY FILE") {
            "others can read the private key: chmod 600 it, then press R".to_owned()
        } else {
            format!("try `{by_hand}`; if the key has a passphrase, `ssh-add` it; then press R")
        };
        return fault(
            FaultKind::Authentication,
            "the server does not accept the login",
            &remedy,
        )
        .because(line_with("Permission denied ("));
    }
    if said("Bad configuration option")
        || said("Bad owner or permissions")
        || said("Can't open user config file")
    {
        return fault(
            FaultKind::Invalid,
            "ssh does not accept its configuration",
            &format!("repair it until `{by_hand}` works, then press R"),
        )
        .because(tail(words));
    }
    let (message, remedy) = if said("Could not resolve hostname") {
        (
            "no address is known for this name",
            format!("check the name, the network and the VPN; `{by_hand}` shows more"),
        )
    } else if said("Connection refused") {
        (
            "the connection was refused: no ssh server listens there",
            format!("check that the server is up and the port is right; `{by_hand}` shows more"),
        )
    } else if said("timed out") || said("Timeout, server") {
        (
            "no answer in time",
            "check the network, the VPN and the server's firewall".to_owned(),
        )
    } else if said("No route to host") || said("Network is unreachable") {
        (
            "there is no way to it from here",
            "check the network and the VPN".to_owned(),
        )
    } else if said("kex_exchange_identification")
        || said("Connection closed by")
        || said("Connection reset by")
    {
        (
            "the server closed the connection before the login",
            "it may limit new connections (MaxStartups, a firewall) or just be starting".to_owned(),
        )
    } else {
        (
            "the connection could not be made",
            format!("`{by_hand}` shows more"),
        )
    };
    fault(FaultKind::Unreachable, message, &remedy).because(tail(words))
}

/// The fault of a connection that was live and ended: `words` is what ssh said last.
pub fn loss(words: &str, destination: &str) -> Fault {
    let message = if words.contains("Timeout, server") {
        "the server stopped answering"
    } else {
        "the connection broke off"
    };
    Fault::new(FaultKind::Unreachable, destination, message).because(tail(words))
}

/// The last thing that was said, bounded.
pub fn tail(words: &str) -> String {
    let last = words
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default();
    last.chars().take(LONGEST_SOURCE).collect()
}

fn host_of(destination: &str) -> &str {
    let without_scheme = destination.strip_prefix("ssh://").unwrap_or(destination);
    without_scheme
        .rsplit_once('@')
        .map_or(without_scheme, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(words: &str, destination: &str) -> Fault {
        fault_of(words, destination, &by_hand(destination, None))
    }

    #[test]
    fn every_refusal_of_ssh_has_its_own_words() {
        let cases = [
            (
                "@@@@@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
                 Offending ED25519 key in /home/mira/.ssh/known_hosts:3\n  remove with:\n  \
                 ssh-keygen -f '/home/mira/.ssh/known_hosts' -R '[shop]:2222'\n\
                 Host key verification failed.",
                FaultKind::HostKey,
                "not the one that was known",
                "ssh-keygen -f '/home/mira/.ssh/known_hosts' -R '[shop]:2222'",
            ),
            (
                "No ED25519 host key is known for [shop]:2222 and you have requested strict checking.\n\
                 Host key verification failed.",
                FaultKind::HostKey,
                "not known yet",
                "ssh deploy@shop",
            ),
            (
                "deploy@shop: Permission denied (publickey,password).",
                FaultKind::Authentication,
                "does not accept the login",
                "ssh-add",
            ),
            (
                "Received disconnect from 10.0.0.4 port 22:2: Too many authentication failures",
                FaultKind::Authentication,
                "too many keys",
                "IdentitiesOnly",
            ),
            (
                "ssh: Could not resolve hostname shop: Name or service not known",
                FaultKind::Unreachable,
                "no address",
                "VPN",
            ),
            (
                "ssh: connect to host shop port 22: Connection refused",
                FaultKind::Unreachable,
                "refused",
                "port",
            ),
            (
                "ssh: connect to host shop port 22: Connection timed out",
                FaultKind::Unreachable,
                "no answer",
                "firewall",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host\n\
                 Connection closed by 10.0.0.4 port 22",
                FaultKind::Unreachable,
                "before the login",
                "MaxStartups",
            ),
            (
                "/home/mira/.ssh/config: line 3: Bad configuration option: hots\n\
                 /home/mira/.ssh/config: terminating, 1 bad configuration options",
                FaultKind::Invalid,
                "configuration",
                "repair",
            ),
            (
                "something new",
                FaultKind::Unreachable,
                "could not be made",
                "shows more",
            ),
        ];
        for (words, kind, message, remedy) in cases {
            let fault = fault(words, "deploy@shop");
            assert_eq!(fault.kind, kind, "{words}");
            assert!(fault.message.contains(message), "{words}: {fault}");
            assert!(fault.remedy.contains(remedy), "{words}: {fault}");
        }
    }

    #[test]
    fn only_what_waiting_can_mend_is_retried() {
        assert!(fault("Connection refused", "shop").kind.is_passing());
        assert!(
            !fault("Permission denied (publickey).", "shop")
                .kind
                .is_passing()
        );
        assert!(
            !fault("No RSA host key is known for shop", "shop")
                .kind
                .is_passing()
        );
    }

    #[test]
    fn a_destination_cannot_smuggle_a_command_into_the_remedy() {
        let fault = fault("Permission denied (publickey).", "shop; reboot");
        assert!(fault.remedy.contains("'shop; reboot'"));
    }
}
