//! The tasks that bring facts.
