//! The schema's part of a rollback: whether that release ran at another revision, what lies between, what
//! can be done about it, and the way down.

use crate::{
    config::{Migration, Protection},
    release::{
        Fault, FaultKind, ServiceName,
        plan::{ImageName, SchemaChoice, SchemaOffer, Step},
        record::Release,
        survey::SchemaRevision,
    },
};

use super::{
    Making, backup, restore, running,
    schema::{self, WayDown},
    steps,
};

/// The schema's part of a rollback's plan.
pub(super) struct Part {
    /// The steps before the pin.
    pub steps: Vec<Step>,
    /// The same on the way back.
    pub back: Vec<Step>,
    /// What there was to choose from; empty where the schema is no question.
    pub offers: Vec<SchemaOffer>,
    /// What the operator should know before.
    pub warnings: Vec<String>,
}

/// Where the schema is and where it was with the release that a rollback returns to.
struct Difference {
    now: Option<Vec<String>>,
    /// Whether `now` is only recorded.
    is_recorded: bool,
    goal: Vec<String>,
    /// The way from one to the other, with what is known of the revisions, or why there is none.
    way: Result<WayDown, String>,
    /// The image that knows the way.
    image: Option<ImageName>,
}

/// What becomes of the schema on the way back to `target`. `switched` are the services that are recreated
/// after it.
///
/// # Errors
/// The choice cannot be done, or has to be made: in words, with the offers.
pub(super) fn part(
    making: &Making<'_>,
    target: &Release,
    choice: SchemaChoice,
    switched: &[ServiceName],
) -> Result<Part, Fault> {
    let mut part = Part {
        steps: Vec::new(),
        back: Vec::new(),
        offers: Vec::new(),
        warnings: Vec::new(),
    };
    let Some(migration) = &making.environment.migration else {
        return Ok(part);
    };
    let Some(goal) = &target.schema_heads else {
        if matches!(choice, SchemaChoice::Downgrade | SchemaChoice::Restore) {
            return Err(making
                .fault(
                    FaultKind::Missing,
                    "at which revision the schema was with that release is not recorded",
                )
                .remedy("roll back the image alone, or migrate to a revision by name, or restore a backup"));
        }
        part.warnings.push(
            "at which revision the schema was with that release is not recorded: the schema stays"
                .to_owned(),
        );
        return Ok(part);
    };
    let difference = Difference::of(making, migration, goal);
    if difference.is_none() {
        return Ok(part);
    }
    part.offers = difference.offers(target);
    let saved = restore::holding(making, goal);
    part.offers
        .extend(saved.as_ref().map(|saved| saved.offer()));
    match choice {
        SchemaChoice::Undecided
            if matches!(making.environment.protection, Protection::Protected { .. }) =>
        {
            return Err(undecided(making, &difference, target, &part.offers));
        }
        SchemaChoice::Undecided | SchemaChoice::ImageOnly => {
            part.warnings.push(format!(
                "{}; the schema stays",
                difference.words(&target.label())
            ));
        }
        SchemaChoice::Downgrade => {
            part.warnings.extend(schema::trouble(making.survey));
            part.warnings.extend(difference.untold(making, migration));
            part.warnings.push(format!(
                "the schema goes down from {} to {}{}: data that only the newer revisions hold is lost",
                difference.now_words(),
                schema::words(goal),
                schema::undoes(difference.undone()),
            ));
            part.steps.extend(backup::step(making, &mut part.warnings)?);
            part.steps
                .extend(downgrade(making, migration, &difference)?);
        }
        SchemaChoice::Restore => {
            let steps = restore::before_switch(making, saved, switched, &mut part.warnings)?;
            (part.steps, part.back) = steps;
        }
    }
    Ok(part)
}

fn downgrade(
    making: &Making<'_>,
    migration: &Migration,
    difference: &Difference,
) -> Result<Vec<Step>, Fault> {
    let (commands, image) = difference.possible().map_err(|why| {
        making
            .fault(
                FaultKind::Unsupported,
                format!("the schema cannot go down: {why}"),
            )
            .remedy("roll back the image alone, or take the schema back by hand first")
    })?;
    let summary = format!(
        "{} → {}{}",
        difference.now_words(),
        schema::words(&difference.goal),
        schema::undoes(difference.undone())
    );
    Ok(commands
        .iter()
        .map(|command| steps::migrate(migration, image.clone(), command.clone(), summary.clone()))
        .collect())
}

impl Difference {
    fn of(making: &Making<'_>, migration: &Migration, goal: &[String]) -> Self {
        let survey = making.survey;
        let heads = schema::heads_now(survey);
        let is_recorded = heads.as_ref().is_some_and(|(_, recorded)| *recorded);
        let now = heads.map(|(now, _)| now);
        let tool = schema::tool(migration);
        let known = schema::Known {
            history: &survey.schema_history,
            now: now.as_deref().unwrap_or_default(),
        };
        let mut way = match &now {
            Some(_) => tool.way_down(&known, goal),
            None => Err("where the schema is now is not known".to_owned()),
        };
        // What the tool undoes along with it, and what of it can be undone, was asked on the server.
        if let Ok(way) = &mut way
            && !survey.schema_undone.is_empty()
        {
            let planned = &way.undone;
            let more: Vec<SchemaRevision> = survey
                .schema_undone
                .iter()
                .filter(|asked| !planned.iter().any(|known| known.revision == asked.revision))
                .cloned()
                .collect();
            way.undone.clone_from(&survey.schema_undone);
            if !more.is_empty() {
                let words = schema::listed(&more);
                return Self {
                    now,
                    is_recorded,
                    goal: goal.to_vec(),
                    way: Err(format!("it would also undo what that release had: {words}")),
                    image: None,
                };
            }
        }
        let image = making
            .running
            .services
            .get(&migration.service)
            .map(|release| running::image_name(release, survey));
        Self {
            now,
            is_recorded,
            goal: goal.to_vec(),
            way,
            image,
        }
    }

    fn is_none(&self) -> bool {
        self.now
            .as_ref()
            .is_some_and(|now| schema::is_same(now, &self.goal))
    }

    fn undone(&self) -> &[SchemaRevision] {
        self.way.as_ref().map_or(&[], |way| way.undone.as_slice())
    }

    fn now_words(&self) -> String {
        self.now
            .as_deref()
            .map_or_else(|| "unknown".to_owned(), schema::words)
    }

    /// `the database is at c9e2, v1 ran at a1f3, 1 revision between: c9e2 orders have a price`.
    fn words(&self, label: &str) -> String {
        if self.now.is_none() {
            let goal = schema::words(&self.goal);
            return format!("where the schema is now is not known; {label} ran at {goal}");
        }
        let recorded = if self.is_recorded { " (recorded)" } else { "" };
        let between = match self.undone() {
            [] => String::new(),
            undone => format!(
                ", {} between: {}",
                schema::counted(undone),
                schema::listed(undone)
            ),
        };
        let ahead = if self.way.is_ok() {
            "the database is ahead of that release: it"
        } else {
            "the schema differs: the database"
        };
        format!(
            "{ahead} is at {}{recorded}, {label} ran at {}{between}",
            self.now_words(),
            schema::words(&self.goal)
        )
    }

    /// The commands that go down and the image that runs them.
    fn possible(&self) -> Result<(&[Vec<String>], &ImageName), String> {
        let way = self.way.as_ref().map_err(Clone::clone)?;
        if let Some(why) = schema::obstacle(&way.undone) {
            return Err(why);
        }
        let image = self
            .image
            .as_ref()
            .ok_or("nothing that runs knows the way: its service has no container")?;
        Ok((&way.commands, image))
    }

    /// Says so where nobody can tell whether the image that goes down has the revision.
    fn untold(&self, making: &Making<'_>, migration: &Migration) -> Option<String> {
        if self.goal.is_empty() {
            return None;
        }
        let why = schema::asked(migration, &making.request.deed, making.survey).err()?;
        let running = making.running.services.get(&migration.service)?;
        let goal = schema::words(&self.goal);
        Some(schema::untold(&running.label(), &goal, why))
    }

    /// What there is to choose from.
    fn offers(&self, target: &Release) -> Vec<SchemaOffer> {
        let label = target.label();
        let (now, goal) = (self.now_words(), schema::words(&self.goal));
        let undoing = match self.undone() {
            [] => String::new(),
            undone => format!(", undoing {}", schema::counted(undone)),
        };
        vec![
            SchemaOffer {
                choice: SchemaChoice::ImageOnly,
                obstacle: None,
                consequence: format!("the schema stays at {now}: {label} has to bear it"),
            },
            SchemaOffer {
                choice: SchemaChoice::Downgrade,
                obstacle: self.possible().err(),
                consequence: format!(
                    "the image that runs takes the schema down to {goal} first{undoing}: data that only the \
                     newer revisions hold is lost"
                ),
            },
        ]
    }
}

/// A choice has to be made: says which there are.
fn undecided(
    making: &Making<'_>,
    difference: &Difference,
    target: &Release,
    offers: &[SchemaOffer],
) -> Fault {
    let offers: Vec<String> = offers
        .iter()
        .filter_map(|offer| {
            let word = offer.choice.word()?;
            Some(match &offer.obstacle {
                None => format!("--schema {word}: {}", offer.consequence),
                Some(why) => format!("(--schema {word} is not possible: {why})"),
            })
        })
        .collect();
    making
        .fault(FaultKind::Conflict, difference.words(&target.label()))
        .remedy(format!(
            "say what becomes of the schema. {}. Nothing has changed so far",
            offers.join(". ")
        ))
}
