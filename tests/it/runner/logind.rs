//! A server whose logind ends what a session has started together with the session: a process in a
//! session's own control group, and the file that says so. Nothing is faked but where that file lies.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{Nonce, StartFailure, StartReply, start_reply, upload},
};

use super::{operation::Operation, under_each_shell, world::World};

/// Somebody who is not root: root's sessions are left alone.
const NOBODY: u32 = 65534;

/// A control group such as logind makes for each session; gone with this.
struct Scope(PathBuf);

impl Scope {
    /// `None`, with words, where this user may not make one.
    fn make(world: &World) -> Option<Self> {
        // The first version has a hierarchy of systemd's own.
        let hierarchies = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup"];
        let hierarchy = hierarchies.iter().find(|path| Path::new(path).is_dir());
        let unique = world.root.parent().and_then(Path::file_name);
        let scope = hierarchy
            .zip(unique)
            .map(|(path, unique)| Path::new(path).join(unique).join("session-7.scope"))
            .filter(|scope| fs::create_dir_all(scope).is_ok());
        if scope.is_none() {
            eprintln!("not run: a control group can be made by root alone");
        }
        scope.map(Self)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // A runner of a failed test may still be in it.
        drop(fs::remove_dir(&self.0));
        drop(self.0.parent().map(fs::remove_dir));
    }
}

/// What an upload comes to in a session of that server, with `conf` as its `logind.conf` and `more` as a
/// file beside it.
fn reply(world: &World, scope: &Scope, user: u32, conf: &str, more: &str) -> StartReply {
    let set_up = "set -e\n\
        echo $$ >\"$1/cgroup.procs\"\n\
        mount -t tmpfs tmpfs /etc/systemd\n\
        printf '%s\\n' \"$2\" >/etc/systemd/logind.conf\n\
        mkdir /etc/systemd/logind.conf.d\n\
        printf '%s\\n' \"$3\" >/etc/systemd/logind.conf.d/50-more.conf\n\
        user=$4\n\
        shift 4\n\
        exec setpriv --reuid \"$user\" --regid \"$user\" --clear-groups \"$@\"\n";
    let sh = world.sh();
    let mut child = Command::new("unshare")
        .args(["-m", "sh", "-c", set_up, "sh"])
        .arg(&scope.0)
        .args([conf, more, &user.to_string()])
        .arg(sh.get_program())
        .args(sh.get_args())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let folder = Operation::promotion().step("pull", ":").folder();
    let script = upload(&folder, &Nonce::random(), &world.place).unwrap();
    // Whoever is refused does not read all of it.
    drop(child.stdin.take().unwrap().write_all(&script));
    let output = child.wait_with_output().unwrap();
    start_reply(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

under_each_shell! {
    fn a_session_that_takes_everything_with_it_is_refused(world) {
        let above = world.root.parent().unwrap();
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: only root can move a process into another session");
            return;
        }
        let Some(scope) = Scope::make(world) else { return };
        fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&world.root, Some(NOBODY), Some(NOBODY)).unwrap();
        let refused = StartReply::Failed(StartFailure::Logind);
        assert_eq!(reply(world, &scope, NOBODY, "[Login]\nKillUserProcesses=yes", ""), refused);
        assert_eq!(reply(world, &scope, NOBODY, "[Login]\n#KillUserProcesses=no", "[Login]\nKillUserProcesses=true"), refused);
        assert!(!world.state().exists(), "nothing was laid");
        let lets = [
            (NOBODY, "[Login]\n#KillUserProcesses=yes\nKillExcludeUsers=root"),
            (NOBODY, "[Login]\nKillUserProcesses=no"),
            (0, "[Login]\nKillUserProcesses=yes"),
        ];
        for (number, (user, conf)) in (1..).zip(lets) {
            let id = OperationId(number);
            assert_eq!(reply(world, &scope, user, conf, ""), StartReply::Started(id), "{conf}");
            assert_eq!(world.tail(id).end().outcome, Outcome::Succeeded);
        }
    }
}
