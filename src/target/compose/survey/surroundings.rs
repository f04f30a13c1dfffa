//! What lies round a project: room on the disks, and other projects in its directory.

use std::collections::BTreeMap;

use super::{frames::Part, read::lines};
use crate::{
    config::{Environment, Target},
    release::text::clean,
};

/// Below this the directory of a project is nearly full, in KiB: an operation writes some files there.
const LITTLE_IN_DIRECTORY: u64 = 100 << 10;
/// Below this the Engine's disk is, in KiB: an image has to fit, and what containers write.
const LITTLE_FOR_ENGINE: u64 = 2 << 20;

/// What an operator should know of them. What could not be told is not worth a word here: room is
/// looked for by courtesy.
pub(super) fn warnings(environment: &Environment, parts: &BTreeMap<String, Part>) -> Vec<String> {
    let Target::Compose(compose) = &environment.target;
    let Some(part) = parts.get("surroundings") else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    for line in lines(part) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("room"), Some(room), None) => {
                let room = room.parse().unwrap_or(u64::MAX);
                if room < LITTLE_IN_DIRECTORY {
                    warnings.push(format!(
                        "the disk of {} is nearly full: {} left",
                        compose.directory,
                        size(room)
                    ));
                }
            }
            (Some("engine-room"), Some(room), None) => {
                let room = room.parse().unwrap_or(u64::MAX);
                if room < LITTLE_FOR_ENGINE {
                    warnings.push(format!(
                        "the Engine's disk is nearly full: {} left for images and containers",
                        size(room)
                    ));
                }
            }
            (Some("neighbour"), Some(project), Some(variable)) => warnings.push(format!(
                "the project {} in the same directory takes its version from {} too: its next \
                 `docker compose up` follows this pin",
                clean(project),
                clean(variable)
            )),
            _ => {}
        }
    }
    warnings
}

fn size(kib: u64) -> String {
    if kib < 1 << 20 {
        format!("{} MiB", kib >> 10)
    } else {
        format!("{:.1} GiB", kib as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    #[test]
    fn little_room_and_neighbours_are_told_and_plenty_is_not() {
        let told = |text: &str| {
            let part = Part {
                bytes: text.into(),
                ..Part::default()
            };
            let parts = BTreeMap::from([("surroundings".to_owned(), part)]);
            let world = fixture::World::new();
            warnings(&world.config.environments[0], &parts)
        };
        assert_eq!(told("room 51200000\nengine-room 51200000\n"), [""; 0]);
        let said = told("room 51200\nengine-room 1048576\nneighbour tools BACKEND_IMAGE_TAG\n");
        assert!(said[0].ends_with("nearly full: 50 MiB left"), "{said:?}");
        assert!(said[1].contains("1.0 GiB left for images"), "{said:?}");
        assert!(
            said[2].contains("project tools") && said[2].contains("BACKEND_IMAGE_TAG"),
            "{said:?}"
        );
        assert_eq!(told("room \nengine-room -\nsomething else\n"), [""; 0]);
    }
}
