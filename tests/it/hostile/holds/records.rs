//! Journals, ledgers, plans and claims as a server holds them. However a journal is cut on its way, it
//! says the same; a damaged line of a ledger takes no other line with it, and has a place.

use flightdeck::{
    release::{
        operation::{Claim, End, JournalLine, OperationId},
        plan::Plan,
    },
    target::compose::script::{JournalLines, LedgerShape, read_ledger},
};

use super::assert_clean;

const SOUND: &[u8] = br#"{"v":1,"environment":"production","kind":"promote","operator":"mira","origin":"laptop","before":{"services":{}},"after":{"services":{}},"operation":4242,"started":1,"ended":2,"outcome":"succeeded"}"#;

pub fn records(bytes: &[u8]) {
    let whole = journal(bytes, bytes.len().max(1));
    for piece in [1, 7, 80] {
        assert_eq!(journal(bytes, piece), whole, "in pieces of {piece}");
    }
    ledger(bytes);
    shape(bytes);
    let _ = serde_json::from_slice::<Plan>(bytes);
    let _ = serde_json::from_slice::<Claim>(bytes);
    let _ = serde_json::from_slice::<End>(bytes);
}

/// The lines of a journal that comes in pieces, and how many were damaged.
fn journal(bytes: &[u8], piece: usize) -> (Vec<JournalLine>, usize) {
    let mut lines = JournalLines::new();
    let read = bytes
        .chunks(piece)
        .flat_map(|piece| lines.push(piece))
        .collect();
    (read, lines.damaged())
}

/// Whatever the server says of a ledger's lines, what was read stays, and no damage of it is lost.
fn shape(bytes: &[u8]) {
    let told = LedgerShape::read(bytes);
    for newest_alone in [false, true] {
        let read = read_ledger(bytes);
        let whole = told.complete(read.clone(), newest_alone);
        assert_eq!(whole.records, read.records);
        assert!(whole.damaged >= read.damaged && whole.damaged >= whole.damaged_at.len());
        assert!(
            whole
                .damaged_at
                .iter()
                .all(|place| place.file.starts_with("ledger."))
        );
        assert_clean(&whole.set_aside());
    }
}

fn ledger(bytes: &[u8]) {
    let read = read_ledger(bytes).records;
    let mut again = Vec::new();
    for record in &read {
        serde_json::to_writer(&mut again, record).expect("a record that was read can be written");
        again.push(b'\n');
    }
    assert_eq!(read_ledger(&again).records, read);

    let sound = read_ledger(SOUND).records;
    let grown = read_ledger(&[bytes, b"\n", SOUND, b"\n"].concat()).records;
    let found = grown
        .iter()
        .find(|record| record.operation == OperationId(4242));
    assert_eq!(found, sound.first());
}
