//! The database schema of each project, as Alembic sees it: one line of revisions.

/// The revisions, oldest first, each with what it says of itself.
pub const REVISIONS: [(&str, &str); 4] = [
    ("7d1c0a2b9e44", "orders"),
    ("a1f30c5d7e21", "orders have a customer"),
    ("b4e8d2917c60", "customers have an address"),
    ("c9e2b4a86f13", "orders have a price"),
];

/// The position of `revision` in the line; abbreviations of four digits and more will do.
pub fn position(revision: &str) -> Option<usize> {
    REVISIONS
        .iter()
        .position(|(id, _)| *id == revision || (revision.len() >= 4 && id.starts_with(revision)))
}
