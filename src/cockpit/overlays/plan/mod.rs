//! *Plan*: what would be done, to be read at leisure. Enter does nothing here, and keys that were typed
//! before the plan was first on the screen are thrown away.

pub mod intent;
pub mod view;

use crate::{
    cockpit::{
        keymap::Action,
        model::{Effect, Model, Outcome, Refusal, Ticket},
        panes::nothing,
    },
    release::{
        Moment,
        plan::{Plan, Request},
    },
    target::RenderedPlan,
};

use super::{Overlay, commands, confirm, options};

/// What a plan's keys do.
pub const ACTIONS: &[Action] = &[
    Action {
        name: "continue",
        help: "confirm the plan that is shown",
        hint: Some("continue"),
        keys: &["c"],
        changes: true,
        run: continue_to_confirm,
    },
    Action {
        name: "commands",
        help: "the exact commands of each step",
        hint: Some("commands"),
        keys: &["v"],
        changes: false,
        run: show_commands,
    },
    Action {
        name: "options",
        help: "the plan made otherwise: reason, gates, migration, where to",
        hint: Some("options"),
        keys: &["e"],
        changes: false,
        run: show_options,
    },
    Action {
        name: "plan-anew",
        help: "look at the server again and make the plan anew",
        hint: Some("anew"),
        keys: &["R"],
        changes: false,
        run: |model| plan_anew(model, None),
    },
];

/// A plan that is open.
pub struct PlanView {
    /// What was asked for.
    pub request: Request,
    /// How far it is.
    pub state: State,
    /// Lines scrolled.
    pub scroll: usize,
}

/// How far a plan is.
pub enum State {
    /// The server is surveyed.
    Preparing {
        /// Whose answer is waited for.
        ticket: Ticket,
        /// Since when.
        since: Moment,
    },
    /// It can be read.
    Ready {
        /// The plan.
        plan: Box<Plan>,
        /// Its steps' commands.
        commands: RenderedPlan,
        /// Whether it has been on the screen: keys typed before were not meant for it.
        shown: bool,
    },
    /// It cannot be made, or could not be started.
    Refused(Refusal),
    /// It has been confirmed, and the server has not said yet that it began.
    Starting {
        /// Whose answer is waited for.
        ticket: Ticket,
        /// Its title.
        title: String,
    },
}

impl PlanView {
    /// The plan, once it is on the screen.
    pub fn ready(&self) -> Option<(&Plan, &RenderedPlan)> {
        match &self.state {
            State::Ready {
                plan,
                commands,
                shown: true,
            } => Some((plan, commands)),
            _ => None,
        }
    }

    /// The model has been on the screen.
    pub fn shown(&mut self) {
        if let State::Ready { shown, .. } = &mut self.state {
            *shown = true;
        }
    }
}

/// Opens a plan for `request` in place of whatever is open, and has it made.
pub fn open(model: &mut Model, request: Request) -> Vec<Effect> {
    let ticket = model.ticket();
    // A server's question stays: it is about the connection that this plan waits for.
    model
        .overlays
        .retain(|overlay| matches!(overlay, Overlay::Question(_)));
    let view = PlanView {
        request: request.clone(),
        state: State::Preparing {
            ticket,
            since: model.now.moment,
        },
        scroll: 0,
    };
    model.overlays.insert(0, Overlay::Plan(view));
    vec![Effect::Plan(ticket, request)]
}

/// Makes the open plan anew, for `request` if it is another now.
pub fn plan_anew(model: &mut Model, request: Option<Request>) -> Vec<Effect> {
    let ticket = model.ticket();
    let since = model.now.moment;
    let Some(view) = super::open_plan_mut(model) else {
        return nothing();
    };
    if matches!(view.state, State::Starting { .. }) {
        return nothing();
    }
    if let Some(request) = request {
        view.request = request;
    }
    view.state = State::Preparing { ticket, since };
    view.scroll = 0;
    vec![Effect::Plan(ticket, view.request.clone())]
}

/// Takes in that a plan was made or refused; dropped if nobody waits for it any more.
pub fn planned(
    model: &mut Model,
    ticket: Ticket,
    result: Result<(Box<Plan>, RenderedPlan), Refusal>,
) {
    let Some(view) = super::open_plan_mut(model) else {
        return;
    };
    if !matches!(view.state, State::Preparing { ticket: waiting, .. } if waiting == ticket) {
        return;
    }
    view.state = match result {
        Ok((plan, commands)) => State::Ready {
            plan,
            commands,
            shown: false,
        },
        Err(refusal) => State::Refused(refusal),
    };
}

/// Takes in that an environment answers again: a plan that was refused because it did not is made anew.
pub fn link_is_back(
    model: &mut Model,
    environment: &crate::release::EnvironmentName,
) -> Vec<Effect> {
    let waits = super::open_plan(model).is_some_and(|view| {
        view.request.environment == *environment
            && matches!(&view.state, State::Refused(refusal) if refusal.fault.kind.is_of_the_link())
    });
    if waits {
        plan_anew(model, None)
    } else {
        nothing()
    }
}

/// The title of the plan that was confirmed and of which the server has not said yet that it began.
pub fn starting(model: &Model) -> Option<&str> {
    match &super::open_plan(model)?.state {
        State::Starting { title, .. } => Some(title),
        _ => None,
    }
}

fn continue_to_confirm(model: &mut Model) -> Vec<Effect> {
    let Some((plan, _)) = super::open_plan(model).and_then(PlanView::ready) else {
        return nothing();
    };
    let by_name = plan.gate_passed_by_name();
    let closed: Vec<String> = plan
        .closed_gates()
        .map(|gate| gate.name.clone())
        .filter(|gate| Some(gate.as_str()) != by_name)
        .collect();
    if closed.is_empty() {
        let confirm = confirm::Confirm::of(plan);
        model.overlays.push(Overlay::Confirm(confirm));
    } else {
        let options = model.keymap.key_of("options");
        let words = format!(
            "closed: {}. {options} to pass a gate all the same",
            closed.join(", ")
        );
        model.complain(words);
    }
    nothing()
}

/// Why a plan will be refused when it starts: what has changed since it was made. `None` while nothing
/// that is known here has.
pub fn stale(model: &Model, plan: &Plan) -> Option<String> {
    let facts = model.fleet.environment(&plan.environment)?;
    let held = facts
        .files
        .value()
        .and_then(|files| files.operation.as_ref());
    let ended = facts.records().last().map(|record| record.operation);
    let newest = held.map(|held| held.id).max(ended);
    if newest > plan.basis.last_operation {
        let newest = newest.map(|id| id.to_string()).unwrap_or_default();
        return Some(format!("operation {newest} has been since"));
    }
    let containers = facts.containers.value()?;
    let another = plan.basis.images.iter().find(|(service, images)| {
        let mut then: Vec<_> = images.iter().collect();
        let mut now: Vec<_> = containers.of(service).map(|c| &c.image_id).collect();
        then.sort();
        now.sort();
        // While its containers are recreated nothing can be said.
        !now.is_empty() && then != now
    })?;
    Some(format!("{} runs another image by now", another.0))
}

fn show_commands(model: &mut Model) -> Vec<Effect> {
    if let Some((_, commands)) = super::open_plan(model).and_then(PlanView::ready) {
        let commands = commands::Commands::of(commands);
        model.overlays.push(Overlay::Commands(commands));
    }
    nothing()
}

fn show_options(model: &mut Model) -> Vec<Effect> {
    let options = super::open_plan(model)
        .filter(|view| !matches!(view.state, State::Starting { .. } | State::Preparing { .. }))
        .map(|view| options::Options::of(model, view));
    if let Some(options) = options {
        model.overlays.push(Overlay::Options(options));
    }
    nothing()
}

/// Takes in that the server started what was confirmed, or refused to.
pub fn started(model: &mut Model, ticket: Ticket, outcome: &Outcome) -> bool {
    let Outcome::Started(_, result) = outcome else {
        return false;
    };
    let at = model.overlays.iter().position(|overlay| {
        matches!(
            overlay,
            Overlay::Plan(PlanView { state: State::Starting { ticket: waiting, .. }, .. })
                if *waiting == ticket
        )
    });
    let Some(at) = at else {
        return false;
    };
    match (result, &mut model.overlays[at]) {
        (Err(fault), Overlay::Plan(view)) => view.state = State::Refused(fault.clone().into()),
        _ => model.overlays.truncate(at),
    }
    true
}
