//! What a newer flightdeck has written, in a format that this one does not know. It is left alone: nothing
//! is changed, continued or judged over it, and every face says so in the same words.

use serde::{Deserialize, Serialize};

use super::{
    Fault, FaultKind,
    operation::{Claim, OperationId, timestamp},
};

/// What helps, whatever was asked for.
pub const REMEDY: &str = "update this flightdeck: it changes nothing where a newer one has written";

/// A file on a server that a newer flightdeck has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewerFile {
    /// A line of the environment's ledger.
    Ledger,
    /// An operation's claim.
    Claim,
    /// The first part of its ledger line.
    Record,
    /// Its plan.
    Plan,
    /// A line of its journal.
    Journal,
    /// How it ended.
    End,
}

impl NewerFile {
    /// The file that the server's scripts call `word`.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "ledger" => Self::Ledger,
            "claim" => Self::Claim,
            "record" => Self::Record,
            "plan" => Self::Plan,
            "journal" => Self::Journal,
            "end" => Self::End,
            _ => return None,
        })
    }

    /// Its word in the server's scripts and in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Claim => "claim",
            Self::Record => "record",
            Self::Plan => "plan",
            Self::Journal => "journal",
            Self::End => "end",
        }
    }
}

/// What a newer flightdeck has written in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// Which file; `None` where the server did not tell.
    pub file: Option<NewerFile>,
    /// Of which operation; `None` where that cannot be told.
    pub operation: Option<OperationId>,
    /// Who wrote it, as far as its known fields tell; `None` where it cannot be read at all.
    pub claim: Option<Claim>,
}

impl Newer {
    /// What `line`, which is of a newer format, tells of the ledger.
    pub fn in_ledger(line: &[u8]) -> Self {
        /// Which operation's it is.
        #[derive(Deserialize)]
        struct Line {
            operation: OperationId,
        }
        let operation = serde_json::from_slice::<Line>(line).ok();
        Self {
            file: Some(NewerFile::Ledger),
            operation: operation.map(|line| line.operation),
            claim: Claim::known(line),
        }
    }

    /// What a newer flightdeck has written, who, since when and why, in words.
    pub fn words(&self) -> String {
        let (what, detail) = match (self.file, self.operation) {
            (Some(NewerFile::Ledger), operation) => (
                "the ledger".to_owned(),
                operation.map(|operation| format!("operation {operation}")),
            ),
            (file, operation) => (
                operation.map_or_else(
                    || "an operation".to_owned(),
                    |operation| format!("operation {operation}"),
                ),
                file.map(|file| format!("its {}", file.word())),
            ),
        };
        let told = self.claim.as_ref().and_then(known_words);
        let details: Vec<String> = detail.into_iter().chain(told).collect();
        let colon = if details.is_empty() { "" } else { ": " };
        format!(
            "{what} was written by a newer flightdeck{colon}{}",
            details.join(", ")
        )
    }

    /// Why something is refused over it.
    pub fn fault(&self, subject: impl AsRef<str>) -> Fault {
        Fault::new(FaultKind::Conflict, subject, self.words()).remedy(REMEDY)
    }
}

/// What a claim's known fields tell; `None` if nothing.
fn known_words(claim: &Claim) -> Option<String> {
    let mut words = Vec::new();
    if claim.kind != Claim::UNKNOWN_KIND {
        words.push(claim.kind.clone());
    }
    if claim.operator != Claim::SOMEBODY || !claim.origin.is_empty() {
        words.push(format!("by {}", claim.who()));
    }
    if let Some(at) = claim.at {
        words.push(format!(
            "since {}",
            timestamp(at).strftime("%Y-%m-%d %H:%MZ")
        ));
    }
    if !claim.reason.is_empty() {
        words.push(format!("({})", claim.reason));
    }
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(file: NewerFile, claim: &str) -> String {
        let newer = Newer {
            file: Some(file),
            operation: Some(OperationId(17)),
            claim: Claim::known(claim.as_bytes()),
        };
        newer.words()
    }

    #[test]
    fn it_says_which_file_who_since_when_and_why_as_far_as_that_is_known() {
        assert_eq!(
            words(
                NewerFile::Plan,
                r#"{"v":2,"kind":"canary","operator":"zoë","origin":"desk","at":1790000000,"reason":"a tenth"}"#
            ),
            "operation 000017 was written by a newer flightdeck: its plan, canary by zoë from desk since \
             2026-09-21 14:13Z (a tenth)"
        );
        // Of other kinds than today's, or not there at all.
        assert_eq!(
            words(
                NewerFile::Claim,
                r#"{"v":2,"kind":["a","b"],"operator":"zoë","at":"noon"}"#
            ),
            "operation 000017 was written by a newer flightdeck: its claim, by zoë"
        );
        assert_eq!(
            words(NewerFile::Claim, "no JSON"),
            "operation 000017 was written by a newer flightdeck: its claim"
        );
        let never = r#"{"v":2,"at":99999999999999999}"#;
        assert!(!words(NewerFile::Claim, never).contains("since"));
    }

    #[test]
    fn a_line_of_the_ledger_tells_of_its_operation() {
        let line = br#"{"v":2,"operation":18,"operator":"zo\u00eb","kind":"canary","started":1790000000,"ended":1790000009}"#;
        let fault = Newer::in_ledger(line).fault("production");
        assert_eq!(
            &*fault.message,
            "the ledger was written by a newer flightdeck: operation 000018, canary by zoë since 2026-09-21 14:13Z"
        );
        assert_eq!((fault.kind, &*fault.remedy), (FaultKind::Conflict, REMEDY));
        let bare = Newer::in_ledger(b"{\"v\":3}").words();
        assert_eq!(bare, "the ledger was written by a newer flightdeck");
    }
}
