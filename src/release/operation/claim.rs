//! Who holds an environment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::value::StrDeserializer};

use crate::release::{plan::PlanKind, text::clean};

/// Who holds an environment, as the claim's record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who, such as `mira`.
    pub operator: String,
    /// From which machine.
    pub origin: String,
    /// Why, in the operator's words; empty if none were given.
    #[serde(default)]
    pub reason: String,
    /// What it does: a plan's kind, or `lock`.
    pub kind: String,
    /// Since when, in seconds since 1970 by the server's clock; `None` where the record does not tell.
    #[serde(default)]
    pub at: Option<i64>,
    /// Tells our own claim from anybody else's after a lost reply.
    pub nonce: String,
}

impl Claim {
    /// The operator of a claim that does not tell.
    pub const SOMEBODY: &str = "somebody";
    /// The kind of one that does not tell.
    pub const UNKNOWN_KIND: &str = "unknown";

    /// A claim that tells nothing.
    pub fn unknown() -> Self {
        Self {
            operator: Self::SOMEBODY.to_owned(),
            origin: String::new(),
            reason: String::new(),
            kind: Self::UNKNOWN_KIND.to_owned(),
            at: None,
            nonce: String::new(),
        }
    }

    /// What a record's known fields tell, cleaned, whatever else is in it and whoever wrote it: a newer
    /// flightdeck, or a ledger's line, whose beginning counts. `None` for what is no JSON object.
    pub fn known(record: &[u8]) -> Option<Self> {
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(record).ok()?;
        let text = |name: &str| fields.get(name)?.as_str().map(clean);
        let seconds = |name: &str| {
            let seconds = fields.get(name)?.as_i64()?;
            (seconds > 0 && Timestamp::from_second(seconds).is_ok()).then_some(seconds)
        };
        let unknown = Self::unknown();
        Some(Self {
            operator: text("operator").unwrap_or(unknown.operator),
            origin: text("origin").unwrap_or_default(),
            reason: text("reason").unwrap_or_default(),
            kind: text("kind").unwrap_or(unknown.kind),
            at: seconds("at").or_else(|| seconds("started")),
            nonce: text("nonce").unwrap_or_default(),
        })
    }

    /// The kind of plan that it does; [`PlanKind::Unknown`] for one of a newer format, and where it does not
    /// tell.
    pub fn plan_kind(&self) -> PlanKind {
        let kind = StrDeserializer::<serde::de::value::Error>::new(&self.kind);
        PlanKind::deserialize(kind).unwrap_or(PlanKind::Unknown)
    }

    /// Who, in words: `mira from laptop`.
    pub fn who(&self) -> String {
        if self.origin.is_empty() {
            self.operator.clone()
        } else {
            format!("{} from {}", self.operator, self.origin)
        }
    }
}
