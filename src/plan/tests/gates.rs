//! Gates: closed, unknown, passed on purpose.

use super::*;
use crate::plan::FaultKind;

#[test]
fn an_override_of_no_gate_is_refused_and_a_lock_may_have_ended() {
    let mut world = World::new();
    let mut request = world.request(promote(2));
    request.overrides = vec!["lock".to_owned()];
    world.plan_for(&request).unwrap();
    request.overrides = vec!["cl".to_owned()];
    let fault = world.plan_for(&request).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Invalid);
    assert!(
        fault.message.contains("\"cl\" is to be overridden"),
        "{fault}"
    );
}

#[test]
fn a_gate_that_cannot_be_told_is_closed_and_can_be_passed_by_name() {
    let mut world = World::with("gates = [\"ci\"]\n");
    world.gates.runs = Err("GitHub is unreachable".to_owned());
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!(plan.gates[0].verdict, Verdict::Unknown);
    assert_eq!(plan.closed_gates().count(), 1);

    let mut request = world.request(promote(2));
    request.overrides = vec!["ci".to_owned()];
    let plan = world.plan_for(&request).unwrap();
    assert_eq!(plan.closed_gates().count(), 0);
    assert!(plan.gates[0].overridden);
}

#[test]
fn a_version_has_to_run_long_enough_elsewhere() {
    let staging = "gates = [{ healthy_in = \"staging\", for = \"1h\" }]\n\
                   [environments.staging]\nhost = \"staging\"\ndirectory = \"/srv/shop\"\nservices = [\"backend\"]\n";
    let mut world = World::with(staging);
    let mut there = World::new();
    there.runs(2);
    let containers = |world: &World| -> Containers { world.survey.containers.clone() };
    world.gates.environments = [(of("staging"), containers(&there))].into();
    let verdict = |world: &mut World| world.plan(promote(2)).unwrap().gates[0].verdict;
    assert_eq!(verdict(&mut world), Verdict::Passed);

    there.container("backend").started = Some(world.gates.now);
    world.gates.environments = [(of("staging"), containers(&there))].into();
    assert_eq!(verdict(&mut world), Verdict::Failed);

    world.gates.environments.clear();
    assert_eq!(verdict(&mut world), Verdict::Unknown);
}
