//! Journals, ledgers, plans and claims as a server holds them. However a journal is cut on its way, it
//! says the same.
#![no_main]

use flightdeck::{
    release::{
        operation::{Claim, End},
        plan::Plan,
    },
    target::compose::script::{JournalLines, read_ledger},
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut whole = JournalLines::new();
    let lines = whole.push(bytes);
    if bytes.len() < 4096 {
        let mut cut = JournalLines::new();
        let again: Vec<_> = bytes.chunks(7).flat_map(|piece| cut.push(piece)).collect();
        assert_eq!(lines, again);
        assert_eq!(whole.damaged(), cut.damaged());
    }
    for record in read_ledger(bytes).records {
        let text = serde_json::to_string(&record).expect("a record that was read can be written");
        assert_eq!(read_ledger(text.as_bytes()).records, [record]);
    }
    let _ = serde_json::from_slice::<Plan>(bytes);
    let _ = serde_json::from_slice::<Claim>(bytes);
    let _ = serde_json::from_slice::<End>(bytes);
});
