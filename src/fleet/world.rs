//! The clients of everything that the configuration names, made once and shared by both faces.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    clock::Clock,
    config::{self, Config},
    pipeline::Pipeline,
    registry::Catalogue,
    release::{EnvironmentName, Fault, FaultKind, text::clean},
    secrets::Secrets,
    target::{Target, compose},
};

pub use crate::release::operation::Operator;

impl Operator {
    /// Who runs this program, where: the login's name and the machine's, cleaned; `unknown` where
    /// neither the environment nor the system tells.
    pub fn of_this_process() -> Self {
        let name = ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()))
            .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
        let origin = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Self {
            name: clean(&name),
            origin: clean(&origin),
        }
    }
}

/// The clients.
pub struct World {
    /// The configuration that they were made from.
    pub config: Arc<Config>,
    /// Where versions come from.
    pub catalogue: Catalogue,
    /// What built them, if the configuration names a repository.
    pub pipeline: Option<Pipeline>,
    /// Who sits here.
    pub operator: Operator,
    /// What tells the time.
    pub clock: Clock,
    targets: BTreeMap<EnvironmentName, Arc<dyn Target>>,
}

/// How a world is made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether somebody can answer ssh's questions.
    pub asking: bool,
    /// Where what never changes is kept between runs.
    pub cache_directory: PathBuf,
    /// Who sits here.
    pub operator: Operator,
    /// What tells the time.
    pub clock: Clock,
}

impl World {
    /// The clients of everything that `config` names. Connects to nothing yet.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(config: Arc<Config>, settings: Settings) -> Result<Self, Fault> {
        let secrets = Secrets::beside(&config.path);
        let compose = compose::Targets::new(settings.asking, settings.clock.clone());
        let targets = config.environments.iter().map(|environment| {
            let target: Arc<dyn Target> = match &environment.target {
                config::Target::Compose(at) => Arc::new(compose.target(&config, environment, at)),
            };
            (environment.name.clone(), target)
        });
        Ok(Self {
            targets: targets.collect(),
            catalogue: Catalogue::new(
                config.registries.clone(),
                &settings.cache_directory,
                secrets.clone(),
                settings.clock.clone(),
            )?,
            pipeline: config
                .github
                .as_ref()
                .map(|github| Pipeline::new(github, secrets, settings.clock.clone())),
            operator: settings.operator,
            clock: settings.clock,
            config,
        })
    }

    /// The same world with other targets: for tests.
    #[must_use]
    pub fn with_targets(mut self, targets: BTreeMap<EnvironmentName, Arc<dyn Target>>) -> Self {
        self.targets = targets;
        self
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
