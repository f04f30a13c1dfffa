//! The tests that need more than one function: whole journeys through a pseudo-terminal, in the
//! embedded and in the real world. One binary, because linking costs more than running.

mod support;

mod cli;
mod connection;
mod demo;
mod hostile;
mod house;
mod journeys;
mod matrix;
mod real_world;
mod runner;
mod servers;
mod steps;
mod terminal;
