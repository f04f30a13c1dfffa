//! The clients of everything that the configuration names, made once and shared by both faces.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::Config,
    release::{EnvironmentName, Fault, FaultKind},
    target::Target,
};

/// The clients.
pub struct World {
    /// The configuration that they were made from.
    pub config: Arc<Config>,
    /// Where versions come from.
    pub catalogue: crate::registry::Catalogue,
    targets: BTreeMap<EnvironmentName, Arc<dyn Target>>,
}

impl World {
    /// A world of these targets: for tests and the embedded world.
    pub fn of(
        config: Arc<Config>,
        catalogue: crate::registry::Catalogue,
        targets: BTreeMap<EnvironmentName, Arc<dyn Target>>,
    ) -> Self {
        Self {
            config,
            catalogue,
            targets,
        }
    }

    /// An environment's target.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`] for a name that the configuration does not have, with those that it has.
    pub fn target(&self, name: &EnvironmentName) -> Result<&Arc<dyn Target>, Fault> {
        self.targets.get(name).ok_or_else(|| {
            let names: Vec<&str> = self
                .config
                .environments
                .iter()
                .map(|e| e.name.as_str())
                .collect();
            Fault::new(
                FaultKind::Invalid,
                name.as_str(),
                "is no environment of this configuration",
            )
            .remedy(format!("the environments are {}", names.join(", ")))
        })
    }

    /// All targets.
    pub fn targets(&self) -> impl Iterator<Item = (&EnvironmentName, &Arc<dyn Target>)> {
        self.targets.iter()
    }
}
