//! The log lines of a container: a function of the seed, the container and the time, so that a log of
//! days costs no memory. Lines that something caused (a start, a failed check) are kept beside them.

use std::time::Duration;

use jiff::Timestamp;

use super::Pace;
use crate::demo::seed::Seed;

/// Which of a container's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was printed.
    pub at: Timestamp,
    /// On which stream.
    pub stream: Stream,
    /// Its text.
    pub text: String,
}

/// What kind of program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The shop's backend.
    Backend,
    /// A web server before it.
    Web,
    /// PostgreSQL.
    Database,
    /// Something that prints only what it is told to.
    Silent,
}

/// Lines that come by themselves, at one interval, from a time until another.
#[derive(Debug, Clone)]
struct Span {
    from: Timestamp,
    until: Option<Timestamp>,
    interval: Duration,
}

/// A container's log.
#[derive(Debug, Clone)]
pub struct Log {
    seed: Seed,
    name: String,
    program: Program,
    /// Whether the program's status URL answers 503.
    status_fails: bool,
    spans: Vec<Span>,
    caused: Vec<Line>,
    /// Caused lines that are no longer kept.
    forgotten: usize,
}

/// How far a reader has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    lines: u64,
    caused: usize,
}

/// Caused lines that are kept of each container.
const KEPT: usize = 2000;

impl Program {
    fn interval(self) -> Duration {
        match self {
            Self::Backend => Duration::from_millis(900),
            Self::Web => Duration::from_millis(1300),
            Self::Database => Duration::from_secs(45),
            Self::Silent => Duration::from_secs(3600),
        }
    }
}

impl Log {
    /// The log of a container called `name`, which prints nothing yet.
    pub fn new(seed: Seed, name: &str, program: Program, status_fails: bool) -> Self {
        Self {
            seed,
            name: name.to_owned(),
            program,
            status_fails,
            spans: Vec::new(),
            caused: Vec::new(),
            forgotten: 0,
        }
    }

    /// Lines come by themselves from `from` on; after `start`, the world's beginning, at its pace, and
    /// not at all where it stands still.
    pub fn run(&mut self, from: Timestamp, start: Timestamp, pace: Pace) {
        if self.program == Program::Silent {
            return;
        }
        let interval = self.program.interval();
        if from < start {
            self.spans.push(Span {
                from,
                until: Some(start),
                interval,
            });
        }
        if !pace.still {
            self.spans.push(Span {
                from: from.max(start),
                until: None,
                interval: pace.scaled(interval).max(Duration::from_millis(1)),
            });
        }
    }

    /// No more lines come by themselves after `at`.
    pub fn stop(&mut self, at: Timestamp) {
        for span in &mut self.spans {
            span.until = Some(span.until.map_or(at, |until| until.min(at)));
        }
    }

    /// Adds a line that something caused.
    pub fn say(&mut self, at: Timestamp, stream: Stream, text: impl Into<String>) {
        if self.caused.len() == KEPT {
            self.caused.drain(..KEPT / 2);
            self.forgotten += KEPT / 2;
        }
        self.caused.push(Line {
            at,
            stream,
            text: text.into(),
        });
    }

    /// The lines after `cursor` until `now`, in order, and the cursor after them; `tail` limits them to
    /// the last so many.
    pub fn read(&self, cursor: Cursor, now: Timestamp, tail: Option<usize>) -> (Vec<Line>, Cursor) {
        let count = self.count(now);
        let keep = tail.unwrap_or(usize::MAX) as u64;
        let first = cursor.lines.max(count.saturating_sub(keep));
        let mut lines: Vec<Line> = (first..count).map(|n| self.line(n)).collect();
        let known = cursor.caused.saturating_sub(self.forgotten);
        lines.extend(self.caused.get(known..).unwrap_or_default().iter().cloned());
        lines.sort_by_key(|line| line.at);
        if let Some(tail) = tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        let cursor = Cursor {
            lines: count,
            caused: self.forgotten + self.caused.len(),
        };
        (lines, cursor)
    }

    /// When the next line comes by itself, after `now`; `None` if none does.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.count(now);
        let (span, within) = self.place(next)?;
        Some(self.time(span, within, next))
    }

    /// How many lines have come by themselves until `now`.
    fn count(&self, now: Timestamp) -> u64 {
        let mut before = 0;
        for span in &self.spans {
            let length = span.length();
            let mut n = span.intervals(now).min(length);
            // A line comes somewhere within its interval: the last ones may not have come yet.
            while n > 0 && self.time(span, n - 1, before + n - 1) > now {
                n -= 1;
            }
            if n < length {
                return before + n;
            }
            before += length;
        }
        before
    }

    fn place(&self, n: u64) -> Option<(&Span, u64)> {
        let mut left = n;
        for span in &self.spans {
            if left < span.length() {
                return Some((span, left));
            }
            left -= span.length();
        }
        None
    }

    /// The time of line `n` of all, the `within`th of `span`.
    fn time(&self, span: &Span, within: u64, n: u64) -> Timestamp {
        let interval = u64::try_from(span.interval.as_micros()).unwrap_or(u64::MAX);
        let jitter = self.seed.below(&self.name, n, interval);
        span.from + Duration::from_micros(interval.saturating_mul(within) + jitter)
    }

    fn line(&self, n: u64) -> Line {
        let Some((span, within)) = self.place(n) else {
            return Line {
                at: Timestamp::UNIX_EPOCH,
                stream: Stream::Out,
                text: String::new(),
            };
        };
        let roll = |label: &str, below| self.seed.below(&format!("{}{label}", self.name), n, below);
        let text = match self.program {
            Program::Backend => backend_line(roll, self.status_fails),
            Program::Web => web_line(roll),
            Program::Database => format!(
                "LOG:  checkpoint complete: wrote {} buffers ({}.{}%)",
                roll("buffers", 400),
                roll("percent", 3),
                roll("tenth", 10)
            ),
            Program::Silent => String::new(),
        };
        Line {
            at: self.time(span, within, n),
            stream: if self.program == Program::Database {
                Stream::Err
            } else {
                Stream::Out
            },
            text,
        }
    }
}

impl Span {
    /// Whole and begun intervals until `now`.
    fn intervals(&self, now: Timestamp) -> u64 {
        let passed = Duration::try_from(now.duration_since(self.from)).unwrap_or_default();
        if passed.is_zero() {
            return 0;
        }
        u64::try_from(passed.as_nanos() / self.interval.as_nanos().max(1) + 1).unwrap_or(u64::MAX)
    }

    /// How many lines it has; only whole intervals count, so that none comes after its end.
    fn length(&self) -> u64 {
        self.until
            .map_or(u64::MAX, |until| self.intervals(until).saturating_sub(1))
    }
}

fn backend_line(roll: impl Fn(&str, u64) -> u64, status_fails: bool) -> String {
    let ms = 2 + roll("ms", 38);
    match roll("path", 20) {
        0..6 if status_fails => format!("INFO  GET /health/ 200 {}ms", 1 + ms / 10),
        0..6 => format!("INFO  GET /api/v1/status/ 200 {}ms", 1 + ms / 10),
        6..11 => format!(
            "INFO  GET /api/v1/products/?page={} 200 {ms}ms",
            1 + roll("page", 9)
        ),
        11..14 => format!(
            "INFO  GET /api/v1/products/{}/ 200 {ms}ms",
            100 + roll("id", 900)
        ),
        14..16 => format!(
            "INFO  POST /api/v1/baskets/{}/items/ 201 {ms}ms",
            roll("id", 90_000)
        ),
        16 => format!("INFO  POST /api/v1/orders/ 201 {}ms", 20 + ms),
        17 => format!(
            "INFO  GET /api/v1/orders/{}/ 200 {ms}ms",
            40_000 + roll("id", 9000)
        ),
        18 => format!(
            "INFO  task send_order_mail done order={}",
            40_000 + roll("id", 9000)
        ),
        _ => format!(
            "WARN  GET /api/v1/products/{}/ 404 {ms}ms",
            9000 + roll("id", 900)
        ),
    }
}

fn web_line(roll: impl Fn(&str, u64) -> u64) -> String {
    let path = match roll("path", 5) {
        0 => "/",
        1 => "/products",
        2 => "/assets/index.js",
        3 => "/assets/index.css",
        _ => "/api/v1/products/",
    };
    format!(
        "203.0.113.{} \"GET {path} HTTP/1.1\" 200 {}",
        1 + roll("client", 250),
        300 + roll("bytes", 40_000)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        speed: 1.0,
        still: false,
    };

    fn log(from: i64, start: i64, pace: Pace) -> Log {
        let mut log = Log::new(Seed(7), "backend", Program::Backend, false);
        log.run(at(from), at(start), pace);
        log
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn reading_in_pieces_gives_the_same_lines_as_reading_at_once() {
        let log = log(-100, 0, PACE);
        let (whole, end) = log.read(Cursor::default(), at(60), None);
        let mut cursor = Cursor::default();
        let mut pieces = Vec::new();
        for second in -99..=60 {
            let (lines, next) = log.read(cursor, at(second), None);
            pieces.extend(lines);
            cursor = next;
        }
        assert_eq!(pieces, whole);
        assert_eq!(cursor, end);
        assert!(whole.len() > 150 && whole.windows(2).all(|w| w[0].at < w[1].at));
    }

    #[test]
    fn the_next_line_comes_when_it_was_said_to_come() {
        let log = log(-100, 0, PACE);
        let next = log.next(at(10)).unwrap();
        let (_, cursor) = log.read(Cursor::default(), at(10), None);
        let (lines, _) = log.read(cursor, next, None);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].at, next);
    }

    #[test]
    fn a_still_world_has_a_past_and_no_future() {
        let still = Pace {
            speed: 1.0,
            still: true,
        };
        let log = log(-100, 0, still);
        assert_eq!(log.next(at(5)), None);
        let (before, cursor) = log.read(Cursor::default(), at(0), Some(10));
        assert_eq!(before.len(), 10);
        assert!(log.read(cursor, at(500), None).0.is_empty());
    }

    #[test]
    fn what_was_caused_is_told_once_and_in_its_place() {
        let mut log = log(0, 0, PACE);
        log.say(at(3), Stream::Err, "ERROR it broke");
        let (lines, cursor) = log.read(Cursor::default(), at(10), None);
        assert!(lines.iter().any(|l| l.text == "ERROR it broke"));
        assert!(lines.windows(2).all(|w| w[0].at <= w[1].at));
        let (more, _) = log.read(cursor, at(20), None);
        assert!(more.iter().all(|l| l.text != "ERROR it broke"));
    }
}
