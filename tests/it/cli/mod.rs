//! The command line as a script sees it: what it prints, where, and its exit codes.

mod configuration;
