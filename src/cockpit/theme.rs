//! Semantic colours: views name what something means, a theme says how that looks.
//!
//! Colour never carries meaning alone: every role is also told by words or by its place.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// The themes that come along: name and file.
const BUILT_IN: [(&str, &str); 4] = [
    ("default", include_str!("../../themes/default.toml")),
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("monochrome", include_str!("../../themes/monochrome.toml")),
];

/// How each meaning looks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// Ordinary text.
    #[serde(deserialize_with = "style")]
    pub text: Style,
    /// What is beside the point, and data that is old.
    #[serde(deserialize_with = "style")]
    pub dim: Style,
    /// Lines round the panes.
    #[serde(deserialize_with = "style")]
    pub border: Style,
    /// A pane's title.
    #[serde(deserialize_with = "style")]
    pub title: Style,
    /// The title of the pane that has the focus.
    #[serde(deserialize_with = "style")]
    pub focus: Style,
    /// The row under the cursor, in the pane that has the focus.
    #[serde(deserialize_with = "style")]
    pub cursor: Style,
    /// The row under the cursor in the other panes.
    #[serde(deserialize_with = "style")]
    pub cursor_elsewhere: Style,
    /// The name of a protected environment.
    #[serde(deserialize_with = "style")]
    pub protected: Style,
    /// Well, passed, succeeded.
    #[serde(deserialize_with = "style")]
    pub good: Style,
    /// Under way, starting, unknown, overridden.
    #[serde(deserialize_with = "style")]
    pub warning: Style,
    /// Unwell, failed, stuck.
    #[serde(deserialize_with = "style")]
    pub bad: Style,
    /// A key that can be pressed.
    #[serde(deserialize_with = "style")]
    pub key: Style,
    /// The badge of the demo and of watch mode.
    #[serde(deserialize_with = "style")]
    pub badge: Style,
    /// What a search found.
    #[serde(deserialize_with = "style")]
    pub found: Style,
}

/// Why a text is not a theme.
#[derive(Debug, thiserror::Error)]
pub enum BadTheme {
    /// Not the TOML of a theme.
    #[error("the theme {name:?} cannot be read: {source}")]
    Syntax {
        /// The theme's name or path.
        name: String,
        /// What is wrong and where.
        source: toml::de::Error,
    },
    /// No theme has that name.
    #[error(
        "there is no theme {name:?}: use {}, or the path of a theme's file",
        BUILT_IN.map(|(name, _)| name).join(", ")
    )]
    Unknown {
        /// The name as it was given.
        name: String,
    },
}

impl Theme {
    /// A theme that comes along: `default` (reads on dark and light backgrounds), `dark`, `light`,
    /// `monochrome`.
    ///
    /// # Errors
    /// A name that none has.
    pub fn built_in(name: &str) -> Result<Self, BadTheme> {
        let (name, text) = BUILT_IN
            .into_iter()
            .find(|(built_in, _)| *built_in == name)
            .ok_or_else(|| BadTheme::Unknown {
                name: name.to_owned(),
            })?;
        Self::parse(name, text)
    }

    /// The theme that a file's `text` describes; `name` is for the error.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(name: &str, text: &str) -> Result<Self, BadTheme> {
        toml::from_str(text).map_err(|source| BadTheme::Syntax {
            name: name.to_owned(),
            source,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    foreground: Option<String>,
    background: Option<String>,
    #[serde(default)]
    bold: bool,
    #[serde(default)]
    dim: bool,
    #[serde(default)]
    reverse: bool,
    #[serde(default)]
    underline: bool,
}

fn style<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Style, D::Error> {
    let look = Look::deserialize(deserializer)?;
    let color = |text: &str| {
        text.parse::<Color>().map_err(|_| {
            serde::de::Error::custom(format!(
                "{text:?} is no colour: use a name such as \"light-red\", a number up to 255, or \"#rrggbb\""
            ))
        })
    };
    let mut style = Style::new();
    if let Some(foreground) = &look.foreground {
        style = style.fg(color(foreground)?);
    }
    if let Some(background) = &look.background {
        style = style.bg(color(background)?);
    }
    for (wanted, modifier) in [
        (look.bold, Modifier::BOLD),
        (look.dim, Modifier::DIM),
        (look.reverse, Modifier::REVERSED),
        (look.underline, Modifier::UNDERLINED),
    ] {
        if wanted {
            style = style.add_modifier(modifier);
        }
    }
    Ok(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_that_comes_along_can_be_read() {
        for (name, _) in BUILT_IN {
            Theme::built_in(name).unwrap();
        }
        let unknown = Theme::built_in("solarised").unwrap_err().to_string();
        assert!(unknown.contains("monochrome"), "{unknown}");
    }

    #[test]
    fn the_monochrome_theme_has_no_colour_and_still_marks_the_cursor() {
        let theme = Theme::built_in("monochrome").unwrap();
        for style in [
            theme.text,
            theme.good,
            theme.warning,
            theme.bad,
            theme.protected,
            theme.cursor,
        ] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
        assert!(theme.cursor.add_modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn a_wrong_colour_is_named() {
        let text = include_str!("../../themes/dark.toml").replacen("green", "gren", 1);
        let error = Theme::parse("mine", &text).unwrap_err().to_string();
        assert!(error.contains("\"gren\" is no colour"), "{error}");
    }
}
