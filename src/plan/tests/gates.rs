//! Gates: closed, unknown, passed on purpose.

use super::*;

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
