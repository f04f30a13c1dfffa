//! The keys that begin a deed: each opens a plan, and changes nothing by itself.

use std::collections::BTreeMap;

use crate::{
    cockpit::{
        model::{Effect, Model},
        overlays::{Overlay, chooser::Chooser, lock::Lock, message::Message, plan, recover},
        panes::{environments, nothing, versions},
    },
    fleet::join::Condition,
    release::{
        EnvironmentName, Repository,
        operation::OperationId,
        plan::{
            CLEAN_UP_KEEP, CLEAN_UP_OLDER_THAN, ChosenVersion, Deed, MarkedRelease, Request,
            RollbackTo, SchemaChoice,
        },
    },
};

fn request(environment: EnvironmentName, deed: Deed) -> Request {
    Request {
        environment,
        deed,
        reason: String::new(),
        overrides: Vec::new(),
    }
}

/// `p`: the version under pane 2's cursor to the environment under pane 1's.
pub fn promote(model: &mut Model) -> Vec<Effect> {
    let Some(environment) = environments::chosen(model) else {
        model.complain("the configuration has no environment");
        return nothing();
    };
    match versions::promoted(model, environment) {
        Ok(versions) => {
            let deed = Deed::Promote {
                versions,
                migrate: environment.migration.is_some(),
            };
            let request = request(environment.name.clone(), deed);
            plan::open(model, request)
        }
        Err(reason) => {
            model.complain(reason);
            nothing()
        }
    }
}

/// `m`: the schema of the environment under the cursor, with what runs there or with marked versions.
pub fn migrate(model: &mut Model) -> Vec<Effect> {
    let Some(environment) = environments::chosen(model) else {
        return nothing();
    };
    let name = environment.name.clone();
    if environment.migration.is_none() {
        model.complain(format!("no migration is configured for {name}"));
        return nothing();
    }
    let marked: &BTreeMap<Repository, versions::Pick> = &model.versions.marks;
    let versions: Result<BTreeMap<_, ChosenVersion>, String> = if marked.is_empty() {
        Ok(BTreeMap::new())
    } else {
        versions::promoted(model, environment)
    };
    match versions {
        Ok(versions) => {
            let request = request(name, Deed::Migrate { versions, to: None });
            plan::open(model, request)
        }
        Err(reason) => {
            model.complain(reason);
            nothing()
        }
    }
}

/// `C`: the server of the environment under the cursor.
pub fn clean_up(model: &mut Model) -> Vec<Effect> {
    let deed = Deed::CleanUp {
        keep: CLEAN_UP_KEEP,
        older_than: CLEAN_UP_OLDER_THAN,
    };
    match environments::chosen(model).map(|e| e.name.clone()) {
        Some(name) => plan::open(model, request(name, deed)),
        None => nothing(),
    }
}

/// Brings back the backup that an operation made.
pub fn restore(model: &mut Model, name: EnvironmentName, operation: OperationId) -> Vec<Effect> {
    let deed = Deed::Restore {
        operation: Some(operation),
    };
    plan::open(model, request(name, deed))
}

/// `A`: what runs in the environment under the cursor is recorded.
pub fn adopt(model: &mut Model) -> Vec<Effect> {
    match environments::chosen(model).map(|e| e.name.clone()) {
        Some(name) => plan::open(model, request(name, Deed::Adopt)),
        None => nothing(),
    }
}

/// `r`: the environment under the cursor.
pub fn roll_back(model: &mut Model) -> Vec<Effect> {
    match environments::chosen(model).map(|e| e.name.clone()) {
        Some(name) => roll_back_or_recover(model, &name),
        None => nothing(),
    }
}

/// `!`: the environment under the cursor; a choice, if another one is unwell.
pub fn emergency(model: &mut Model) -> Vec<Effect> {
    let Some(chosen) = environments::chosen(model).map(|e| e.name.clone()) else {
        return nothing();
    };
    let unwell = environments::most_important(model)
        .into_iter()
        .find(|(environment, condition)| {
            environment.name != chosen && *condition == Condition::Unwell
        })
        .map(|(environment, _)| environment.name.clone());
    match unwell {
        Some(other) => {
            model.overlays.retain(|o| matches!(o, Overlay::Question(_)));
            let chooser = Chooser::of(vec![chosen, other]);
            model.overlays.insert(0, Overlay::Chooser(chooser));
            nothing()
        }
        None => roll_back_or_recover(model, &chosen),
    }
}

/// `u`: what is to become of the last operation in the environment under the cursor.
pub fn recover(model: &mut Model) -> Vec<Effect> {
    let Some(name) = environments::chosen(model).map(|e| e.name.clone()) else {
        return nothing();
    };
    if says_newer(model, &name) {
        return nothing();
    }
    if !recover::open(model, &name) {
        nothing_to_recover(model, &name);
    }
    nothing()
}

/// Says that there is no operation of which anything could become.
pub fn nothing_to_recover(model: &mut Model, name: &EnvironmentName) {
    // What was started from here is followed before the server's files tell of it.
    let begun = model
        .operations
        .open()
        .filter(|followed| followed.environment == *name && followed.end.is_none())
        .map(|followed| followed.id);
    model.complain(match begun {
        Some(id) => format!("{id} has just begun on {name}: once more in a moment"),
        None => format!("no operation is under way on {name}, and none waits to be recovered"),
    });
}

/// Says what a newer flightdeck has written there, over which nothing can be done; false if nothing is known
/// of that.
fn says_newer(model: &mut Model, name: &EnvironmentName) -> bool {
    let facts = model.fleet.environment(name);
    let Some(fault) = facts.and_then(|facts| Some(facts.newer()?.fault(name.as_str()))) else {
        return false;
    };
    let message = Message::of(format!("Nothing can be done on {name} from here"), &fault);
    model.overlays.push(Overlay::Message(message));
    true
}

/// `K`: a lock by hand for the environment under the cursor, or the end of the one that stands.
pub fn lock(model: &mut Model) -> Vec<Effect> {
    if let Some(name) = environments::chosen(model).map(|e| e.name.clone())
        && !says_newer(model, &name)
    {
        let lock = Lock::of(model, &name);
        model.overlays.push(Overlay::Lock(lock));
    }
    nothing()
}

/// `X` on an operation: no rollback returns by default to the release that it brought.
pub fn mark_bad(model: &mut Model, name: EnvironmentName, operation: OperationId) -> Vec<Effect> {
    let deed = Deed::MarkBad {
        release: MarkedRelease::Operation(operation),
    };
    plan::open(model, request(name, deed))
}

/// A plan that rolls an environment back; where an operation runs or was interrupted, the choice of
/// what is to become of that.
pub fn roll_back_or_recover(model: &mut Model, name: &EnvironmentName) -> Vec<Effect> {
    let under_way = model
        .fleet
        .environment(name)
        .and_then(|facts| facts.operation())
        .filter(|operation| operation.end.is_none())
        // The end that is on the screen, its own or its recovery's, may be told before the
        // environment's own files tell it.
        .filter(|operation| {
            let followed = model.operations.open();
            !followed.is_some_and(|followed| {
                followed.environment == *name
                    && followed.id >= operation.id
                    && followed.end.is_some()
            })
        });
    if under_way.is_some() && recover::open(model, name) {
        return nothing();
    }
    roll_back_to_last_healthy(model, name.clone())
}

/// A plan that rolls an environment back, over whatever was interrupted there.
pub fn roll_back_to_last_healthy(model: &mut Model, name: EnvironmentName) -> Vec<Effect> {
    let deed = Deed::Rollback {
        to: RollbackTo::LastHealthy,
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    plan::open(model, request(name, deed))
}
