//! The tests that need more than one function. One binary, because linking costs more than running.

mod runner;
