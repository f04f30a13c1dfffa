//! Nothing is planned over what a newer flightdeck has written.

use super::*;

#[test]
fn what_a_newer_flightdeck_has_written_is_refused_with_which_file_who_and_since_when() {
    let claim = |v: u32| {
        format!(
            "{{\"v\":{v},\"kind\":\"canary\",\"operator\":\"jo\",\"origin\":\"desk\",\"boot\":\"b\",\"at\":1790000000}}\n"
        )
    };
    for server in servers() {
        let refusal = || server.survey(promote(2)).unwrap_err();
        let who = "by jo from desk since 2026-09-21 14:13Z";
        server.lay(".flightdeck/shop/claims/000007", &claim(2));
        let fault = refusal();
        assert_eq!(fault.kind, FaultKind::Conflict);
        assert_eq!(
            &*fault.message,
            format!("operation 000007 was written by a newer flightdeck: its claim, canary {who}")
        );
        assert!(fault.remedy.contains("update this flightdeck"), "{fault}");

        server.lay(".flightdeck/shop/claims/000007", &claim(1));
        let plan = ".flightdeck/shop/operations/000007/plan.json";
        server.lay(plan, "{\"v\":2,\"forward\":\"a graph\"}\n");
        let fault = refusal();
        assert!(fault.message.contains("its plan, canary by jo"), "{fault}");

        server.lay(plan, "{\"v\":1}\n");
        let end = ".flightdeck/shop/operations/000007/end.json";
        server.lay(end, "{\"v\":1,\"outcome\":\"succeeded\"}\n");
        server.lay(
            ".flightdeck/shop/ledger.jsonl",
            "{\"v\":2,\"operation\":8}\n",
        );
        let fault = refusal();
        assert_eq!(
            &*fault.message,
            "the ledger was written by a newer flightdeck: operation 000008"
        );
    }
}
