//! Alembic: a graph of revisions, each a Python script with an `upgrade()` and a `downgrade()`.
//!
//! Whether a revision can be undone is read in its script, as it lies in the image that runs: Alembic
//! itself finds out only by doing it.

use crate::release::{
    plan::{HeadsFormat, HeadsQuery},
    survey::{SchemaRevision, Undo},
    text,
};

use super::{
    BASE, Known, MOST_ASKED, MOST_REVISIONS, Named, Tool, WayDown, graph, is_revision, naming, with,
};

pub struct Alembic<'a> {
    /// What starts it: `["alembic"]`.
    pub command: &'a [String],
}

impl Tool for Alembic<'_> {
    fn heads(&self) -> Option<HeadsQuery> {
        Some(HeadsQuery {
            command: with(self.command, &["current"]),
            format: HeadsFormat::Lines,
        })
    }

    fn history(&self) -> Option<Vec<String>> {
        Some(with(self.command, &["history", "-v"]))
    }

    fn history_needs_no_database(&self) -> bool {
        true
    }

    fn revisions(&self, printed: &str) -> Vec<SchemaRevision> {
        let mut found: Vec<SchemaRevision> = Vec::new();
        for line in printed.lines() {
            if let Some(rest) = line.strip_prefix("Rev: ") {
                let name = rest.split(' ').next().unwrap_or_default();
                if found.len() == MOST_REVISIONS {
                    break;
                }
                if is_revision(name) {
                    found.push(SchemaRevision::new(name, ""));
                }
                continue;
            }
            let Some(known) = found.last_mut() else {
                continue;
            };
            if let Some(parents) = line
                .strip_prefix("Parent: ")
                .or_else(|| line.strip_prefix("Merges: "))
            {
                known.parents = names(parents);
            } else if let Some(needed) = line.strip_prefix("Also depends on: ") {
                known.depends_on = names(needed);
            } else if let Some(labels) = line.strip_prefix("Branch names: ") {
                known.labels = names(labels);
            } else if let Some(path) = line.strip_prefix("Path: ") {
                known.script = Some(path.to_owned());
            } else if line.starts_with("    ") && known.message.is_empty() {
                // Its own words are indented, so that they pass for none of the above.
                known.message = text::clean(line.trim());
            }
        }
        found
    }

    fn named<'a>(&self, history: &'a [SchemaRevision], text: &str) -> Named<'a> {
        let mut labels = history.iter().flat_map(|known| &known.labels);
        if ["head", "heads", BASE].contains(&text) || labels.any(|label| label.starts_with(text)) {
            return Named::Word;
        }
        naming::abbreviated(history, text)
    }

    fn is_behind(&self, known: &Known<'_>, revision: &str) -> bool {
        revision == BASE
            || (!known.now.iter().any(|head| head == revision)
                && graph::in_place(known.history, known.now).contains(revision))
    }

    fn up(&self) -> Vec<String> {
        // Plural: the same with one head, and right with several.
        with(self.command, &["upgrade", "heads"])
    }

    fn up_to(&self, revision: &str) -> Result<Vec<String>, String> {
        Ok(with(self.command, &["upgrade", revision]))
    }

    fn way_down(&self, known: &Known<'_>, goal: &[String]) -> Result<WayDown, String> {
        if let Some(odd) = goal.iter().find(|head| !is_revision(head)) {
            return Err(format!("{odd:?} is not a revision"));
        }
        if known.history.is_empty() {
            return match goal {
                [] => Ok(self.blind(BASE)),
                [head] => Ok(self.blind(head)),
                _ => Err(
                    "its history could not be read, and that release ran at several heads"
                        .to_owned(),
                ),
            };
        }
        let undone = graph::undone(known.history, known.now, goal)?;
        let lowest: Vec<&SchemaRevision> = graph::lowest(&undone).collect();
        let plain = match goal {
            [] => Some("base"),
            // To one revision goes all that lies above it, and nothing else.
            [head] if lowest.iter().all(|low| low.parents.contains(head)) => Some(head.as_str()),
            _ => None,
        };
        let commands = match plain {
            Some(revision) => vec![with(self.command, &["downgrade", revision])],
            // Each branch by itself: of what follows the parent, only what leads to this revision.
            None => lowest
                .iter()
                .map(|low| {
                    let parent = low.parents.first().map_or("base", String::as_str);
                    let target = format!("{}@{parent}", low.revision);
                    with(self.command, &["downgrade", &target])
                })
                .collect(),
        };
        Ok(WayDown { undone, commands })
    }

    fn down_to(&self, known: &Known<'_>, revision: &str) -> Result<WayDown, String> {
        let mut way = self.blind(revision);
        let there = graph::in_place(known.history, known.now);
        let below = [revision.to_owned()];
        let above = |candidate: &SchemaRevision| {
            let heads = [candidate.revision.clone()];
            revision == BASE
                || (candidate.revision != revision
                    && graph::in_place(known.history, &heads).contains(below[0].as_str()))
        };
        way.undone = known
            .history
            .iter()
            .filter(|candidate| there.contains(candidate.revision.as_str()) && above(candidate))
            .cloned()
            .collect();
        Ok(way)
    }

    fn ask_undo(&self, way: &WayDown) -> Vec<Vec<String>> {
        let paths: Vec<&str> = way
            .undone
            .iter()
            .filter_map(|known| known.script.as_deref())
            .take(MOST_ASKED)
            .collect();
        if paths.is_empty() {
            return Vec::new();
        }
        // Every line with its file's name before it: no line can pass for one of another file.
        let mut words = vec!["grep", "-Hn", "", "--"];
        words.extend(paths);
        vec![words.into_iter().map(str::to_owned).collect()]
    }

    fn judge(&self, way: WayDown, answers: &[Option<String>]) -> Vec<SchemaRevision> {
        let mut undone = way.undone;
        let Some(Some(printed)) = answers.first() else {
            return undone;
        };
        for known in &mut undone {
            let Some(path) = &known.script else { continue };
            let script: Vec<&str> = printed
                .lines()
                .filter_map(|line| {
                    let (_, text) = line
                        .strip_prefix(path)?
                        .strip_prefix(':')?
                        .split_once(':')?;
                    Some(text)
                })
                .collect();
            if !script.is_empty() {
                known.undo = undo_of(&script);
            }
        }
        undone
    }
}

impl Alembic<'_> {
    /// To one revision, without knowing what lies between.
    fn blind(&self, revision: &str) -> WayDown {
        WayDown {
            undone: Vec::new(),
            commands: vec![with(self.command, &["downgrade", revision])],
        }
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',')
        .map(str::trim)
        .filter(|name| is_revision(name))
        .map(str::to_owned)
        .collect()
}

/// Whether a revision can be undone, by its script.
fn undo_of(script: &[&str]) -> Undo {
    let Some(down) = statements(script, "downgrade") else {
        return Undo::Refused("its script has no downgrade()".to_owned());
    };
    match down.iter().find(|statement| !is_idle(statement)) {
        Some(first) if first.starts_with("raise") => {
            let words: String = first.chars().take(80).collect();
            Undo::Refused(format!("its downgrade() is: {}", text::clean(&words)))
        }
        Some(_) => Undo::Possible,
        // A revision that only joins others has nothing to undo.
        None if statements(script, "upgrade")
            .is_none_or(|up| up.iter().all(|statement| is_idle(statement))) =>
        {
            Undo::Possible
        }
        None => Undo::Nothing(
            "its downgrade() does nothing, though its upgrade() does something".to_owned(),
        ),
    }
}

/// Whether a statement does nothing.
fn is_idle(statement: &str) -> bool {
    matches!(
        statement.trim_end_matches(';'),
        "pass" | "..." | "return" | "return None"
    )
}

/// The statements of a function at the top of a Python script, a line each, without comments and
/// without what the function says of itself; `None` if there is no such function.
fn statements<'a>(script: &[&'a str], name: &str) -> Option<Vec<&'a str>> {
    let head = format!("def {name}(");
    let at = script.iter().position(|line| line.starts_with(&head))?;
    let mut lines = script[at..].iter().copied();
    let mut depth = 0_usize;
    let mut found = Vec::new();
    // The signature may go over several lines; what follows its colon may stand on the same.
    let rest = lines.by_ref().find_map(|line| {
        for (index, byte) in line.bytes().enumerate() {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                b':' if depth == 0 => return Some(&line[index + 1..]),
                b'#' => break,
                _ => {}
            }
        }
        None
    })?;
    let mut quote: Option<&str> = None;
    for line in std::iter::once(rest)
        .chain(lines.take_while(|line| !line.starts_with(|c: char| !c.is_whitespace() && c != '#')))
    {
        let line = line.trim();
        if let Some(end) = quote {
            if line.contains(end) {
                quote = None;
            }
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bare = line.trim_start_matches(['r', 'R', 'u', 'U']);
        let opened = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|quote| bare.starts_with(quote));
        if let (true, Some(mark)) = (found.is_empty(), opened) {
            if mark.len() == 3 && !bare[3..].contains(mark) {
                quote = Some(mark);
            }
            continue;
        }
        let code = line.split(" #").next().unwrap_or(line).trim_end();
        found.push(code);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(script: &str) -> Undo {
        undo_of(&script.lines().collect::<Vec<_>>())
    }

    const UP: &str = "revision = \"a\"\n\ndef upgrade() -> None:\n    op.drop_table(\"x\")\n\n\n";

    #[test]
    fn a_script_tells_whether_it_can_be_undone() {
        let possible = [
            "def downgrade():\n    op.add_column('a')\n",
            "def downgrade(\n    engine_name: str = \"a:b\",\n) -> None:\n    \"\"\"Back.\n\n    raise\n    \"\"\"\n    op.x()\n",
            "def downgrade(): op.x()\n",
            "def downgrade():\n    if offline:\n        raise X\n",
        ];
        for down in possible {
            assert_eq!(judged(&format!("{UP}{down}")), Undo::Possible, "{down}");
        }
        let nothing = [
            "def downgrade():\n    pass\n",
            "def downgrade() -> None:\n    # nobody needs this\n\n    pass  # noqa\n\n\nx = 1\n",
            "def downgrade():\n    \"\"\"Nothing.\"\"\"\n",
            "def downgrade(): ...\n",
            "def downgrade():\n\treturn\n",
        ];
        for down in nothing {
            let undo = judged(&format!("{UP}{down}"));
            assert!(matches!(undo, Undo::Nothing(_)), "{down}: {undo:?}");
        }
        let refused = [
            "def downgrade():\n    raise NotImplementedError(\"what was deleted does not come back\")\n",
            "def downgrade():\n    '''No.'''\n    raise\n",
            "",
            "    def downgrade():\n        op.x()\n",
        ];
        for down in refused {
            let undo = judged(&format!("{UP}{down}"));
            assert!(matches!(undo, Undo::Refused(_)), "{down}: {undo:?}");
        }
        let merge = "def upgrade():\n    pass\n\ndef downgrade():\n    pass\n";
        assert_eq!(judged(merge), Undo::Possible);
    }

    #[test]
    fn scripts_are_told_apart_by_the_name_before_each_line() {
        let command = ["alembic".to_owned()];
        let tool = Alembic { command: &command };
        let mut a = SchemaRevision::new("aaaa", "");
        a.script = Some("/v/a.py".to_owned());
        let mut b = SchemaRevision::new("bbbb", "");
        b.script = Some("/v/b.py".to_owned());
        let way = WayDown {
            undone: vec![b, a],
            commands: Vec::new(),
        };
        assert_eq!(
            tool.ask_undo(&way),
            [["grep", "-Hn", "", "--", "/v/b.py", "/v/a.py"].map(str::to_owned)]
        );
        let printed = "/v/b.py:1:def upgrade():\n/v/b.py:2:    x()\n/v/b.py:3:def downgrade():\n/v/b.py:4:    pass\n\
                       /v/a.py:1:def upgrade():\n/v/a.py:2:    x()\n/v/a.py:3:def downgrade():\n/v/a.py:4:    y('/v/b.py:9:raise')\n";
        let judged = tool.judge(way.clone(), &[Some(printed.to_owned())]);
        assert!(matches!(judged[0].undo, Undo::Nothing(_)));
        assert_eq!(judged[1].undo, Undo::Possible);
        assert_eq!(tool.judge(way, &[None])[0].undo, Undo::Unknown);
    }
}
