//! Ledgers of two services, and what they say of a release.

use super::*;
use crate::{
    plan::fixture::{digest, of, record, release},
    release::record::ServiceRelease,
};

/// A version of the backend with one of the frontend.
fn pair(backend: u8, frontend: u8) -> Release {
    let service = ServiceRelease {
        repository: of("ghcr.io/acme/shop-frontend"),
        tag: Some(of(&format!("f{frontend}"))),
        digest: Some(digest(frontend + 100)),
        image_id: None,
        revision: None,
    };
    let mut pair = release(backend);
    pair.services.insert(of("frontend"), service);
    pair
}

fn only(release: &Release, service: &str) -> Release {
    let mut release = release.clone();
    release.services.retain(|name, _| name.as_str() == service);
    release
}

/// Numbered from 1, each from where the one before it ended.
#[derive(Default)]
struct Told(Vec<Record>);

impl Told {
    fn and(mut self, kind: PlanKind, to: (u8, u8), outcome: Outcome, step: &str) -> Self {
        let runs = self.0.last().and_then(reached);
        let number = self.0.len() as u64 + 1;
        let mut next = record(number, kind, 1, 1, outcome);
        next.before = runs.unwrap_or_else(|| pair(1, 1));
        next.after = pair(to.0, to.1);
        next.step = (outcome != Outcome::Succeeded).then(|| step.to_owned());
        self.0.push(next);
        self
    }

    fn promoted(self, backend: u8, frontend: u8) -> Self {
        self.and(
            PlanKind::Promote,
            (backend, frontend),
            Outcome::Succeeded,
            "",
        )
    }

    fn rolled_back(self, backend: u8, frontend: u8) -> Self {
        self.and(
            PlanKind::Rollback,
            (backend, frontend),
            Outcome::Succeeded,
            "",
        )
    }

    fn failed(self, backend: u8, frontend: u8, step: &str) -> Self {
        self.and(
            PlanKind::Promote,
            (backend, frontend),
            Outcome::WentBack,
            step,
        )
    }

    fn marked(mut self, bad: Release) -> Self {
        let runs = self.0.last().and_then(reached).unwrap();
        let mut mark = record(
            self.0.len() as u64 + 1,
            PlanKind::MarkBad,
            1,
            1,
            Outcome::Succeeded,
        );
        (mark.before, mark.after) = (runs, bad);
        self.0.push(mark);
        self
    }

    /// The releases that a rollback may return to, with what runs.
    fn healthy(&self) -> Vec<String> {
        let proven = healthy(&self.0).into_iter();
        proven.map(|proven| proven.release.label()).collect()
    }

    fn past(&self, release: &Release) -> Vec<String> {
        past(&self.0, release)
    }
}

#[test]
fn what_a_rollback_left_is_bad_beside_whatever_it_ran() {
    let told = Told::default()
        .promoted(1, 1)
        .promoted(2, 1)
        .promoted(2, 2)
        .rolled_back(1, 2);
    // Backend 2 was left; frontend 2 stayed, and is as good as it was.
    assert_eq!(
        told.healthy(),
        ["backend v1, frontend f2", "backend v1, frontend f1"]
    );
    assert_eq!(
        told.past(&pair(2, 1)),
        ["backend v2 was rolled back from by mira, operation 000004"]
    );
    // That the frontend is promoted beside another backend says nothing of backend 2.
    let told = told.promoted(1, 3);
    assert!(!told.healthy().iter().any(|label| label.contains("v2")));
    // Whoever promotes it again, and it holds, has judged anew.
    let told = told.promoted(2, 3).promoted(3, 3);
    assert_eq!(told.healthy()[1], "backend v2, frontend f3");
    assert!(told.past(&pair(2, 1)).is_empty());
}

#[test]
fn a_rollback_that_is_stuck_has_left_one_image_and_failed_with_another() {
    let mut told = Told::default()
        .promoted(1, 1)
        .promoted(2, 1)
        .promoted(3, 1)
        .and(PlanKind::Rollback, (2, 1), Outcome::Stuck, "verify-health");
    // Neither what it left nor what did not hold: a second one goes further back.
    assert_eq!(told.healthy(), ["backend v1, frontend f1"]);
    assert_eq!(
        told.past(&pair(3, 1)),
        ["backend v3 was rolled back from by mira, operation 000004"]
    );
    assert_eq!(
        told.past(&pair(2, 1)),
        ["backend v2 failed here at verify-health, operation 000004"]
    );
    // Whoever takes it back has not left it after all, through however many tries.
    let mut taken_back = Told(told.0.clone())
        .and(PlanKind::Rollback, (2, 1), Outcome::Stuck, "restart")
        .and(PlanKind::Rollback, (2, 1), Outcome::WentBack, "restart");
    for (at, recovered) in [(4, 4), (5, 5)] {
        taken_back.0[at].before = pair(3, 1);
        taken_back.0[at].recovers = Some(OperationId(recovered));
    }
    assert_eq!(taken_back.healthy()[0], "backend v3, frontend f1");
    assert!(taken_back.past(&pair(3, 1)).is_empty());

    // What stopped before it had changed anything has left nothing.
    let changed = ("changed".to_owned(), false.into());
    told.0[3].other.extend([changed]);
    told.0[3].step = Some("basis".to_owned());
    assert!(
        told.healthy()
            .contains(&"backend v3, frontend f1".to_owned())
    );
}

#[test]
fn a_failure_blames_what_was_brought_and_only_that() {
    let told = Told::default()
        .promoted(1, 1)
        .promoted(1, 2)
        .failed(2, 2, "verify-health");
    assert_eq!(
        told.healthy(),
        ["backend v1, frontend f2", "backend v1, frontend f1"]
    );
    let words = ["backend v2 failed here at verify-health, operation 000003"];
    // Alone, and beside another frontend than it failed with.
    assert_eq!(told.past(&only(&pair(2, 2), "backend")), words);
    assert_eq!(told.past(&pair(2, 1)), words);

    // Both were brought, and who is to blame was not seen: neither is a place to go back to until it is
    // seen healthy.
    let told = Told::default()
        .promoted(1, 2)
        .promoted(1, 1)
        .failed(2, 2, "switch-2");
    assert_eq!(told.healthy(), ["backend v1, frontend f1"]);
    assert_eq!(
        told.past(&pair(2, 2)),
        ["backend v2, frontend f2 failed here at switch-2, operation 000003"]
    );
    let told = told.promoted(1, 2);
    assert_eq!(told.healthy()[0], "backend v1, frontend f2");

    // A service that is rolled is rolled by itself.
    let told = Told::default()
        .promoted(1, 2)
        .promoted(1, 1)
        .failed(2, 2, "roll-backend");
    assert!(
        told.healthy()
            .contains(&"backend v1, frontend f2".to_owned())
    );
}

#[test]
fn a_mark_is_not_refuted_by_what_is_promoted_beside_it() {
    let told = Told::default()
        .promoted(1, 1)
        .promoted(2, 1)
        .marked(only(&pair(2, 1), "backend"))
        .promoted(2, 2);
    assert_eq!(told.healthy(), ["backend v1, frontend f1"]);
    assert_eq!(
        told.past(&pair(2, 2)),
        ["backend v2 was marked bad by mira, operation 000003"]
    );
    // Nor by an adoption, which only finds what runs.
    let told = told.and(PlanKind::Adopt, (2, 2), Outcome::Succeeded, "");
    assert_eq!(told.healthy(), ["backend v1, frontend f1"]);
    // Left too: the mark says more.
    let told = told.rolled_back(1, 2);
    assert_eq!(
        told.past(&pair(2, 2)),
        ["backend v2 was marked bad by mira, operation 000003"]
    );
}

#[test]
fn a_failure_is_refuted_by_the_sight_of_its_health() {
    let mut told = Told::default()
        .promoted(1, 1)
        .and(PlanKind::Promote, (2, 1), Outcome::Stuck, "verify-health")
        .promoted(3, 1);
    told.0[2].before = pair(2, 1);
    let seen = "before_healthy".to_owned();
    assert!(!told.healthy().iter().any(|label| label.contains("v2")));
    told.0[2].results.insert(seen, "yes".to_owned());
    assert_eq!(told.healthy()[1], "backend v2, frontend f1");
}

#[test]
fn what_was_left_and_brought_anew_is_good_once_it_was_seen_to_hold() {
    let brought = |found: &str, said: &str| {
        let mut told = Told::default()
            .promoted(2, 1)
            .rolled_back(1, 1)
            .promoted(2, 1);
        let anew = told.0.last_mut().unwrap();
        anew.results.insert(found.to_owned(), said.to_owned());
        told
    };
    let is_bad = |told: &Told| !bad(&told.0, &pair(2, 1)).is_empty();
    // The Engine was restarted just as it was to be observed.
    let starting = brought("healthy", "no");
    assert!(is_bad(&starting));
    assert!(!is_bad(&starting.failed(3, 1, "switch")));
    // What was not asked is not answered by its health.
    let unasked = brought("not_verified", "front door").failed(3, 1, "switch");
    assert!(is_bad(&unasked));
    // Nor is it, once it was left again.
    let again = brought("healthy", "no")
        .failed(3, 1, "switch")
        .rolled_back(1, 1);
    assert!(is_bad(&again));
}

#[test]
fn a_past_without_health_is_told_as_it_was() {
    let mut told = Told::default().promoted(1, 1).promoted(2, 2);
    assert_eq!(
        told.past(&pair(2, 1)),
        ["backend v2, frontend f1 were each recorded healthy here, but never together"]
    );
    assert_eq!(
        told.past(&only(&pair(2, 1), "backend")),
        Vec::<String>::new()
    );
    assert_eq!(
        told.past(&pair(3, 1)),
        ["backend v3 was never recorded healthy here"]
    );
    told.0[1]
        .results
        .insert("not_verified".to_owned(), "status".to_owned());
    assert_eq!(
        told.past(&pair(2, 1)),
        ["backend v2 was released here, but not seen healthy"]
    );
}

#[test]
fn a_release_has_the_number_of_the_operation_that_brought_it() {
    let told = Told::default()
        .promoted(1, 1)
        .promoted(2, 1)
        .failed(3, 1, "switch")
        .promoted(3, 2)
        .rolled_back(2, 1);
    let proven = healthy(&told.0);
    let numbered: Vec<(String, String)> = proven
        .iter()
        .map(|proven| (proven.release.label(), proven.words()))
        .collect();
    // Operation 5 brought it again; operation 3 only found it and came back to it.
    assert_eq!(
        numbered,
        [
            (
                "backend v2, frontend f1".to_owned(),
                "operation 000005".to_owned()
            ),
            (
                "backend v1, frontend f1".to_owned(),
                "operation 000001".to_owned()
            ),
        ]
    );
    for proven in &proven {
        let named = told
            .0
            .iter()
            .find(|record| Some(record.operation) == proven.operation);
        assert!(is_same(&reached(named.unwrap()).unwrap(), &proven.release));
    }

    // Nothing brought what was only found.
    let mut told = Told::default().promoted(2, 1);
    let seen = "before_healthy".to_owned();
    told.0[0].results.insert(seen, "yes".to_owned());
    assert_eq!(
        healthy(&told.0)[1].words(),
        "what ran before operation 000001"
    );
}
