//! A Compose project as its files say: services with their images, hashes and health checks.

pub mod interpolate;
mod location;
pub mod yaml;

pub use location::Location;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use self::{
    interpolate::{Variables, expand, read_env},
    location::{environment_files, files, name, read},
};
use crate::demo::seed::sha256;

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its directory, absolute.
    pub directory: PathBuf,
    /// Its compose files, absolute.
    pub files: Vec<PathBuf>,
    /// Its environment files, absolute.
    pub environment_files: Vec<PathBuf>,
    /// Its services by name.
    pub services: BTreeMap<String, Service>,
    /// What of the whole is not a service.
    rest: Map<String, Value>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its image, with everything replaced.
    pub image: String,
    /// What it depends on, and in which condition.
    pub depends_on: BTreeMap<String, String>,
    /// Its fixed container name.
    pub container_name: Option<String>,
    /// Its `pull_policy`.
    pub pull_policy: Option<String>,
    /// Its health check's command, as the Engine has it; empty if there is none.
    pub health_check: Vec<String>,
    /// Whether it is started again when it ends by itself.
    pub restarts: bool,
    /// Its environment, `NAME=value`.
    pub environment: Vec<String>,
    /// Its command; empty for the image's own.
    pub command: Vec<String>,
    /// As `config --format json` prints it.
    pub json: Value,
}

impl Service {
    /// What tells whether a container was made from this: policy and dependencies do not count.
    pub fn hash(&self) -> String {
        let mut json = self.json.clone();
        if let Value::Object(map) = &mut json {
            map.shift_remove("pull_policy");
            map.shift_remove("depends_on");
        }
        sha256(json.to_string().as_bytes())["sha256:".len()..].to_owned()
    }
}

impl Project {
    /// Reads a project's files.
    ///
    /// # Errors
    /// In Compose's words.
    pub fn load(location: &Location) -> Result<Self, String> {
        let files = files(location)?;
        let directory = match &location.project_directory {
            Some(directory) => location.directory.join(directory),
            None => files[0].parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let directory = directory.canonicalize().unwrap_or(directory);
        let environment_files = environment_files(location, &directory)?;
        let mut variables = Variables::new();
        for file in &environment_files {
            let text = read(file, location)?;
            read_env(&text, &mut variables)
                .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
        }
        variables.extend(location.environment.clone());
        let mut whole = Value::Null;
        for file in &files {
            let mut value = yaml::parse(&read(file, location)?)
                .map_err(|error| format!("parsing {}: yaml: {error}", file.display()))?;
            interpolate(&mut value, &variables)?;
            merge(&mut whole, value);
        }
        let Value::Object(mut rest) = whole else {
            return Err("empty compose file".to_owned());
        };
        let name = name(location, &rest, &variables, &directory)?;
        let services = match rest.shift_remove("services") {
            Some(Value::Object(services)) => services,
            _ => return Err("no service selected".to_owned()),
        };
        let services: BTreeMap<String, Service> = services
            .into_iter()
            .map(|(name, value)| Ok((name.clone(), service(name, value)?)))
            .collect::<Result<_, String>>()?;
        for service in services.values() {
            for wanted in service.depends_on.keys() {
                if !services.contains_key(wanted) {
                    return Err(format!(
                        "service \"{}\" depends on undefined service \"{wanted}\": invalid compose project",
                        service.name
                    ));
                }
            }
        }
        Ok(Self {
            name,
            directory,
            files,
            environment_files,
            services,
            rest,
        })
    }

    /// As `config --format json` prints it.
    pub fn json(&self) -> Value {
        let services: Map<String, Value> = self
            .services
            .iter()
            .map(|(name, service)| (name.clone(), service.json.clone()))
            .collect();
        let mut all = json!({
            "name": self.name,
            "networks": { "default": { "name": format!("{}_default", self.name), "ipam": {} } },
            "services": services,
        });
        for (name, value) in &self.rest {
            if name != "name" {
                all[name] = value.clone();
            }
        }
        all
    }

    /// Services in the order in which they may be started: what others depend on first.
    pub fn in_order(
        &self,
        wanted: &[String],
        with_dependencies: bool,
    ) -> Result<Vec<&Service>, String> {
        let mut ordered: Vec<&Service> = Vec::new();
        let all: Vec<String> = self.services.keys().cloned().collect();
        for name in if wanted.is_empty() { &all } else { wanted } {
            self.visit(
                name,
                with_dependencies || wanted.is_empty(),
                &mut Vec::new(),
                &mut ordered,
            )?;
        }
        Ok(ordered)
    }

    fn visit<'a>(
        &'a self,
        name: &str,
        with_dependencies: bool,
        above: &mut Vec<String>,
        ordered: &mut Vec<&'a Service>,
    ) -> Result<(), String> {
        let service = self
            .services
            .get(name)
            .ok_or_else(|| format!("no such service: {name}"))?;
        if above.iter().any(|a| a == name) {
            return Err(format!("dependency cycle detected: {}", above.join(" -> ")));
        }
        if with_dependencies {
            above.push(name.to_owned());
            for wanted in service.depends_on.keys() {
                self.visit(wanted, true, above, ordered)?;
            }
            above.pop();
        }
        if !ordered.iter().any(|s| s.name == name) {
            ordered.push(service);
        }
        Ok(())
    }
}

fn interpolate(value: &mut Value, variables: &Variables) -> Result<(), String> {
    match value {
        Value::String(text) => *text = expand(text, variables)?,
        Value::Array(items) => {
            for item in items {
                interpolate(item, variables)?;
            }
        }
        Value::Object(map) => {
            for (_, item) in map.iter_mut() {
                interpolate(item, variables)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Lays a later file over an earlier one: mappings are joined, everything else is replaced.
fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                match below.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => {
                        below.insert(name, value);
                    }
                }
            }
        }
        (below, above) => *below = above,
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(Value::String(line)) => line.split_whitespace().map(str::to_owned).collect(),
        Some(other) => vec![text(other)],
    }
}

fn service(name: String, value: Value) -> Result<Service, String> {
    let Value::Object(map) = value else {
        return Err(format!("services.{name} must be a mapping"));
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    let image = text("image").ok_or_else(|| {
        format!("service \"{name}\" has neither an image nor a build context specified: invalid compose project")
    })?;
    let depends_on: BTreeMap<String, String> = match map.get("depends_on") {
        Some(Value::Object(wanted)) => wanted
            .iter()
            .map(|(name, how)| {
                let condition = how.get("condition").and_then(Value::as_str);
                (
                    name.clone(),
                    condition.unwrap_or("service_started").to_owned(),
                )
            })
            .collect(),
        other => texts(other)
            .into_iter()
            .map(|name| (name, "service_started".to_owned()))
            .collect(),
    };
    let environment: BTreeMap<String, Value> = match map.get("environment") {
        Some(Value::Object(map)) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        other => texts(other)
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.into()))
            .collect(),
    };
    let health_check = match map.get("healthcheck").and_then(|h| h.get("test")) {
        Some(Value::String(line)) => vec!["CMD-SHELL".to_owned(), line.clone()],
        other => texts(other),
    };
    let restart = text("restart");
    let mut json = map.clone();
    json.insert("image".to_owned(), image.clone().into());
    json.entry("command").or_insert(Value::Null);
    json.entry("entrypoint").or_insert(Value::Null);
    if !depends_on.is_empty() {
        let depends_on: Map<String, Value> = depends_on
            .iter()
            .map(|(name, how)| (name.clone(), json!({ "condition": how, "required": true })))
            .collect();
        json.insert("depends_on".to_owned(), depends_on.into());
    }
    if !environment.is_empty() {
        json.insert(
            "environment".to_owned(),
            environment.clone().into_iter().collect(),
        );
    }
    json.entry("networks").or_insert(json!({ "default": null }));
    json.sort_keys();
    Ok(Service {
        image,
        depends_on,
        container_name: text("container_name"),
        pull_policy: text("pull_policy"),
        health_check,
        restarts: restart.is_some_and(|policy| policy != "no"),
        environment: environment
            .iter()
            .map(|(name, value)| {
                format!(
                    "{name}={}",
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                )
            })
            .collect(),
        command: texts(map.get("command")),
        json: Value::Object(json),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(compose: &str, env: &str, environment: &[(&str, &str)]) -> Result<Project, String> {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("Shop.1");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("docker-compose.yml"), compose).unwrap();
        std::fs::write(directory.join(".env"), env).unwrap();
        Project::load(&Location {
            directory,
            environment: environment
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Location::default()
        })
    }

    const COMPOSE: &str = "services:\n  backend:\n    image: shop:${TAG:-main}\n    depends_on: [db]\n  db:\n    image: postgres:16\n";

    #[test]
    fn the_pin_comes_from_the_file_and_the_environment_wins() {
        let by_file = project(COMPOSE, "TAG=v1\n", &[]).unwrap();
        assert_eq!(by_file.name, "shop1");
        assert_eq!(by_file.services["backend"].image, "shop:v1");
        let by_environment = project(COMPOSE, "TAG=v1\n", &[("TAG", "v2")]).unwrap();
        assert_eq!(by_environment.services["backend"].image, "shop:v2");
        assert_ne!(
            by_file.services["backend"].hash(),
            by_environment.services["backend"].hash()
        );
        assert_eq!(
            by_file.services["db"].hash(),
            by_environment.services["db"].hash()
        );
    }

    #[test]
    fn what_others_depend_on_comes_first() {
        let project = project(COMPOSE, "", &[]).unwrap();
        let names = |wanted: &[&str], with| {
            let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
            let ordered = project.in_order(&wanted, with).unwrap();
            ordered.iter().map(|s| s.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["backend"], true), ["db", "backend"]);
        assert_eq!(names(&["backend"], false), ["backend"]);
        assert_eq!(names(&[], false), ["db", "backend"]);
    }

    #[test]
    fn a_policy_of_an_override_does_not_recreate() {
        let with = |policy: &str| {
            let file = format!("services:\n  backend:\n    image: shop:v1\n{policy}");
            project(&file, "", &[]).unwrap().services["backend"].hash()
        };
        assert_eq!(with(""), with("    pull_policy: never\n"));
    }
}
