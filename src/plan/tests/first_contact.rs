//! A server of which nothing is recorded.

use super::*;

#[test]
fn first_contact_offers_what_lies_on_the_server() {
    let mut world = World::new();
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault.remedy.contains("never recorded healthy here"),
        "{fault}"
    );
    let deed = Deed::Rollback {
        to: RollbackTo::Image {
            service: of("backend"),
            image: image_id(3),
        },
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    let plan = world.plan(deed).unwrap();
    assert_eq!(plan.after.label(), "v3");
    assert!(warns(&plan, "never recorded healthy here"));
}

#[test]
fn adopting_changes_nothing_and_asks_for_no_word() {
    let plan = World::new().plan(Deed::Adopt).unwrap();
    assert_eq!(ids(&plan.forward), ["snapshot", "keep-backend", "observe"]);
    assert!(plan.forward.iter().all(|step| !step.changes));
    assert_eq!(plan.confirm, None);
}
