//! Servers as they are: each works as the plainest one does, or is refused at planning in words that
//! help. Through the program itself, over real ssh, on real Engines.

mod directories;
mod neighbours;
mod refused;
mod shared;
mod site;
mod versions;
mod ways;
