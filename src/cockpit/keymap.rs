//! Keys to actions, as data: what a key does, the hints, the help and the palette are all drawn from it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::config::keys::did_you_mean;

use super::{
    model::{Effect, Model},
    overlays, panes, update,
};

/// Something that an operator can do: its name, its words and its function in one place.
pub struct Action {
    /// Its name in the configuration and in the palette: `promote`.
    pub name: &'static str,
    /// One line for the help.
    pub help: &'static str,
    /// A word for the hints at the foot of the screen; `None` where it is not hinted at.
    pub hint: Option<&'static str>,
    /// Its keys unless the configuration gives others.
    pub keys: &'static [&'static str],
    /// Whether it changes something outside: without a permit it is explained instead of run.
    pub changes: bool,
    /// What it does.
    pub run: fn(&mut Model) -> Vec<Effect>,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({})", self.name)
    }
}

/// Where a key means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Always, except where text is typed.
    Everywhere,
    /// Where no overlay is open.
    Cockpit,
    /// In the versions pane.
    Versions,
    /// In the operations pane.
    Operations,
    /// In the logs pane.
    Logs,
    /// In a plan that is shown.
    Plan,
}

impl Scope {
    /// All scopes, in the order of the help, with their titles.
    pub const ALL: [(Scope, &'static str); 6] = [
        (Self::Cockpit, "Cockpit"),
        (Self::Everywhere, "Everywhere"),
        (Self::Versions, "Versions"),
        (Self::Operations, "Operations"),
        (Self::Logs, "Logs"),
        (Self::Plan, "Plan"),
    ];

    /// The actions of this scope.
    pub fn actions(self) -> &'static [Action] {
        match self {
            Self::Everywhere => update::EVERYWHERE,
            Self::Cockpit => update::COCKPIT,
            Self::Versions => panes::versions::ACTIONS,
            Self::Operations => panes::operations::ACTIONS,
            Self::Logs => panes::logs::ACTIONS,
            Self::Plan => overlays::plan::ACTIONS,
        }
    }
}

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl From<KeyEvent> for Chord {
    fn from(key: KeyEvent) -> Self {
        // A character says by itself whether Shift was held; terminals differ in saying it twice.
        let ignored = match key.code {
            KeyCode::Char(_) | KeyCode::BackTab => KeyModifiers::SHIFT,
            _ => KeyModifiers::NONE,
        };
        Self {
            code: key.code,
            modifiers: key
                .modifiers
                .intersection(KeyModifiers::SHIFT | KeyModifiers::CONTROL | KeyModifiers::ALT)
                .difference(ignored),
        }
    }
}

#[cfg(test)]
impl Chord {
    /// The key as a terminal tells it.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }
}

/// The names of keys that are no characters.
const NAMES: [(&str, KeyCode); 15] = [
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
];

/// Why a text is not a key, or a key cannot be given to an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// Not the name of a key.
    #[error(
        "{text:?} is no key: use a character, \"ctrl-l\", \"alt-x\", \"f5\", or one of {}",
        NAMES.map(|(name, _)| name).join(", ")
    )]
    Key {
        /// The text as it was given.
        text: String,
    },
    /// Not the name of an action.
    #[error("interface.keys: there is no action {name:?}: {}", meant(name))]
    Action {
        /// The name as it was given.
        name: String,
    },
    /// Two actions of one scope have the same key.
    #[error("interface.keys: {key} is given to {first:?} and to {second:?}: one key, one action")]
    Twice {
        /// The key.
        key: String,
        /// One action.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

fn meant(name: &str) -> String {
    let names: Vec<&str> = Scope::ALL
        .iter()
        .flat_map(|(scope, _)| scope.actions())
        .map(|action| action.name)
        .collect();
    did_you_mean(name, names)
}

impl FromStr for Chord {
    type Err = BadKeys;
    fn from_str(text: &str) -> Result<Self, BadKeys> {
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        loop {
            let modifier = [
                ("ctrl-", KeyModifiers::CONTROL),
                ("alt-", KeyModifiers::ALT),
                ("shift-", KeyModifiers::SHIFT),
            ]
            .into_iter()
            .find_map(|(name, modifier)| Some((rest.strip_prefix(name)?, modifier)));
            let Some((after, modifier)) = modifier.filter(|(after, _)| !after.is_empty()) else {
                break;
            };
            rest = after;
            modifiers |= modifier;
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(c), None) => KeyCode::Char(c),
            _ => NAMES
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .or_else(|| {
                    let number = rest.strip_prefix('f')?.parse().ok()?;
                    (1..=12).contains(&number).then_some(KeyCode::F(number))
                })
                .ok_or_else(|| BadKeys::Key {
                    text: text.to_owned(),
                })?,
        };
        Ok(KeyEvent::new(code, modifiers).into())
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in [
            (KeyModifiers::CONTROL, "Ctrl-"),
            (KeyModifiers::ALT, "Alt-"),
            (KeyModifiers::SHIFT, "Shift-"),
        ] {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("space"),
            KeyCode::Char(c) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", c.to_ascii_uppercase())
            }
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            KeyCode::F(number) => write!(f, "F{number}"),
            code => write!(f, "{code:?}"),
        }
    }
}

/// Which keys run which actions.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: BTreeMap<Scope, Vec<(&'static Action, Vec<Chord>)>>,
}

impl Keymap {
    /// The keys of all actions, those of `configured` (action's name to keys) in place of their own.
    ///
    /// # Errors
    /// A word that is no key or no action, or a key that two actions of one scope would have.
    pub fn new(configured: &BTreeMap<String, Vec<String>>) -> Result<Self, BadKeys> {
        let all = || Scope::ALL.iter().flat_map(|(scope, _)| scope.actions());
        if let Some(name) = configured
            .keys()
            .find(|name| all().all(|a| a.name != **name))
        {
            return Err(BadKeys::Action { name: name.clone() });
        }
        let mut bindings = BTreeMap::new();
        for (scope, _) in Scope::ALL {
            let mut taken: Vec<(Chord, &'static str)> = Vec::new();
            let mut actions = Vec::new();
            for action in scope.actions() {
                let chords = match configured.get(action.name) {
                    Some(keys) => keys
                        .iter()
                        .map(|k| k.parse())
                        .collect::<Result<Vec<Chord>, _>>(),
                    None => action.keys.iter().map(|k| k.parse()).collect(),
                }?;
                for chord in &chords {
                    if let Some((_, first)) = taken.iter().find(|(c, _)| c == chord) {
                        return Err(BadKeys::Twice {
                            key: chord.to_string(),
                            first,
                            second: action.name,
                        });
                    }
                    taken.push((*chord, action.name));
                }
                actions.push((action, chords));
            }
            bindings.insert(scope, actions);
        }
        Ok(Self { bindings })
    }

    /// What a key does in the first of `scopes` that knows it.
    pub fn action(&self, scopes: &[Scope], key: KeyEvent) -> Option<&'static Action> {
        let chord = Chord::from(key);
        scopes.iter().find_map(|scope| {
            self.of(*scope)
                .find(|(_, chords)| chords.contains(&chord))
                .map(|(action, _)| action)
        })
    }

    /// The actions of a scope with their keys.
    pub fn of(&self, scope: Scope) -> impl Iterator<Item = (&'static Action, &[Chord])> {
        self.bindings
            .get(&scope)
            .into_iter()
            .flatten()
            .map(|(action, chords)| (*action, chords.as_slice()))
    }

    /// The first key of an action, as hints and texts name it; empty if it has none.
    pub fn key_of(&self, name: &str) -> String {
        self.bindings
            .values()
            .flatten()
            .find(|(action, _)| action.name == name)
            .and_then(|(_, chords)| chords.first())
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(name: &str, keys: &[&str]) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([(
            name.to_owned(),
            keys.iter().map(|k| (*k).to_owned()).collect(),
        )])
    }

    #[test]
    fn the_keys_of_the_design_do_what_it_says() {
        let keymap = Keymap::new(&BTreeMap::new()).unwrap();
        let scopes = [Scope::Cockpit, Scope::Everywhere];
        for (key, name) in [
            ("p", "promote"),
            ("m", "migrate"),
            ("r", "roll-back"),
            ("!", "emergency"),
            ("R", "refresh"),
            ("q", "quit"),
            ("ctrl-l", "redraw"),
            ("ctrl-z", "suspend"),
            ("y", "copy"),
            ("o", "open"),
            ("L", "logs"),
            ("1", "environments"),
            ("5", "logs-pane"),
            ("tab", "next-pane"),
            ("/", "search"),
            (":", "palette"),
            ("?", "help"),
            ("h", "left"),
            ("j", "down"),
            ("k", "up"),
            ("l", "right"),
            ("pageup", "page-up"),
            ("g", "first"),
            ("G", "last"),
            ("home", "first"),
            ("end", "last"),
        ] {
            let Chord { code, modifiers } = key.parse().unwrap();
            let action = keymap.action(&scopes, KeyEvent::new(code, modifiers));
            assert_eq!(action.map(|a| a.name), Some(name), "{key}");
        }
    }

    #[test]
    fn no_action_shares_its_name() {
        let mut names: Vec<&str> = Scope::ALL
            .iter()
            .flat_map(|(scope, _)| scope.actions())
            .map(|a| a.name)
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn configured_keys_take_the_place_of_an_actions_own() {
        let keymap = Keymap::new(&configured("promote", &["ctrl-p", "f5"])).unwrap();
        let scopes = [Scope::Cockpit];
        let plain = KeyEvent::new(KeyCode::Char('p'), KeyModifiers::NONE);
        assert!(keymap.action(&scopes, plain).is_none());
        assert_eq!(keymap.key_of("promote"), "Ctrl-P");
    }

    #[test]
    fn what_cannot_be_bound_is_refused_with_what_was_meant() {
        let errors = [
            (configured("promot", &["x"]), "did you mean \"promote\"?"),
            (configured("promote", &["hyper-x"]), "is no key"),
            (configured("promote", &["m"]), "one key, one action"),
        ];
        for (configured, words) in errors {
            let error = Keymap::new(&configured).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_character_is_the_same_key_whether_or_not_shift_is_told() {
        let keymap = Keymap::new(&BTreeMap::new()).unwrap();
        for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
            let key = KeyEvent::new(KeyCode::Char('!'), modifiers);
            let action = keymap.action(&[Scope::Everywhere], key).unwrap();
            assert_eq!(action.name, "emergency");
        }
    }
}
