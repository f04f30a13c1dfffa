//! Hooks in plans.

use super::*;

const HOOKS: &str = "[[environments.production.hooks]]\nname = \"freeze\"\nwhen = \"before\"\n\
                     command = \"./freeze\"\n\
                     [[environments.production.hooks]]\nwhen = \"after\"\nwebhook = { env = \"HOOK\" }\n";

#[test]
fn hooks_run_before_anything_changes_and_once_it_is_over() {
    let mut world = World::with(HOOKS);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(
        fault.message.contains("neither curl nor GNU wget"),
        "{fault}"
    );
    world.survey.means.curl = true;
    let plan = world.plan(promote(2)).unwrap();
    let at = |id: &str| ids(&plan.forward).iter().position(|other| *other == id);
    assert!(
        at("pull-backend") < at("hook-1"),
        "{:?}",
        ids(&plan.forward)
    );
    assert_eq!(at("hook-1").map(|at| at + 1), at("pin"));
    assert_eq!(ids(&plan.closing), ["hook-2"]);
    assert!(!ids(&plan.back).iter().any(|id| id.starts_with("hook")));
    let failure = |step: Option<&Step>| step.map(|step| step.failure);
    let before = plan.forward.iter().find(|step| step.id == "hook-1");
    assert_eq!(failure(before), Some(OnStepFailure::Stops));
    assert_eq!(failure(plan.closing.first()), Some(OnStepFailure::Reported));
    // Adopting changes nothing, and is no deed that hooks are tied to unless they say so.
    let adoption = world.plan(Deed::Adopt).unwrap();
    assert_eq!(adoption.closing.len(), 0);
}

#[test]
fn no_hook_and_no_check_stops_a_rollback() {
    let check =
        "[[environments.production.checks]]\nname = \"status\"\nhttp = \"http://localhost/\"\n";
    let mut world = World::with(&format!("{HOOKS}{check}"));
    world.runs(2);
    world.records(vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
    let plan = world.plan(rollback()).unwrap();
    let before = plan.forward.iter().find(|step| step.id == "hook-1");
    assert_eq!(
        before.map(|step| step.failure),
        Some(OnStepFailure::Reported)
    );
    // What cannot be asked or told is left out, and the plan says so.
    assert!(!ids(&plan.forward).contains(&"verify-check-1"));
    assert_eq!(plan.closing.len(), 0);
    for left_out in ["\"status\"", "\"webhook\""] {
        let said = |warning: &String| warning.contains("left out") && warning.contains(left_out);
        assert!(plan.warnings.iter().any(said), "{:?}", plan.warnings);
    }
}
