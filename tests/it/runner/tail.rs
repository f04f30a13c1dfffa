//! Reading along with an operation, as a cockpit does.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::mpsc,
    thread,
};

use bytes::BytesMut;
use flightdeck::{
    release::operation::{End, Event, JournalLine, OperationId},
    target::compose::script::{Frame, FrameCodec, JournalLines, Part, tail},
};
use rustix::process::Pid;
use tokio_util::codec::Decoder as _;

use super::world::World;
use crate::support::waiting::PATIENCE;

/// An operation, read as it goes.
pub struct Tail {
    pub id: OperationId,
    child: Child,
    stdin: Option<ChildStdin>,
    frames: mpsc::Receiver<Frame>,
    journal: JournalLines,
    pub lines: Vec<JournalLine>,
    pub output: Vec<u8>,
    pub difference: Vec<u8>,
    end: Option<End>,
}

impl Tail {
    pub fn of(world: &World, id: OperationId) -> Self {
        let mut child = world.sh().stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&tail(&world.place, id).unwrap()).unwrap();
        Self {
            id,
            frames: read_frames(child.stdout.take().unwrap()),
            child,
            stdin: Some(stdin),
            journal: JournalLines::new(),
            lines: Vec::new(),
            output: Vec::new(),
            difference: Vec::new(),
            end: None,
        }
    }

    /// Reads until `seen`, or to the end.
    pub fn until(&mut self, seen: impl Fn(&Self) -> bool) {
        while !seen(self) {
            let Ok(frame) = self.frames.recv_timeout(PATIENCE) else {
                panic!("in vain; so far {:#?}\n{}", self.lines, self.printed());
            };
            match frame.part {
                Part::Journal => self.lines.extend(self.journal.push(&frame.bytes)),
                Part::Output => self.output.extend_from_slice(&frame.bytes),
                Part::Difference => self.difference = frame.bytes.to_vec(),
                Part::End => self.end = Some(serde_json::from_slice(&frame.bytes).unwrap()),
                Part::Plan => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    pub fn until_printed(&mut self, text: &str) {
        self.until(|tail| tail.printed().contains(text));
    }

    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// What is told first, and then nothing more.
    pub fn only(&mut self) -> Part {
        let first = self.frames.recv_timeout(PATIENCE).unwrap();
        assert!(self.frames.recv_timeout(PATIENCE).is_err());
        first.part
    }

    /// How it ended.
    pub fn end(&mut self) -> End {
        self.until(|tail| tail.end.is_some());
        self.child.wait().unwrap();
        self.end.clone().unwrap()
    }

    /// Closes its standard input, and waits for its end.
    pub fn leave(mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
        while self.frames.recv_timeout(PATIENCE).is_ok() {}
    }

    /// The process group of the step that began last.
    pub fn group(&self) -> Pid {
        let group = self.lines.iter().rev().find_map(|line| match line.event {
            Event::StepStart { group, .. } => Some(group),
            _ => None,
        });
        Pid::from_raw(i32::try_from(group.unwrap()).unwrap()).unwrap()
    }

    /// The journal in short: `forward`, `one`, `one=0`, …
    pub fn story(&self) -> Vec<String> {
        self.lines
            .iter()
            .map(|line| match &line.event {
                Event::Begin { direction, .. } => format!("{direction:?}").to_lowercase(),
                Event::StepStart { step, .. } => step.clone(),
                Event::StepEnd {
                    step, exit, why, ..
                } => {
                    let exit = exit.map_or("?".to_owned(), |code| code.to_string());
                    let why = why.as_deref().map(|w| format!(" {w}")).unwrap_or_default();
                    format!("{step}={exit}{why}")
                }
                Event::Recovers { operation, .. } => format!("recovers {operation}"),
                Event::Held { step, .. } => format!("{step} held"),
                Event::Cancel => "cancel".to_owned(),
                Event::RunnerLost => "lost".to_owned(),
                Event::End { outcome, .. } => format!("{outcome:?}"),
                Event::Unknown => "unknown".to_owned(),
            })
            .collect()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It ends with its standard input; this is for tests that fail.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Frames in the order in which they arrive; the channel closes with the stream.
pub fn read_frames(mut stdout: ChildStdout) -> mpsc::Receiver<Frame> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut codec = FrameCodec::new();
        let mut buffer = BytesMut::new();
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = stdout.read(&mut piece) {
            buffer.extend_from_slice(&piece[..n]);
            while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                if sender.send(frame).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}
