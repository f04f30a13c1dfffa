//! A backup as part of a rollback: the one that holds the schema as a release had it.

use super::{
    choice::usable,
    configured, said_before, step,
    stopped::{start, stop, stopped},
};
use crate::{
    plan::{
        Making,
        backup::{self, Recorded},
        schema,
    },
    release::{
        Fault, FaultKind, ServiceName,
        plan::{RestoreFrom, SchemaChoice, SchemaOffer, Step},
    },
};

/// A backup that holds the schema as a release had it.
pub(in crate::plan) struct Holding {
    recorded: Recorded,
    obstacle: Option<String>,
}

/// The newest backup that holds these heads: one that can be brought back, if there is any.
pub(in crate::plan) fn holding(making: &Making<'_>, heads: &[String]) -> Option<Holding> {
    let configured = making.environment.backup.as_ref()?;
    let mut holding: Vec<Holding> = backup::recorded(&making.survey.records)
        .into_iter()
        .filter(|recorded| {
            let held = recorded.heads.as_deref();
            held.is_some_and(|held| schema::is_same(held, heads))
        })
        .map(|recorded| Holding {
            obstacle: usable(configured, &recorded, making.survey).err(),
            recorded,
        })
        .collect();
    let best = holding
        .iter()
        .position(|holding| holding.obstacle.is_none())
        .unwrap_or(0);
    (!holding.is_empty()).then(|| holding.swap_remove(best))
}

impl Holding {
    /// What a rollback offers with it.
    pub(in crate::plan) fn offer(&self) -> SchemaOffer {
        SchemaOffer {
            choice: SchemaChoice::Restore,
            obstacle: self.obstacle.clone(),
            consequence: format!(
                "the backup of {} comes back first: what was written to the database since is lost",
                self.recorded.taken
            ),
        }
    }
}

/// What a rollback does before its switch to bring a backup back, and the same for its way back. What is
/// stopped for it and not `switched` afterwards is started again at once.
///
/// # Errors
/// Where no such backup is recorded or can be brought back, or the present state cannot be saved.
pub(in crate::plan) fn before_switch(
    making: &Making<'_>,
    holding: Option<Holding>,
    switched: &[ServiceName],
    warnings: &mut Vec<String>,
) -> Result<(Vec<Step>, Vec<Step>), Fault> {
    let configured = configured(making)?;
    let Some(holding) = holding else {
        return Err(making
            .fault(
                FaultKind::Missing,
                "no backup is recorded that holds the schema as that release had it",
            )
            .remedy("roll back the image alone"));
    };
    if let Some(why) = holding.obstacle {
        return Err(making
            .fault(FaultKind::Missing, why)
            .remedy("roll back the image alone"));
    }
    said_before(making, &holding.recorded, warnings);
    let stopped = stopped(making, configured, warnings);
    let rest: Vec<ServiceName> = stopped
        .iter()
        .filter(|service| !switched.contains(service))
        .cloned()
        .collect();
    let around = |from| -> Vec<Step> {
        let mut steps: Vec<Step> = stop(&stopped).into_iter().collect();
        steps.push(step(configured, from));
        steps.extend(start(&rest));
        steps
    };
    let mut forward: Vec<Step> = backup::step(making, warnings)?.into_iter().collect();
    forward.extend(around(RestoreFrom::Handle(holding.recorded.handle)));
    Ok((forward, around(RestoreFrom::OwnBackup)))
}
