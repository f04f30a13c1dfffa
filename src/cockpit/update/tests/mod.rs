//! What keys and facts do, as an operator would notice it; and that nothing, in any order, panics.

mod any_order;
mod asked;
mod choosing;
mod confirming;
mod looking;
mod operations;
mod plans;
mod questions;

use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::{
    cockpit::{
        model::{Effect, Model, Msg, Outcome, Refusal, Ticket, Want, wants},
        overlays::{Overlay, plan::State, recover::awaited},
        panes::Pane,
        tests::{
            fixtures::{self, full, now},
            follow, frame, plan_arrives, planned, press, text,
        },
    },
    fleet::Fact,
    registry::VersionsReading,
    release::{
        Fault, FaultKind,
        hook::{Hook, HookCommand, HookWhen},
        observation::Files,
        observed::Link,
        operation::{Liveness, OperationId, Outcome as Ended, Progress},
        plan::{Deed, Intent, Request, RollbackTo, SchemaChoice, SchemaOffer, Verdict},
        recovery::{Recovery, RecoveryWish, StoppedStep},
        version::Known,
    },
    target::{Answerer, Question, Reading},
};

use super::update;

fn requested(effects: &[Effect]) -> &Request {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Plan(_, request) => Some(request),
            _ => None,
        })
        .expect("no plan was asked for")
}

fn ticket(effects: &[Effect]) -> Ticket {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Plan(ticket, _) | Effect::Start(ticket, _) => Some(*ticket),
            _ => None,
        })
        .expect("nothing was asked for")
}

fn starts(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Start(..)))
}

/// A cockpit in which production's promotion is planned and on the screen.
fn with_plan() -> Model {
    let mut model = full(80, 24);
    let effects = press(&mut model, "2 j p");
    plan_arrives(&mut model, &effects, fixtures::promotion());
    model
}
