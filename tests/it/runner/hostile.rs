//! What people type, through the shell into claims and ledgers and back: byte for byte what was meant.

use std::collections::BTreeSet;

use flightdeck::{
    release::{operation::OperationId, plan::Plan},
    target::compose::script::{Folder, Scripts},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;

use super::{under_each_shell, world::World};

/// An operation without steps, by somebody, for some reason.
fn folder(operator: &str, reason: &str) -> Folder {
    let plan: Plan = serde_json::from_value(json!({
        "v": 1, "kind": "adopt", "environment": "production", "operator": operator, "origin": reason,
        "reason": reason, "basis": { "images": {}, "files": {} }, "before": { "services": {} }, "after": { "services": {} },
        "gates": [], "warnings": [], "forward": [], "back": [], "on_failure": "stay", "confirm": null,
    }))
    .expect("a plan");
    Folder::for_plan(&plan, &Scripts::default(), &BTreeSet::new()).expect("a folder")
}

fn arrives(world: &World, operator: &str, reason: &str) {
    let id = world.started(&folder(operator, reason)).id;
    world.tail(id).end();
    let claim = world.claim(id);
    assert_eq!(
        (&claim["operator"], &claim["origin"]),
        (&json!(operator), &json!(reason))
    );
    let records = world.records();
    let record = records
        .iter()
        .find(|record| record.operation == id)
        .expect("a line in the ledger");
    assert_eq!(
        (record.operator.as_str(), record.reason.as_str()),
        (operator, reason)
    );
}

under_each_shell! {
    fn whatever_is_typed_stands_in_claim_and_ledger(world) {
        let looks_like_ours = r#"","nonce":"x","pid":1,"kind":"lock","boot":"","over":999,"at":0}"#;
        for text in [looks_like_ours, "\\", "%s\\n\\0", "-n", "$(touch x)`touch x`", "a\nb\r\u{7f}\u{202e}"] {
            arrives(world, text, text);
        }
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let config = Config { cases: 6, failure_persistence: None, ..Config::default() };
        let some = || {
            let text = prop_oneof![any::<u8>().prop_map(|byte| char::from(byte % 128)), any::<char>()];
            prop::collection::vec(text, 0..60).prop_map(|chars| chars.into_iter().collect::<String>())
        };
        TestRunner::new_with_rng(config, random)
            .run(&(some(), some()), |(operator, reason)| {
                arrives(world, &operator, &reason);
                Ok(())
            })
            .expect("every text arrives");
        assert!(!world.root.join("x").exists() && !world.folder(OperationId(1)).join("x").exists());
    }
}
