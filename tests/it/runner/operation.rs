//! What an operation is made of, as a cockpit uploads it.

use flightdeck::{
    release::operation::OperationId,
    target::compose::script::{Access, Folder},
};

/// An operation's folder, step by step.
pub struct Operation {
    kind: &'static str,
    forward: Vec<(String, String)>,
    back: Vec<(String, String)>,
    closing: Vec<(String, String)>,
    more: Vec<(&'static str, String)>,
}

impl Operation {
    /// A promotion that goes back where it fails; its first step changes something already.
    pub fn promotion() -> Self {
        Self {
            kind: "promote",
            forward: Vec::new(),
            back: Vec::new(),
            closing: Vec::new(),
            more: vec![
                ("on_failure", "back\n".to_owned()),
                ("grace", "1\n".to_owned()),
            ],
        }
    }

    /// One that ends at once.
    pub fn short() -> Self {
        Self::promotion().step("pull", "echo pulled")
    }

    /// A rollback stays where it fails, and may be started over what was interrupted.
    pub fn rollback() -> Self {
        Self {
            kind: "rollback",
            ..Self::promotion()
        }
        .with("on_failure", "stay\n")
        .with("passes", "interrupted\n")
    }

    /// A step that takes a minute at most and can be interrupted.
    pub fn step(self, id: &str, script: &str) -> Self {
        self.step_as(id, "60 yes safe", script)
    }

    pub fn step_as(mut self, id: &str, how: &str, script: &str) -> Self {
        self.forward
            .push((format!("{id} {how}"), script.to_owned()));
        self
    }

    pub fn back(self, id: &str, script: &str) -> Self {
        self.back_as(id, "60 no safe", script)
    }

    pub fn back_as(mut self, id: &str, how: &str, script: &str) -> Self {
        self.back.push((format!("{id} {how}"), script.to_owned()));
        self
    }

    /// Another file, or another content of one.
    pub fn with(mut self, name: &'static str, text: &str) -> Self {
        self.more.retain(|(other, _)| *other != name);
        self.more.push((name, text.to_owned()));
        self
    }

    /// One step of the closing list.
    pub fn closing(mut self, id: &str, script: &str) -> Self {
        self.closing
            .push((format!("{id} 60 no ask reported"), script.to_owned()));
        self
    }

    /// What the runner has to recover `operation`, with what it may pass besides.
    pub fn recovery_over(operation: OperationId, choice: &str, passes: &str) -> Folder {
        let mut folder = Self::recovery(operation, choice);
        folder.add("passes", Access::Shared, format!("{passes}\n"));
        folder
    }

    /// What the runner has to recover `operation`.
    pub fn recovery(operation: OperationId, choice: &str) -> Folder {
        let wish = match choice.split_once(' ') {
            Some(_) => format!("{operation} {choice}\n"),
            None => format!("{operation} {choice} ask\n"),
        };
        let mut folder = Folder::new();
        for (name, text) in heads("promote") {
            let text = format!("{text},\"recovers\":{}", operation.0);
            folder.add(name, Access::Shared, text);
        }
        folder.add("recovers", Access::Shared, wish);
        folder
    }

    pub fn folder(&self) -> Folder {
        let mut folder = Folder::new();
        for (name, text) in heads(self.kind) {
            folder.add(name, Access::Shared, text);
        }
        for (list, steps) in [
            ("forward", &self.forward),
            ("back", &self.back),
            ("closing", &self.closing),
        ] {
            let mut lines = String::new();
            for (line, script) in steps {
                let id = line.split(' ').next().unwrap();
                folder.add(format!("{list}/{id}.sh"), Access::Shared, script.as_str());
                lines.push_str(line);
                lines.push('\n');
            }
            folder.add(format!("{list}/steps"), Access::Shared, lines);
        }
        for (name, text) in &self.more {
            folder.add(*name, Access::Shared, text.as_str());
        }
        folder
    }
}

/// The first parts of claim and ledger line.
fn heads(kind: &str) -> [(&'static str, String); 2] {
    let who = r#""operator":"Łukasz \"nonce\":\"x\"","origin":"laptop","reason":"it's $HOME `id`""#;
    [
        ("who.json", format!(r#"{{"v":1,"kind":"{kind}",{who}"#)),
        (
            "record.json",
            format!(
                r#"{{"v":1,"environment":"production","kind":"{kind}",{who},"before":{{"services":{{}}}},"after":{{"services":{{}}}}"#
            ),
        ),
    ]
}
