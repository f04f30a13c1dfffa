//! A registry in this process, and what the catalogue makes of it.
