//! The scripts that run on servers, under each shell that a server may have as `sh`: dash, busybox and
//! bash. No docker: the steps are small scripts of the tests' own.

mod begin;
mod claim;
mod direction;
mod faults;
mod follow;
pub mod hostile;
mod ledger;
mod lock;
mod logind;
pub mod operation;
mod race;
mod recover;
mod tail;
mod travel;
pub mod world;

/// One test a shell, each in a world of its own; skipped with words where that shell is missing.
macro_rules! under_each_shell {
    ($($(#[$about:meta])* fn $name:ident($world:ident) $body:block)*) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "a test may need nothing of its parent")]
                use super::*;
                fn run($world: &crate::runner::world::World) $body
                $(#[$about])* #[test]
                fn dash() {
                    crate::runner::world::World::with("dash", run);
                }
                $(#[$about])* #[test]
                fn busybox() {
                    crate::runner::world::World::with("busybox", run);
                }
                $(#[$about])* #[test]
                fn bash() {
                    crate::runner::world::World::with("bash", run);
                }
            }
        )*
    };
}
pub(crate) use under_each_shell;
