//! Pane 1: environments and their services, as rows that a cursor stays on while facts arrive.

pub mod view;

use ratatui::text::Span;

use crate::{
    cockpit::{
        model::Model,
        panes::{Motion, Pane},
        theme::Theme,
    },
    config::{Config, Environment, Protection},
    fleet::join::{Condition, ServiceRow},
    release::{EnvironmentName, ServiceName},
};

/// The row under the cursor, by name.
#[derive(Debug, Clone, Default)]
pub struct State {
    environment: Option<EnvironmentName>,
    service: Option<ServiceName>,
}

/// A row of the pane.
#[derive(Debug, Clone, PartialEq)]
pub enum Row<'a> {
    /// An environment.
    Environment(&'a Environment),
    /// One of its services.
    Service(&'a Environment, Box<ServiceRow>),
}

impl State {
    /// The cursor on the first environment.
    pub fn new(config: &Config) -> Self {
        Self {
            environment: config.environments.first().map(|e| e.name.clone()),
            service: None,
        }
    }

    /// Puts the cursor on an environment.
    pub fn choose(&mut self, environment: EnvironmentName) {
        self.environment = Some(environment);
        self.service = None;
    }
}

/// The environment under the cursor; `None` only if the configuration has none.
pub fn chosen(model: &Model) -> Option<&Environment> {
    let config = &model.fleet.config;
    model
        .environments
        .environment
        .as_ref()
        .and_then(|name| config.environment(name))
        .or_else(|| config.environments.first())
}

/// The service under the cursor, else the first that is released in the environment under the cursor.
pub fn chosen_service(model: &Model) -> Option<(EnvironmentName, ServiceName)> {
    let environment = chosen(model)?;
    let service = model
        .environments
        .service
        .clone()
        .or_else(|| environment.services.first().cloned())?;
    Some((environment.name.clone(), service))
}

/// All rows, in order.
pub fn rows(model: &Model) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for environment in &model.fleet.config.environments {
        rows.push(Row::Environment(environment));
        rows.extend(
            model
                .fleet
                .services(environment)
                .into_iter()
                .map(|row| Row::Service(environment, Box::new(row))),
        );
    }
    rows
}

/// The row that the cursor is on: the environment's own if its service is gone.
pub fn cursor(model: &Model, rows: &[Row<'_>]) -> usize {
    let Some(chosen) = chosen(model) else {
        return 0;
    };
    let service = model.environments.service.as_ref();
    rows.iter()
        .position(|row| {
            matches!(row, Row::Service(e, s) if e.name == chosen.name && Some(&s.service) == service)
        })
        .or_else(|| {
            rows.iter()
                .position(|row| matches!(row, Row::Environment(e) if e.name == chosen.name))
        })
        .unwrap_or_default()
}

/// Moves the cursor; left and right go from environment to environment.
pub fn motion(model: &mut Model, motion: Motion) {
    let page = model.layout().height(Pane::Environments);
    let rows = rows(model);
    let at = cursor(model, &rows);
    let to = match motion {
        Motion::Left => rows[..at]
            .iter()
            .rposition(|row| matches!(row, Row::Environment(_)))
            .unwrap_or(at),
        Motion::Right => rows
            .iter()
            .skip(at + 1)
            .position(|row| matches!(row, Row::Environment(_)))
            .map_or(at, |n| at + 1 + n),
        motion => motion.moved(at, rows.len(), page),
    };
    let (environment, service) = match rows.get(to) {
        Some(Row::Environment(environment)) => (environment.name.clone(), None),
        Some(Row::Service(environment, row)) => {
            (environment.name.clone(), Some(row.service.clone()))
        }
        None => return,
    };
    model.environments = State {
        environment: Some(environment),
        service,
    };
}

/// The reference that runs under the cursor.
pub fn copied(model: &Model) -> Option<String> {
    let (environment, service) = chosen_service(model)?;
    let environment = model.fleet.config.environment(&environment)?;
    let running = model.fleet.running(environment);
    running
        .services
        .get(&service)
        .map(|service| service.reference().to_string())
}

/// The environments with their conditions: the one under the cursor first, then the unwell, then the
/// rest in the order of the configuration.
pub fn most_important(model: &Model) -> Vec<(&Environment, Condition)> {
    let chosen = chosen(model).map(|e| &e.name);
    let mut all: Vec<(&Environment, Condition)> = model
        .fleet
        .config
        .environments
        .iter()
        .map(|e| (e, model.fleet.condition(&e.name, model.now, &model.policy)))
        .collect();
    all.sort_by_key(|(environment, condition)| {
        (
            Some(&environment.name) != chosen,
            !matches!(condition, Condition::Unwell | Condition::Unseen),
        )
    });
    all
}

/// Whether an environment's name has to be typed before it is changed: it is drawn so that nobody
/// takes it for another.
pub fn is_protected(environment: &Environment) -> bool {
    environment.protection != Protection::Open
}

/// The environment's name as it is drawn: protected ones in capitals and a colour of their own.
pub fn drawn_name(theme: &Theme, environment: &Environment) -> Span<'static> {
    if is_protected(environment) {
        Span::styled(environment.name.as_str().to_uppercase(), theme.protected)
    } else {
        Span::styled(environment.name.to_string(), theme.title)
    }
}
