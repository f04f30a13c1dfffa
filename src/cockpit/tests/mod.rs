//! What is on the screen, with its styles, at the two sizes that the design draws.

pub mod fixtures;
mod running;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
};

use crate::release::operation::{Liveness, OperationId, Progress};

use super::{
    ages::Ages,
    keymap::Chord,
    model::{Effect, Model, Msg, Outcome, Ticket},
    update::update,
    view::view,
};

/// The frame of a model, and where its cursor is.
pub fn frame(model: &Model) -> (Buffer, Option<Position>) {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let mut buffer = Buffer::empty(area);
    let ages = Ages::new(model.now, model.policy);
    let cursor = view(model, &ages, area, &mut buffer);
    (buffer, cursor)
}

/// The text of a frame, without what is blank at the ends of its lines.
pub fn text(model: &Model) -> String {
    let (buffer, _) = frame(model);
    lines(&buffer, |cell| cell.symbol().to_owned())
}

fn lines(buffer: &Buffer, of: impl Fn(&ratatui::buffer::Cell) -> String) -> String {
    let area = buffer.area;
    (area.top()..area.bottom())
        .map(|y| {
            let line: String = (area.left()..area.right())
                .map(|x| of(&buffer[(x, y)]))
                .collect();
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// Text and, below it, one letter a cell for its style; the legend says what each letter is.
fn picture(model: &Model) -> String {
    let (buffer, cursor) = frame(model);
    let mut styles: Vec<Style> = vec![Style::reset()];
    let map = {
        let mut letters = String::new();
        let area = buffer.area;
        for y in area.top()..area.bottom() {
            let mut line = String::new();
            for x in area.left()..area.right() {
                let cell = &buffer[(x, y)];
                let style = Style::reset().patch(cell.style());
                let blank = cell.symbol() == " "
                    && !style
                        .add_modifier
                        .intersects(Modifier::REVERSED | Modifier::UNDERLINED);
                let index = if blank {
                    0
                } else {
                    styles.iter().position(|s| *s == style).unwrap_or_else(|| {
                        styles.push(style);
                        styles.len() - 1
                    })
                };
                line.push(if index == 0 {
                    '.'
                } else {
                    (b'a' + index as u8 - 1) as char
                });
            }
            letters.push_str(line.trim_end_matches('.'));
            letters.push('\n');
        }
        letters
    };
    let legend: String = styles
        .iter()
        .skip(1)
        .enumerate()
        .map(|(index, style)| {
            let mut words = Vec::new();
            if let Some(color) = style.fg.filter(|c| *c != ratatui::style::Color::Reset) {
                words.push(color.to_string());
            }
            if !style.add_modifier.is_empty() {
                words.push(format!("{:?}", style.add_modifier));
            }
            if words.is_empty() {
                words.push("plain".to_owned());
            }
            format!("{}: {}\n", (b'a' + index as u8) as char, words.join(" "))
        })
        .collect();
    let cursor = cursor.map_or(String::new(), |at| format!("cursor at {},{}\n", at.x, at.y));
    format!(
        "{}\n{map}\n{legend}{cursor}",
        lines(&buffer, |cell| cell.symbol().to_owned())
    )
}

/// Presses keys, named as in the configuration and separated by spaces; a word in quotes is typed.
pub fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.split(' ') {
        let chords: Vec<KeyEvent> = match key.strip_prefix('"') {
            Some(word) => word
                .trim_end_matches('"')
                .chars()
                .map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
                .collect(),
            None => {
                let chord: Chord = key.parse().unwrap();
                vec![chord.event()]
            }
        };
        for chord in chords {
            effects.extend(update(
                model,
                Msg::Input(Event::Key(chord)),
                fixtures::now(),
            ));
        }
    }
    effects
}

/// The plan that is prepared arrives and is shown.
pub fn plan_arrives(model: &mut Model, effects: &[Effect], plan: crate::release::plan::Plan) {
    let ticket = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Plan(ticket, _) => Some(*ticket),
            _ => None,
        })
        .unwrap();
    planned(model, ticket, plan);
    update(model, Msg::Shown, fixtures::now());
}

pub fn planned(model: &mut Model, ticket: Ticket, plan: crate::release::plan::Plan) {
    let outcome = Outcome::Planned(Box::new(plan), fixtures::commands());
    update(model, Msg::Done(ticket, outcome), fixtures::now());
}

/// The operation that was started is followed: its plan, its journal, its output.
pub fn follow(model: &mut Model) {
    let environment = fixtures::environment("production");
    super::panes::operations::open(model, environment.clone(), OperationId(42));
    let mut tell = |progress| {
        let message = Msg::Progress(environment.clone(), OperationId(42), progress);
        update(model, message, fixtures::now());
    };
    tell(Progress::Plan(Box::new(fixtures::promotion())));
    for line in fixtures::journal() {
        tell(Progress::Journal(line));
    }
}

macro_rules! pictures {
    ($($name:ident: $model:expr;)*) => {
        $(
            mod $name {
                use super::*;

                #[test]
                fn narrow() {
                    let build: fn(u16, u16) -> Model = $model;
                    insta::assert_snapshot!(picture(&build(80, 24)));
                }

                #[test]
                fn wide() {
                    let build: fn(u16, u16) -> Model = $model;
                    insta::assert_snapshot!(picture(&build(160, 45)));
                }
            }
        )*
    };
}

pictures! {
    before_any_fact: |width, height| fixtures::empty(true, width, height);

    all_is_known: |width, height| fixtures::full(width, height);

    versions_in_focus: |width, height| {
        let mut model = fixtures::full(width, height);
        press(&mut model, "2 j space");
        model
    };

    an_operation_under_way: |width, height| {
        let mut model = fixtures::full(width, height);
        fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
        press(&mut model, "5");
        model
    };

    a_cancel_with_its_reason: |width, height| {
        let mut model = fixtures::full(width, height);
        fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
        press(&mut model, "r down enter tab \"the space \"wrong space \"tag");
        model
    };

    an_operation_goes_back: |width, height| {
        let mut model = fixtures::full(width, height);
        follow(&mut model);
        model.operations.open().unwrap().output.push(fixtures::log_lines(30));
        model
    };

    a_plan: |width, height| {
        let mut model = fixtures::full(width, height);
        let effects = press(&mut model, "2 j p");
        plan_arrives(&mut model, &effects, fixtures::promotion());
        model
    };

    a_word_is_typed: |width, height| {
        let mut model = fixtures::full(width, height);
        let effects = press(&mut model, "2 j p");
        plan_arrives(&mut model, &effects, fixtures::promotion());
        press(&mut model, "c \"pro");
        model
    };

    an_emergency_before_the_server_has_answered: |width, height| {
        let mut model = fixtures::empty(true, width, height);
        press(&mut model, "!");
        model
    };

    watch_mode: |width, height| {
        let mut model = fixtures::empty(false, width, height);
        update(&mut model, Msg::Facts(fixtures::facts()), fixtures::now());
        press(&mut model, "p");
        model
    };

    help: |width, height| {
        let mut model = fixtures::full(width, height);
        press(&mut model, "?");
        model
    };
}

#[test]
fn a_slow_start_says_how_long_it_may_take() {
    use crate::{release::observation::Health, target::Reading};
    let mut model = fixtures::full(160, 45);
    let mut containers = fixtures::containers(3, 12, 0);
    containers.containers[0].health = Health::Starting;
    containers.containers[0].start_period = Some(std::time::Duration::from_secs(40));
    fixtures::told(
        &mut model,
        "staging",
        Reading::Containers(std::sync::Arc::new(containers)),
    );
    let drawn = text(&model);
    assert!(
        drawn.contains("starting, 12s of 40s start period"),
        "{drawn}"
    );
}

#[test]
fn what_crashes_again_and_again_is_not_ok_between_two_crashes() {
    use crate::target::Reading;
    let mut model = fixtures::full(160, 45);
    let mut tell = |ago, restarts| {
        let containers = fixtures::containers(3, ago, restarts);
        let reading = Reading::Containers(std::sync::Arc::new(containers));
        fixtures::told(&mut model, "staging", reading);
        text(&model)
    };
    let drawn = tell(130, 12);
    assert!(
        drawn.contains("restarted 12 times, the last 2m ago"),
        "{drawn}"
    );
    assert!(
        drawn.contains("CRASHING") && drawn.contains("UNWELL"),
        "{drawn}"
    );
    // It has held since.
    let drawn = tell(600, 12);
    assert!(
        !drawn.contains("CRASHING") && !drawn.contains("UNWELL"),
        "{drawn}"
    );
}
