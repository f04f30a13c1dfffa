//! An Engine as the matrix looks at it: by its API, for a look by commands costs as much as a step.

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::ContainerInspectResponse,
    query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder},
};

use super::command::words;

/// For one answer, in seconds: the machine is busy.
const PATIENCE: u64 = 60;

/// Which Docker Engine.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Its socket, as `DOCKER_HOST` names it.
    pub docker_host: String,
}

/// A container of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub service: String,
    pub name: String,
    pub image: String,
    pub status: String,
    pub health: String,
}

impl Engine {
    /// All containers of a project, by service and name; one-off ones too, without a service that we
    /// know.
    pub fn containers(&self, project: &str) -> Result<Vec<Container>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(words)?;
        let mut containers = runtime.block_on(self.look(project)).map_err(words)?;
        containers.sort_by(|a, b| (&a.service, &a.name).cmp(&(&b.service, &b.name)));
        Ok(containers)
    }

    async fn look(&self, project: &str) -> Result<Vec<Container>, Error> {
        // A client a look: an Engine that was restarted has closed what an older one had open.
        let docker = Docker::connect_with_unix(&self.docker_host, PATIENCE, API_DEFAULT_VERSION)?
            .negotiate_version()
            .await?;
        let label = format!("com.docker.compose.project={project}");
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&[("label", vec![label])].into())
            .build();
        let mut found = Vec::new();
        for listed in docker.list_containers(Some(options)).await? {
            let id = listed.id.unwrap_or_default();
            match docker
                .inspect_container(&id, None::<InspectContainerOptions>)
                .await
            {
                Ok(container) => found.push(Container::from(container)),
                // Gone since it was listed.
                Err(Error::DockerResponseServerError {
                    status_code: 404, ..
                }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

impl From<ContainerInspectResponse> for Container {
    fn from(found: ContainerInspectResponse) -> Self {
        let labels = found.config.and_then(|config| config.labels);
        let label = |name: &str| {
            let found = labels.as_ref().and_then(|labels| labels.get(name));
            found.cloned().unwrap_or_default()
        };
        let state = found.state.unwrap_or_default();
        let health = state.health.and_then(|health| health.status);
        Self {
            service: match label("com.docker.compose.oneoff").as_str() {
                "True" => "one-off".to_owned(),
                _ => label("com.docker.compose.service"),
            },
            name: found
                .name
                .unwrap_or_default()
                .trim_start_matches('/')
                .to_owned(),
            image: found.image.unwrap_or_default(),
            status: state
                .status
                .map(|status| status.to_string())
                .unwrap_or_default(),
            health: health.map(|health| health.to_string()).unwrap_or_default(),
        }
    }
}
