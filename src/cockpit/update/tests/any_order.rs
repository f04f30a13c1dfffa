//! Anything, in any order, at any size: nothing panics.

use super::*;

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        12 => prop::sample::select(
            "pmrARqyoLihjklgGfwnNcve!/:? 12345[]ux".chars().collect::<Vec<_>>()
        )
        .prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Backspace,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Home,
            KeyCode::End,
        ]),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    let modifiers = prop_oneof![
        8 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::CONTROL),
        1 => Just(KeyModifiers::ALT),
    ];
    (code, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

/// Something that can happen, as data: messages themselves cannot be cloned.
#[derive(Debug, Clone)]
enum Happening {
    Key(KeyEvent),
    Word(&'static str),
    Paste(String),
    Size(u16, u16),
    AllFacts,
    Lost,
    Held(Liveness),
    Asked(Recovery),
    NoVersions,
    Planned(u64, bool),
    Started(u64, bool),
    Progress(usize),
    Question,
    Shown,
    Later(u64),
    Lines(i64),
    Guidance(String),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        30 => any_key().prop_map(Happening::Key),
        3 => prop::sample::select(vec!["prod", "production", "2jp", "c", "!"])
            .prop_map(Happening::Word),
        1 => any::<String>().prop_map(Happening::Paste),
        3 => (1u16..200, 1u16..60).prop_map(|(w, h)| Happening::Size(w, h)),
        3 => Just(Happening::AllFacts),
        1 => Just(Happening::Lost),
        2 => prop::sample::select(vec![Liveness::Alive, Liveness::Dead, Liveness::Unknown])
            .prop_map(Happening::Held),
        1 => prop::sample::select(vec![
            Recovery::Resume,
            Recovery::Back,
            Recovery::Cancel,
            Recovery::Abandon,
        ])
        .prop_map(Happening::Asked),
        1 => Just(Happening::NoVersions),
        6 => (0u64..6, any::<bool>()).prop_map(|(t, ok)| Happening::Planned(t, ok)),
        3 => (0u64..8, any::<bool>()).prop_map(|(t, ok)| Happening::Started(t, ok)),
        4 => (0usize..20).prop_map(Happening::Progress),
        1 => Just(Happening::Question),
        6 => Just(Happening::Shown),
        2 => (0u64..10_000_000).prop_map(Happening::Later),
        2 => (0i64..500).prop_map(Happening::Lines),
        1 => any::<String>().prop_map(Happening::Guidance),
    ]
}

fn apply(model: &mut Model, happening: Happening, at: &mut crate::release::Now) {
    let production = fixtures::environment("production");
    let fault = || Fault::new(FaultKind::Unreachable, "shop", "connection refused");
    let reading = |reading| Msg::Facts(vec![Fact::Environment(production.clone(), reading)]);
    let message = match happening {
        Happening::Key(key) => Msg::Input(Event::Key(key)),
        Happening::Word(word) => {
            press(model, &format!("\"{word}"));
            return;
        }
        Happening::Paste(text) => Msg::Input(Event::Paste(text)),
        Happening::Size(width, height) => Msg::Input(Event::Resize(width, height)),
        Happening::AllFacts => Msg::Facts(fixtures::facts()),
        Happening::Lost => reading(Reading::EngineLink(fixtures::lost())),
        Happening::Held(liveness) => reading(fixtures::held(liveness)),
        Happening::Asked(recovery) => {
            awaited::open(model, asked::wish(recovery));
            return;
        }
        Happening::NoVersions => {
            let mut none = fixtures::versions("backend");
            none.versions.clear();
            Msg::Facts(vec![Fact::Versions(
                fixtures::repository("backend"),
                VersionsReading::Versions(Arc::new(none)),
            )])
        }
        Happening::Planned(ticket, ok) => Msg::Done(
            Ticket(ticket),
            if ok {
                Outcome::Planned(Box::new(fixtures::promotion()), fixtures::commands())
            } else {
                Outcome::Refused(Refusal {
                    fault: fault(),
                    images: fixtures::images(),
                })
            },
        ),
        Happening::Started(ticket, ok) => Msg::Done(
            Ticket(ticket),
            Outcome::Started(
                production.clone(),
                if ok {
                    Ok(OperationId(42))
                } else {
                    Err(fault())
                },
            ),
        ),
        Happening::Progress(n) => {
            let journal = fixtures::journal();
            let progress = match n {
                0 => Progress::Plan(Box::new(fixtures::promotion())),
                1 => Progress::End(fixtures::end()),
                2 => Progress::Lost(fault()),
                n => Progress::Journal(journal[n % journal.len()].clone()),
            };
            Msg::Progress(production.clone(), OperationId(42), progress)
        }
        Happening::Question => {
            let (answer, waiting) = Answerer::new();
            std::mem::forget(waiting);
            reading(Reading::Ask(Question {
                prompt: "Passphrase:".to_owned(),
                host: "shop".to_owned(),
                secret: true,
                answer,
            }))
        }
        Happening::Shown => Msg::Shown,
        Happening::Later(millis) => {
            at.moment = at.moment.after(std::time::Duration::from_millis(millis));
            Msg::Wake
        }
        Happening::Lines(count) => {
            model.logs.buffer().push(fixtures::log_lines(count));
            Msg::Wake
        }
        Happening::Guidance(line) => Msg::Guidance(line),
    };
    update(model, message, *at);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_any_order_at_any_size_panics(
        happenings in prop::collection::vec(happening(), 1..60),
        width in 1u16..180,
        height in 1u16..50,
        permit in any::<bool>(),
    ) {
        let mut model = fixtures::empty(permit, width, height);
        let mut at = now();
        for happening in happenings {
            apply(&mut model, happening, &mut at);
            frame(&model);
            prop_assert!(
                permit || !matches!(
                    model.overlays.last(),
                    Some(Overlay::Plan(view)) if matches!(view.state, State::Starting { .. })
                ),
                "watch mode starts nothing"
            );
        }
    }
}

#[test]
fn every_size_down_to_one_cell_can_be_drawn_with_everything_open() {
    for (width, height) in [
        (1, 1),
        (2, 3),
        (5, 2),
        (12, 7),
        (40, 9),
        (111, 30),
        (110, 31),
    ] {
        let mut model = full(width, height);
        fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
        for keys in [
            "?", "esc", ":", "esc", "2 /", "esc", "4 enter", "5 w", "r", "esc", "1 i",
        ] {
            press(&mut model, keys);
            frame(&model);
        }
        let effects = press(&mut model, "esc l 2 p");
        plan_arrives(&mut model, &effects, fixtures::promotion());
        for keys in ["v", "esc", "e", "esc", "c \"prod"] {
            press(&mut model, keys);
            frame(&model);
        }
    }
}
