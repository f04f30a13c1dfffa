//! Containers replaced one beside the other.

use std::collections::BTreeSet;

use super::People;
use crate::{
    release::{ServiceName, operation::Direction, plan::Intent},
    target::compose::render::names,
};

impl People<'_> {
    pub(super) fn roll(
        &self,
        direction: Direction,
        service: &ServiceName,
        replicas: u32,
        dependencies: bool,
    ) -> Vec<String> {
        let scale = format!("{service}={}", replicas.saturating_mul(2));
        let mut words = vec!["up", "-d", "--no-recreate", "--scale", &scale];
        words.extend(["--pull", "never", "--no-build"]);
        if !dependencies {
            words.push("--no-deps");
        }
        words.push(service.as_str());
        let mut commands = vec![
            self.docker_compose(&words),
            self.docker_compose(&["ps", service.as_str()]),
        ];
        for image in self.rolled_from(direction, service) {
            let filters = [
                format!("label=com.docker.compose.project={}", self.compose.project),
                format!("label=com.docker.compose.service={service}"),
                format!("ancestor={image}"),
            ];
            let mut list = vec!["ps", "-aq"];
            list.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
            let list = self.docker(&list);
            for then in ["stop", "rm"] {
                commands.push(format!("{list} | xargs {}", self.docker(&[then])));
            }
        }
        commands
    }

    /// The images of the containers that a roll takes away.
    fn rolled_from(&self, direction: Direction, service: &ServiceName) -> BTreeSet<String> {
        let former = self.plan.basis.images.get(service).into_iter().flatten();
        let candidate = self
            .plan
            .steps(Direction::Forward)
            .iter()
            .filter_map(|step| match &step.intent {
                Intent::Roll {
                    service: rolled,
                    expected,
                    ..
                } if rolled == service => Some(names::image(expected)),
                _ => None,
            });
        if direction == Direction::Back {
            candidate.collect()
        } else {
            former.map(ToString::to_string).collect()
        }
    }
}
