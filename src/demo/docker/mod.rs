//! The `docker` command of the embedded world: flightdeck itself, called by that name.
//!
//! The command is only a messenger. It hands its arguments, working directory and environment to the
//! world's control socket, which lies beside the directory that it was called from, and prints what
//! comes back. What it means is in [`server`] and below.

mod alembic;
mod compose;
mod console;
mod container;
mod image;
mod options;
mod programs;
pub mod project;
mod run;
mod server;
mod template;
mod wire;

pub use compose::recipe;
pub use server::serve;
pub use wire::SOCKET;

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::wire::{Kind, Request};

/// Docker's exit code where the command itself fails.
const FAILED: u8 = 125;

/// Whether this program was called by the name `docker`.
pub fn is_called() -> bool {
    std::env::args_os()
        .next()
        .is_some_and(|name| Path::new(&name).file_name() == Some(OsStr::new("docker")))
}

/// Is the `docker` command, from start to end.
pub fn main() -> ExitCode {
    let socket = socket();
    match ask(&socket) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!(
                "Cannot connect to the Docker daemon at unix://{}. Is the docker daemon running? ({error})",
                socket.display()
            );
            ExitCode::from(1)
        }
    }
}

/// `…/control.sock` for `…/bin/docker`.
fn socket() -> PathBuf {
    let called = std::env::args_os()
        .next()
        .map(PathBuf::from)
        .unwrap_or_default();
    let bin = called.parent().unwrap_or(Path::new("."));
    bin.parent().unwrap_or(Path::new("..")).join(wire::SOCKET)
}

fn ask(socket: &Path) -> io::Result<u8> {
    let mut stream = UnixStream::connect(socket)?;
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let mut input = None;
    if wire::reads_input(&arguments) {
        let mut text = String::new();
        io::stdin()
            .take(wire::LONGEST as u64 / 2)
            .read_to_string(&mut text)?;
        input = Some(text);
    }
    let request = Request {
        arguments,
        directory: std::env::current_dir()?,
        environment: std::env::vars_os()
            .map(|(k, v)| {
                (
                    k.to_string_lossy().into_owned(),
                    v.to_string_lossy().into_owned(),
                )
            })
            .collect(),
        input,
    };
    let request = serde_json::to_vec(&request)?;
    stream.write_all(&wire::length(&request))?;
    stream.write_all(&request)?;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut bytes = vec![0; length as usize];
        stream.read_exact(&mut bytes)?;
        match Kind::of(head[0]) {
            Some(Kind::Out) => io::stdout()
                .write_all(&bytes)
                .and_then(|()| io::stdout().flush())?,
            Some(Kind::Err) => io::stderr().write_all(&bytes)?,
            Some(Kind::Exit) => return Ok(bytes.first().copied().unwrap_or(FAILED)),
            None => return Err(io::Error::other("the world said something unknown")),
        }
    }
}
