//! The way in: an sshd on a loopback port.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use super::{
    Engine,
    command::{DEADLINE, breathe, words},
    stops,
};
use crate::support::real_world::{Compose, RealWorld};

/// A port of loopback that nobody has.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Starts an sshd of the server's own; what it runs finds the hooks first.
pub fn start(
    world: &RealWorld,
    compose: Compose,
    engine: &Engine,
    home: &Path,
    address: SocketAddr,
) -> Result<Child, String> {
    let hooks = stops::lay_hooks(home)?;
    let ssh = world.ssh_config().parent().unwrap_or(Path::new("/"));
    let docker = world.docker(compose);
    let variable = |name: &str| {
        let found = docker.get_envs().find(|(key, _)| *key == name);
        found
            .and_then(|(_, value)| value?.to_str())
            .unwrap_or_default()
            .to_owned()
    };
    // A shell that thinks itself within another reads nothing of what this machine's user has set up. What
    // docker and Compose tidy up in memory that they give back a moment later is a quarter of their time.
    let configuration = format!(
        "ListenAddress {address}\nHostKey {ssh}/host\nPidFile none\nAuthorizedKeysFile {ssh}/authorized_keys\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         UsePAM no\nMaxStartups 100\nSetEnv SHLVL=2 GOGC=off PATH={hooks}:{path} DOCKER_HOST={docker_host} DOCKER_CONFIG={docker_config}\n",
        ssh = ssh.display(),
        hooks = hooks.display(),
        path = variable("PATH"),
        docker_host = engine.docker_host,
        docker_config = variable("DOCKER_CONFIG"),
    );
    let path = home.join("sshd.conf");
    fs::write(&path, configuration).map_err(words)?;
    let log = fs::File::create(home.join("sshd.log")).map_err(words)?;
    // Ends with this test, however that ends.
    let sshd = Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "/usr/sbin/sshd", "-D", "-e", "-f"])
        .arg(&path)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(words)?;
    let until = Instant::now() + DEADLINE;
    while std::net::TcpStream::connect(address).is_err() {
        if Instant::now() > until {
            return Err("sshd does not answer".to_owned());
        }
        breathe();
    }
    Ok(sshd)
}
