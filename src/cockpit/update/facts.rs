//! What arrives from outside: facts, and what came of effects.

use crate::{
    cockpit::{
        model::{Effect, Model, Outcome, Ticket},
        overlays::{Overlay, message::Message, plan, question::Asked, recover},
        panes::{operations, versions},
    },
    fleet::{Fact, join::Recoverable},
    release::{
        EnvironmentName,
        observed::Link,
        operation::{self, OperationId},
        recovery,
        text::clean,
    },
    target::Reading,
};

/// Takes facts in.
pub fn arrived(model: &mut Model, facts: Vec<Fact>) -> Vec<Effect> {
    let mut answering: Vec<EnvironmentName> = Vec::new();
    let before = newest_records(model);
    let interrupted_before = interrupted(model);
    for fact in facts {
        if let Fact::Environment(name, Reading::EngineLink(Link::Live)) = &fact {
            answering.push(name.clone());
        }
        model.fleet.apply(fact, model.now.moment);
    }
    tell_ends(model, before);
    tell_interrupted(model, &interrupted_before);
    versions::settle(model);
    recover::awaited::settle(model);
    answering
        .iter()
        .flat_map(|name| plan::link_is_back(model, name))
        .collect()
}

/// The newest record of each environment whose ledger has been read.
fn newest_records(model: &Model) -> Vec<(EnvironmentName, Option<OperationId>)> {
    let environments = model.fleet.config.environments.iter();
    environments
        .filter_map(|environment| {
            let facts = model.fleet.environment(&environment.name)?;
            facts.files.value()?;
            let newest = facts.records().last().map(|record| record.operation);
            Some((environment.name.clone(), newest))
        })
        .collect()
}

/// Says how operations ended that have ended since, whoever did them and whatever is looked at now.
fn tell_ends(model: &mut Model, before: Vec<(EnvironmentName, Option<OperationId>)>) {
    for (name, known) in before {
        let ended = model
            .fleet
            .environment(&name)
            .and_then(|facts| facts.records().last())
            .filter(|record| Some(record.operation) > known);
        let Some(record) = ended else {
            continue;
        };
        let what = [record.kind.verb(), &record.brings()].join(" ");
        let words = format!(
            "{} {} on {name}: {}",
            record.operation,
            what.trim_end(),
            record.ended_words()
        );
        if record.outcome == operation::Outcome::Succeeded {
            model.say(words);
        } else {
            model.complain(words);
        }
    }
}

/// The operations that died half-way, as far as is known.
fn interrupted(model: &Model) -> Vec<(EnvironmentName, OperationId)> {
    let environments = model.fleet.config.environments.iter();
    environments
        .filter_map(|environment| {
            match model.fleet.environment(&environment.name)?.recoverable()? {
                Recoverable::Interrupted(operation) => {
                    Some((environment.name.clone(), operation.id))
                }
                Recoverable::UnderWay(_) | Recoverable::Ended(_) => None,
            }
        })
        .collect()
}

/// Says which operations have died since, whoever did them and whatever is looked at now.
fn tell_interrupted(model: &mut Model, before: &[(EnvironmentName, OperationId)]) {
    for (name, id) in interrupted(model) {
        if before.contains(&(name.clone(), id)) {
            continue;
        }
        let operation = model.fleet.environment(&name).and_then(|f| f.operation());
        let Some(operation) = operation else {
            continue;
        };
        // It stands there until the next words: nothing of what may end by itself.
        let words = format!(
            "{id} {} on {name}: INTERRUPTED {}; {} on {name} recovers it",
            clean(&operation.claim.kind),
            recovery::stopped(&operation.journal, None).place(),
            model.keymap.key_of("recover")
        );
        model.complain(words);
    }
}

/// Opens the oldest question, unless a text is being typed that its keys would get into.
pub fn ask_questions(model: &mut Model) {
    model
        .overlays
        .retain(|overlay| !matches!(overlay, Overlay::Question(asked) if asked.is_gone()));
    model.fleet.forget_answered();
    if model.fleet.questions.is_empty() {
        return;
    }
    if model.overlays.last().is_some_and(Overlay::takes_text) {
        if model.notice.is_none() {
            model.complain("a server asks something: finish or leave this, then answer");
        }
        return;
    }
    let question = model.fleet.questions.remove(0);
    model.overlays.push(Overlay::Question(Asked::of(question)));
}

/// Takes in what came of an effect.
pub fn done(model: &mut Model, ticket: Ticket, outcome: Outcome) -> Vec<Effect> {
    let was_waited_for = plan::started(model, ticket, &outcome);
    match outcome {
        Outcome::Planned(plan, commands) => plan::planned(model, ticket, Ok((plan, commands))),
        Outcome::Refused(refusal) => plan::planned(model, ticket, Err(refusal)),
        Outcome::Started(environment, Ok(id)) => {
            model.versions.marks.clear();
            operations::open(model, environment, id);
        }
        Outcome::Started(environment, Err(fault)) => {
            if !was_waited_for {
                let title = format!("Nothing was started on {environment}");
                model
                    .overlays
                    .push(Overlay::Message(Message::of(title, &fault)));
            }
        }
        Outcome::Recovered(environment, Err(fault)) => {
            let title = format!("Nothing was changed on {environment}");
            model
                .overlays
                .push(Overlay::Message(Message::of(title, &fault)));
        }
        Outcome::Recovered(environment, Ok(Some(id))) => {
            model.say(format!("{id} recovers it"));
            operations::open(model, environment, id);
        }
        Outcome::Recovered(environment, Ok(None)) => {
            model.say(format!("{environment} was told"));
        }
        Outcome::Said(Ok(words)) => model.say(words),
        Outcome::Said(Err(fault)) => model.complain(fault.to_string()),
    }
    Vec::new()
}
