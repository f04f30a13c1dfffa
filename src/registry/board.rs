//! Which tags of a repository are known how far, and what to ask next. Pure: moments come from outside.
//!
//! What is wanted is asked first, then the newest by the convention, down to a limit: a repository with
//! a hundred thousand tags lists them all, and fills in those that somebody looks at.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::release::{
    Digest, Fault, FaultKind, Moment, Repository, Tag,
    version::{Known, TagConvention, Version, VersionDetails, Versions},
};

use super::{
    cache::{Kept, MOST},
    known,
};

/// How many of the newest tags are filled in though nobody looks at them.
const UNASKED: usize = 2_000;
/// How many wanted tags are minded: more than any screen shows.
const MOST_WANTED: usize = 1_000;
/// A list longer than this is cut off, so that a hostile registry does not fill the memory.
const MOST_TAGS: usize = 500_000;

/// After so many pages in a row with nothing new, a list is taken to be at its end.
const MOST_BARREN: usize = 10;

/// Something that a registry can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// What a tag points at now.
    Digest(Tag),
    /// What a digest says of itself.
    Details(Digest),
}

/// What a registry answered.
#[derive(Debug)]
pub(super) enum Answer {
    Digest(Digest),
    Details(VersionDetails),
}

#[derive(Debug)]
struct Row {
    tag: Tag,
    digest: Known<Digest>,
    /// When the digest was asked for last.
    asked: Option<Moment>,
}

/// The board of one repository.
#[derive(Debug)]
pub(super) struct Board {
    repository: Repository,
    convention: TagConvention,
    /// In the convention's order, as far as it can be told without details.
    rows: Vec<Row>,
    positions: HashMap<Tag, usize>,
    details: HashMap<Digest, Known<VersionDetails>>,
    complete: bool,
    /// The tags of the list that is being read.
    listed: HashSet<Tag>,
    /// Pages in a row that had nothing new.
    barren_pages: usize,
    wanted: Vec<Tag>,
    /// Digests asked for before this are to be asked again where they are wanted.
    round: Moment,
    asked_now: HashSet<Question>,
    newest_first: VecDeque<Tag>,
    digests_to_read: VecDeque<Digest>,
}

impl Board {
    pub(super) fn new(repository: Repository, convention: TagConvention) -> Self {
        Self {
            repository,
            convention,
            rows: Vec::new(),
            positions: HashMap::new(),
            details: HashMap::new(),
            complete: false,
            listed: HashSet::new(),
            barren_pages: 0,
            wanted: Vec::new(),
            round: Moment::default(),
            asked_now: HashSet::new(),
            newest_first: VecDeque::new(),
            digests_to_read: VecDeque::new(),
        }
    }

    /// Takes what was kept from before.
    pub(super) fn know(&mut self, kept: Kept) {
        let kept = kept.into_iter();
        self.details
            .extend(kept.map(|(digest, details)| (digest, Known::Known(details))));
    }

    /// What is worth keeping: what the listed digests say, and others as long as there is room.
    pub(super) fn to_keep(&self) -> Kept {
        let listed = self.rows.iter().filter_map(|row| row.digest.value());
        let mut kept = Kept::new();
        for digest in listed.chain(self.details.keys()) {
            if kept.len() == MOST {
                break;
            }
            if let Some(Known::Known(details)) = self.details.get(digest) {
                kept.insert(digest.clone(), details.clone());
            }
        }
        kept
    }

    /// A list is about to be read from its first page.
    pub(super) fn begin_listing(&mut self) {
        self.listed.clear();
        self.barren_pages = 0;
    }

    /// Takes a page of it: new tags are on the board at once. Whether there are any.
    pub(super) fn take_page(&mut self, tags: Vec<Tag>) -> bool {
        let (before, listed) = (self.rows.len(), self.listed.len());
        for tag in tags {
            if self.listed.len() >= MOST_TAGS {
                break;
            }
            if self.listed.insert(tag.clone()) && !self.positions.contains_key(&tag) {
                self.rows.push(Row {
                    tag,
                    digest: Known::Pending,
                    asked: None,
                });
            }
        }
        self.barren_pages = match self.listed.len() > listed {
            true => 0,
            false => self.barren_pages + 1,
        };
        let is_new = self.rows.len() > before;
        if is_new {
            self.order();
        }
        is_new
    }

    /// Whether another page is worth reading: there is room, and the pages do not lead in a circle.
    pub(super) fn has_room(&self) -> bool {
        self.listed.len() < MOST_TAGS && self.barren_pages < MOST_BARREN
    }

    /// The list was read to its end: what is not in it is gone. Whether that changes anything.
    pub(super) fn end_listing(&mut self) -> bool {
        let listed = std::mem::take(&mut self.listed);
        let is_shorter = self.rows.len() != listed.len();
        if is_shorter {
            self.rows.retain(|row| listed.contains(&row.tag));
            self.order();
        }
        if self.details.len() > 2 * MOST {
            let kept = self.to_keep();
            self.details.clear();
            self.know(kept);
        }
        self.fill_unasked();
        !std::mem::replace(&mut self.complete, true) || is_shorter
    }

    fn order(&mut self) {
        let bare = |row: &Row| Version {
            tag: row.tag.clone(),
            digest: Known::Pending,
            details: Known::Pending,
        };
        let convention = &self.convention;
        self.rows
            .sort_by(|a, b| convention.newest_first(&bare(a), &bare(b)));
        let tags = self.rows.iter().map(|row| row.tag.clone());
        self.positions = tags.zip(0..).collect();
    }

    /// From now on, tags are to be asked again where they are wanted: a poll.
    pub(super) fn begin_round(&mut self, now: Moment) {
        self.round = now;
        self.details
            .retain(|_, details| !matches!(details, Known::Failed(_)));
    }

    /// From now on, the newest tags are to be asked again even where they are not wanted: a refresh.
    pub(super) fn refresh(&mut self, now: Moment) {
        self.begin_round(now);
        for row in &mut self.rows {
            row.asked = None;
        }
        self.fill_unasked();
    }

    fn fill_unasked(&mut self) {
        self.newest_first = self
            .rows
            .iter()
            .take(UNASKED)
            .filter(|row| row.asked.is_none())
            .map(|row| row.tag.clone())
            .collect();
    }

    /// What somebody looks at, the most important first.
    pub(super) fn want(&mut self, mut tags: Vec<Tag>) {
        tags.truncate(MOST_WANTED);
        self.wanted = tags;
    }

    /// How many tags are known.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The newest tags.
    pub(super) fn newest(&self, count: usize) -> Vec<Tag> {
        let tags = self.rows.iter().map(|row| row.tag.clone());
        tags.take(count).collect()
    }

    /// What to ask next, if anything: it counts as being asked until its answer is taken or it is put
    /// back.
    pub(super) fn next(&mut self) -> Option<Question> {
        self.next_wanted().or_else(|| self.next_unasked())
    }

    /// What to ask next of what is wanted.
    pub(super) fn next_wanted(&mut self) -> Option<Question> {
        let question = self
            .wanted
            .iter()
            .filter_map(|tag| self.positions.get(tag).map(|at| &self.rows[*at]))
            .find_map(|row| {
                if row.asked.is_none_or(|asked| asked < self.round) {
                    let question = Question::Digest(row.tag.clone());
                    if !self.asked_now.contains(&question) {
                        return Some(question);
                    }
                }
                let digest = row.digest.value()?;
                let question = Question::Details(digest.clone());
                (!self.details.contains_key(digest) && !self.asked_now.contains(&question))
                    .then_some(question)
            })?;
        self.asked_now.insert(question.clone());
        Some(question)
    }

    fn next_unasked(&mut self) -> Option<Question> {
        if !self.complete {
            // Registries begin with the oldest: what is newest is known at the end of the list.
            return None;
        }
        while let Some(digest) = self.digests_to_read.pop_front() {
            if self.details.contains_key(&digest) {
                continue;
            }
            let question = Question::Details(digest);
            if self.asked_now.insert(question.clone()) {
                return Some(question);
            }
        }
        while let Some(tag) = self.newest_first.pop_front() {
            let row = self.positions.get(&tag).map(|at| &self.rows[*at]);
            if row.is_none_or(|row| row.asked.is_some()) {
                continue;
            }
            let question = Question::Digest(tag);
            if self.asked_now.insert(question.clone()) {
                return Some(question);
            }
        }
        None
    }

    /// A question got no answer for want of a link: it is asked again when its turn comes.
    pub(super) fn put_back(&mut self, question: Question) {
        self.asked_now.remove(&question);
        match question {
            Question::Digest(tag) => self.newest_first.push_front(tag),
            Question::Details(digest) => self.digests_to_read.push_front(digest),
        }
    }

    /// Takes an answer, or why there is none. Whether a row has changed.
    pub(super) fn take(
        &mut self,
        question: Question,
        answer: Result<Answer, Fault>,
        now: Moment,
    ) -> bool {
        self.asked_now.remove(&question);
        match (question, answer) {
            (Question::Digest(tag), answer) => {
                let Some(row) = self.positions.get(&tag).map(|at| &mut self.rows[*at]) else {
                    return false;
                };
                row.asked = Some(now);
                let digest = match answer {
                    Ok(Answer::Digest(digest)) => {
                        if !self.details.contains_key(&digest) {
                            self.digests_to_read.push_back(digest.clone());
                        }
                        Known::Known(digest)
                    }
                    // A hiccup takes nothing away; a tag that is gone points nowhere.
                    Err(fault)
                        if fault.kind != FaultKind::Missing && row.digest.value().is_some() =>
                    {
                        return false;
                    }
                    Err(fault) => Known::Failed(fault),
                    Ok(Answer::Details(_)) => return false,
                };
                std::mem::replace(&mut row.digest, digest) != row.digest
            }
            (Question::Details(digest), Ok(Answer::Details(details))) => {
                self.details.insert(digest, Known::Known(details));
                true
            }
            (Question::Details(digest), Err(fault)) => {
                self.details.insert(digest, known(Err(fault)));
                true
            }
            (Question::Details(_), Ok(Answer::Digest(_))) => false,
        }
    }

    /// Whether nothing is being asked.
    pub(super) fn is_quiet(&self) -> bool {
        self.asked_now.is_empty()
    }

    /// The board as it is shown.
    pub(super) fn versions(&self) -> Versions {
        let mut versions: Vec<Version> = self
            .rows
            .iter()
            .map(|row| Version {
                tag: row.tag.clone(),
                digest: row.digest.clone(),
                details: match &row.digest {
                    Known::Known(digest) => {
                        self.details.get(digest).cloned().unwrap_or(Known::Pending)
                    }
                    Known::Pending => Known::Pending,
                    Known::Failed(fault) => Known::Failed(fault.clone()),
                },
            })
            .collect();
        if self.convention == TagConvention::Created {
            versions.sort_by(|a, b| self.convention.newest_first(a, b));
        }
        Versions {
            repository: self.repository.clone(),
            versions,
            complete: self.complete,
        }
    }
}
