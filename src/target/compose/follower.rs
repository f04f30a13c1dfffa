//! One follower a host: tells what the files of all its environments say, as they change.
//!
//! It is one session of the connection, however many environments there are: sshd allows ten. It ends
//! on the server when its input does. A new environment on the host starts it anew with all of them.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::StreamExt;
use tokio::sync::watch;
use tokio_util::{codec::FramedRead, task::AbortOnDropHandle};

use super::{
    connection::{
        Connected,
        attempts::Lost,
        server::{Server, State},
    },
    files::Told,
    script::{self, Frame, FrameCodec, Part, Watched},
};
use crate::{
    clock::Clock,
    config::Service,
    release::{
        Fault, FaultKind,
        observation::Files,
        observed::{Link, Why},
    },
};

/// Environments that are wanted at the same time are followed together.
const GATHER: Duration = Duration::from_millis(20);
/// Frames that are taken together where they have arrived together.
const TOGETHER: usize = 64;
/// Clocks are not compared more exactly than this: the way to us takes a time that nobody knows.
const SKEW_MS: i64 = 500;
/// How long the follower may be silent during its first pass.
const FIRST_PASS: Duration = Duration::from_secs(30);
/// How long it may be silent afterwards: it tells the server's clock once a minute.
const SILENCE: Duration = Duration::from_secs(150);

/// What one environment is told, newest wins.
#[derive(Debug, Clone)]
pub struct News {
    /// How the link to the files stands. Sent again as a sign of life.
    pub link: Link,
    /// What they say, once they have said it.
    pub files: Option<Arc<Files>>,
}

/// The follower of one host.
pub struct Follower {
    server: Arc<Server>,
    members: watch::Sender<Vec<Arc<Member>>>,
    task: OnceLock<AbortOnDropHandle<()>>,
}

struct Member {
    watched: Watched,
    services: Vec<Service>,
    news: watch::Sender<News>,
}

/// An environment's place among those that are followed; given back when dropped.
pub struct Membership {
    follower: Arc<Follower>,
    member: Arc<Member>,
    /// What it is told.
    pub news: watch::Receiver<News>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.follower.members.send_modify(|members| {
            members.retain(|member| !Arc::ptr_eq(member, &self.member));
        });
    }
}

impl Follower {
    /// The follower of `server`, which follows nothing yet.
    pub fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            members: watch::Sender::new(Vec::new()),
            task: OnceLock::new(),
        }
    }

    /// Follows an environment's files, with the services whose pins are `watched`, in that order.
    pub fn join(self: &Arc<Self>, watched: Watched, services: Vec<Service>) -> Membership {
        let (sender, news) = watch::channel(News {
            link: Link::Never(Why::NotYet),
            files: None,
        });
        let member = Arc::new(Member {
            watched,
            services,
            news: sender,
        });
        self.members
            .send_modify(|members| members.push(Arc::clone(&member)));
        self.task.get_or_init(|| {
            AbortOnDropHandle::new(tokio::spawn(keep(
                Arc::clone(&self.server),
                self.members.subscribe(),
            )))
        });
        Membership {
            follower: Arc::clone(self),
            member,
            news,
        }
    }
}

/// Sends `link` to all.
fn tell_link(members: &[Arc<Member>], link: &Link) {
    for member in members {
        member.news.send_modify(|news| news.link = link.clone());
    }
}

async fn keep(server: Arc<Server>, mut members: watch::Receiver<Vec<Arc<Member>>>) {
    let clock = server.settings().clock.clone();
    let mut attempts = server.attempts();
    let mut state = server.state();
    loop {
        let followed = members.borrow_and_update().clone();
        let now = state.borrow_and_update().clone();
        let changed = async {
            tokio::select! {
                result = members.changed() => result.is_ok(),
                result = state.changed() => result.is_ok(),
            }
        };
        let connected = match now {
            State::Live(connected) if !followed.is_empty() => connected,
            State::Live(_) => {
                if changed.await {
                    continue;
                }
                return;
            }
            State::Trying(link) | State::Waiting(_, link) => {
                tell_link(&followed, &link);
                if changed.await {
                    continue;
                }
                return;
            }
        };
        attempts.begin();
        let following = async {
            tokio::time::sleep(GATHER).await;
            follow(&connected, &followed, &clock).await
        };
        let lost = tokio::select! {
            lost = following => lost,
            goes_on = changed => if goes_on { continue } else { return },
        };
        tracing::warn!(fault = %lost.fault, "follower");
        tell_link(&followed, &attempts.fail(lost));
        tokio::select! {
            () = attempts.pause() => {}
            Ok(()) = state.changed() => state.mark_changed(),
        }
    }
}

/// Follows until the follower is lost, and says why it was.
async fn follow(connected: &Connected, members: &[Arc<Member>], clock: &Clock) -> Lost {
    let mut pass = Pass::new(members, clock);
    let fault = take_all(connected, members, &mut pass).await;
    Lost {
        fault,
        was_live: pass.is_ready,
    }
}

async fn take_all(connected: &Connected, members: &[Arc<Member>], pass: &mut Pass<'_>) -> Fault {
    let label = connected.label();
    let fault = |kind, message| Fault::new(kind, label, message);
    let watched: Vec<Watched> = members.iter().map(|m| m.watched.clone()).collect();
    let script = match script::follow(&watched) {
        Ok(script) => script,
        Err(error) => {
            return fault(FaultKind::Invalid, "its files cannot be followed")
                .remedy("correct directory, project and files in the configuration")
                .because(error);
        }
    };
    let running = match connected.channels.open(&script).await {
        Ok(running) => running,
        Err(fault) => return fault,
    };
    let mut frames = FramedRead::new(running, FrameCodec::new()).ready_chunks(TOGETHER);
    loop {
        let patience = if pass.is_ready { SILENCE } else { FIRST_PASS };
        let Ok(next) = tokio::time::timeout(patience, frames.next()).await else {
            return fault(
                FaultKind::TimedOut,
                "the follower of its files told nothing in time",
            );
        };
        let Some(chunk) = next else {
            return fault(FaultKind::Unreachable, "the follower of its files ended")
                .because(frames.get_ref().get_ref().complaint());
        };
        for frame in chunk {
            match frame {
                Ok(frame) => pass.take(frame),
                Err(error) => {
                    return fault(
                        FaultKind::Malformed,
                        "the follower of its files cannot be understood",
                    )
                    .because(error);
                }
            }
        }
        pass.tell();
    }
}

/// What one follower has told, and to whom it goes.
struct Pass<'a> {
    members: &'a [Arc<Member>],
    clock: &'a Clock,
    told: Vec<(Told, bool)>,
    skew_ms: i64,
    is_ready: bool,
    /// The clock was told: the follower lives, even if nothing has changed.
    is_alive: bool,
}

impl<'a> Pass<'a> {
    fn new(members: &'a [Arc<Member>], clock: &'a Clock) -> Self {
        Self {
            members,
            clock,
            told: members.iter().map(|_| (Told::default(), true)).collect(),
            skew_ms: 0,
            is_ready: false,
            is_alive: false,
        }
    }

    fn take(&mut self, frame: Frame) {
        match (frame.index, frame.part) {
            (None, Part::Clock) => self.take_clock(&frame.bytes),
            (None, Part::Ready) => self.is_ready = true,
            (Some(index), part) => {
                if let Some((told, is_new)) = self.told.get_mut(index) {
                    told.take(part, frame.bytes);
                    *is_new = true;
                }
            }
            (None, _) => {}
        }
    }

    fn take_clock(&mut self, bytes: &[u8]) {
        self.is_alive = true;
        let seconds = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.trim().parse::<f64>().ok())
            .filter(|seconds| seconds.is_finite());
        let Some(seconds) = seconds else { return };
        let skew = (seconds * 1000.0) as i64 - self.clock.now().wall.as_millisecond();
        if (skew - self.skew_ms).abs() > SKEW_MS {
            self.skew_ms = skew;
            for (_, is_new) in &mut self.told {
                *is_new = true;
            }
        }
    }

    /// Tells what is new, once the first pass is whole: half of it would look like less than there is.
    fn tell(&mut self) {
        if !self.is_ready {
            return;
        }
        for (member, (told, is_new)) in self.members.iter().zip(&mut self.told) {
            let is_new = std::mem::take(is_new);
            if !is_new && !self.is_alive {
                continue;
            }
            let files = is_new.then(|| told.files(&member.services, self.skew_ms));
            let link = link_of(member, told, self.clock);
            member.news.send_modify(|news| {
                if !is_same_fault(&news.link, &link) {
                    news.link = link;
                }
                if let Some(files) = files
                    && news.files.as_deref() != Some(&files)
                {
                    news.files = Some(Arc::new(files));
                }
            });
        }
        self.is_alive = false;
    }
}

fn link_of(member: &Member, told: &Told, clock: &Clock) -> Link {
    if told.fault.is_empty() {
        return Link::Live;
    }
    Link::Lost {
        since: clock.moment(),
        fault: Fault::new(
            FaultKind::Missing,
            &member.watched.place.directory,
            "the project's directory is not there, or cannot be entered",
        )
        .remedy("correct directory in the configuration, or make it on the server"),
        retry: None,
    }
}

/// A fault that goes on keeps the moment when it began.
fn is_same_fault(before: &Link, now: &Link) -> bool {
    matches!(
        (before, now),
        (Link::Lost { fault: before, .. }, Link::Lost { fault: now, .. }) if before == now
    )
}
