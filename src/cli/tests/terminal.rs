//! What commands do where somebody sits who can be asked.

use super::*;
use crate::release::{
    plan::{Deed, MarkedRelease, RollbackTo},
    recovery::{Recovery, StoppedStep},
};

#[tokio::test]
async fn every_deed_goes_on_in_the_cockpit_with_what_was_said() {
    let deed = async |line: &str| {
        let line = format!("flightdeck {line}");
        match run_with(unreachable(), unreachable(), &line, true).await {
            (printed, Ok(Next::Plan(request))) => {
                assert_eq!((&*printed, &*request.reason), ("", "why"), "{line}");
                request.deed
            }
            (printed, ended) => panic!("{line}: {ended:?}, {printed}"),
        }
    };
    assert!(matches!(
        deed("rollback production --to 4 --with-files --reason why").await,
        Deed::Rollback {
            to: RollbackTo::Operation(OperationId(4)),
            files: true,
            ..
        }
    ));
    assert!(matches!(
        deed("migrate production --to ha2 --reason why").await,
        Deed::Migrate { to: Some(to), .. } if to == "ha2"
    ));
    assert!(matches!(
        deed("restore production 4 --reason why").await,
        Deed::Restore {
            operation: Some(OperationId(4))
        }
    ));
    assert!(matches!(
        deed("clean-up production --keep 9 --reason why").await,
        Deed::CleanUp { keep: 9, .. }
    ));
    assert!(matches!(
        deed("mark-bad production --running --reason why").await,
        Deed::MarkBad {
            release: MarkedRelease::Running
        }
    ));
    assert_eq!(deed("adopt production --reason why").await, Deed::Adopt);
}

#[tokio::test]
async fn every_recovery_goes_on_in_the_cockpit_with_what_was_said() {
    for (how, recovery) in [
        ("resume", Recovery::Resume),
        ("back", Recovery::Back),
        ("abandon", Recovery::Abandon),
        ("cancel", Recovery::Cancel),
    ] {
        let line = format!("flightdeck recover production {how} --skip --seen-dead --reason why");
        let (printed, ended) = run_with(unreachable(), unreachable(), &line, true).await;
        let Ok(Next::Recovery(wish)) = ended else {
            panic!("{line}: {ended:?}");
        };
        assert_eq!(printed, "");
        assert_eq!(
            wish,
            RecoveryWish {
                environment: "production".parse().unwrap(),
                recovery,
                stopped_step: StoppedStep::Skip,
                seen_dead: true,
                reason: "why".to_owned(),
            }
        );
    }
}

#[tokio::test]
async fn a_lock_is_made_at_once_wherever_it_is_asked_for() {
    for terminal in [true, false] {
        let line = "flightdeck lock production maintenance";
        let (printed, ended) = run_with(well(V1), well(V2), line, terminal).await;
        assert!(
            printed.starts_with("production is locked, 000008"),
            "{printed}"
        );
        assert_eq!(exit(ended), Exit::Ok);
    }
}
