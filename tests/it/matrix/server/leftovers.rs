//! What a run of the matrix that was killed has left: processes, disks, containers. Each name has the number
//! of the run's process in it, so that what another run needs stays.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process};

use super::command::{output, words};

/// The name of the project of one server of this run.
pub fn name(number: u32) -> String {
    format!("matrix-{}-{number}", std::process::id())
}

/// Whether something of that name is of a run whose process is gone.
fn is_left(name: &str) -> bool {
    let process = name
        .strip_prefix("matrix-")
        .and_then(|rest| rest.split('-').next())
        .filter(|process| process.parse::<u32>().is_ok());
    process.is_some_and(|process| !Path::new("/proc").join(process).exists())
}

/// Takes away the disks of earlier runs, what still works on them, and the cockpits that wait for it.
pub fn sweep_disks() -> Result<(), String> {
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(words)?;
    for mount in mounts.lines() {
        let mut fields = mount.split(' ');
        let (Some(name), Some(disk)) = (fields.next(), fields.next()) else {
            continue;
        };
        let disk = Path::new(disk);
        let Some(home) = disk.parent().filter(|_| is_left(name)) else {
            continue;
        };
        kill_all_in(home);
        output(Command::new("umount").arg("-l").arg(disk))?;
        fs::remove_dir_all(home).map_err(words)?;
    }
    Ok(())
}

/// Several servers of a run begin at once on one Engine: the first of them sweeps it.
static SWEEPING: Mutex<()> = Mutex::new(());

/// Takes away what earlier runs have left on an Engine, which `docker` asks.
pub fn sweep_engine(docker: impl Fn(&[&str]) -> Result<String, String>) -> Result<(), String> {
    let _alone = SWEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    let lists: [(&[&str], &[&str]); 3] = [
        (
            &[
                "ps",
                "-a",
                "--format",
                "{{.Label \"com.docker.compose.project\"}} {{.ID}}",
            ],
            &["rm", "-f", "-v"],
        ),
        (
            &["network", "ls", "--format", "{{.Name}} {{.Name}}"],
            &["network", "rm"],
        ),
        (
            &[
                "images",
                "--filter",
                "reference=flightdeck.keep/matrix-*/*",
                "--format",
                "{{slice .Repository 16}} {{.Repository}}:{{.Tag}}",
            ],
            &["rmi"],
        ),
    ];
    for (list, remove) in lists {
        let found = docker(list)?;
        let left = found
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| is_left(name));
        for (_, what) in left {
            docker(&[remove, &[what]].concat())?;
        }
    }
    Ok(())
}

/// Processes whose working directory lies in that one, with their command lines.
pub fn processes_in(directory: &Path) -> Vec<(Pid, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .and_then(Pid::from_raw)
        else {
            continue;
        };
        let within =
            fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
        if within {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            // A zombie has no command line.
            if !line.is_empty() {
                found.push((pid, line));
            }
        }
    }
    found
}

/// Whether a process lives that was given `text` in its environment.
pub fn is_given(text: &str) -> bool {
    let mut processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.any(|entry| {
        // One that has ended, and whatever is no process, has none.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(text)
    })
}

/// Ends them with SIGKILL.
pub fn kill_all_in(directory: &Path) {
    for (pid, _) in processes_in(directory) {
        // It may have ended in between.
        let _ = kill_process(pid, Signal::KILL);
    }
}
