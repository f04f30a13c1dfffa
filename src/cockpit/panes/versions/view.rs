//! How versions are drawn.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    cockpit::{
        ages::Ages,
        cells::{self, Row},
        model::Model,
        panes::{Pane, environments::drawn_name, freshness_words, is_old, pipelines},
    },
    release::{
        Digest, Repository,
        text::clean,
        version::{Known, Version, WhereItRuns},
    },
};

use super::{cursor, destination, promoted, repository, rows};

/// The pane's title: the repository, and what `p` would do and where.
pub fn title<'a>(model: &'a Model, ages: &Ages) -> (Line<'a>, Line<'a>) {
    let Some(repository) = repository(model) else {
        return (Line::raw("Versions"), Line::default());
    };
    let mut left = format!("Versions  {repository}");
    if let Some(observed) = model.fleet.versions(repository) {
        if let Some(versions) = observed.value() {
            let count = versions.versions.len();
            let more = if versions.complete { "" } else { "+" };
            left.push_str(&format!("  {count}{more} tags"));
        }
        if is_old(&ages.freshness(observed)) {
            left.push_str("  old");
        }
    }
    if !model.versions.needle.is_empty() {
        left.push_str(&format!("  /{}", clean(&model.versions.needle)));
    }
    let right = match destination(model) {
        // Nothing can be promoted in watch mode: nothing is announced.
        Some(environment) if model.permit.is_some() => {
            let what = match promoted(model, environment) {
                Ok(versions) => {
                    let mut tags: Vec<&str> = versions.values().map(|v| v.tag.as_str()).collect();
                    tags.dedup();
                    match tags.as_slice() {
                        [tag] => format!("p: {} to ", cells::cut(tag, 24)),
                        tags => format!("p: {} versions to ", tags.len()),
                    }
                }
                Err(_) => "p: - to ".to_owned(),
            };
            Line::from_iter([
                Span::styled(what, model.theme.text),
                drawn_name(&model.theme, environment),
            ])
        }
        _ => Line::default(),
    };
    (Line::raw(left), right)
}

/// Draws the pane's inside.
pub fn view(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let Some(repository) = repository(model) else {
        cells::draw(
            [Line::styled("no service is configured", theme.dim)],
            area,
            buf,
        );
        return;
    };
    let rows = rows(model);
    let observed = model.fleet.versions(repository);
    let freshness = observed.map(|o| ages.freshness(o));
    let words = freshness.as_ref().and_then(|f| freshness_words(f, ages));
    if rows.is_empty() {
        let words = match words {
            Some(words) => words,
            None if model.versions.needle.is_empty() => "no tags".to_owned(),
            None => format!("no tag holds {:?}", model.versions.needle),
        };
        let lines = cells::wrap(&words, usize::from(area.width.saturating_sub(2)));
        cells::draw(
            lines
                .into_iter()
                .map(|l| Line::styled(format!("  {l}"), theme.warning)),
            area,
            buf,
        );
        return;
    }
    let area = cells::noted(words, theme.warning, area, buf);
    let at = cursor(model, &rows);
    let visible = cells::visible(rows.len(), at, usize::from(area.height));
    let columns = Columns {
        runs: model.fleet.where_it_runs(repository),
        rollback: rollback_digest(model, repository),
        tag: rows[visible.clone()]
            .iter()
            .map(|v| cells::width(v.tag.as_str()))
            .max()
            .unwrap_or_default()
            .clamp(8, 32),
        old: freshness.as_ref().is_some_and(is_old),
    };
    let focused = model.focus == Pane::Versions;
    for (index, y) in visible.zip(area.top()..area.bottom()) {
        let row = Rect::new(area.x, y, area.width, 1);
        let line = version_line(model, ages, rows[index], &columns, repository, area.width);
        cells::draw([line], row, buf);
        if index == at {
            cells::mark_cursor(theme, focused, row, buf);
        }
    }
}

struct Columns {
    runs: WhereItRuns,
    rollback: Option<Digest>,
    tag: usize,
    old: bool,
}

/// What a rollback of the environment under the cursor would return to, of this repository.
fn rollback_digest(model: &Model, repository: &Repository) -> Option<Digest> {
    let proven = model.fleet.last_healthy(destination(model)?)?;
    proven
        .release
        .services
        .into_values()
        .find(|s| s.repository == *repository)
        .and_then(|s| s.digest)
}

fn version_line<'a>(
    model: &'a Model,
    ages: &Ages,
    version: &'a Version,
    columns: &Columns,
    repository: &Repository,
    width: u16,
) -> Line<'a> {
    let theme = &model.theme;
    let text = if columns.old { theme.dim } else { theme.text };
    let marked = model.versions.marks.get(repository).map(|m| &m.tag) == Some(&version.tag);
    let details = version.details.value();
    let age = details
        .and_then(|d| d.created)
        .map(|created| ages.ago(created))
        .unwrap_or_default();
    let revision = details.and_then(|d| d.revision.as_deref());
    let short = revision.map(|r| clean(&r.chars().take(7).collect::<String>()));
    let mut row = Row::new(usize::from(width))
        .text(if marked { "* " } else { "  " }, theme.key)
        .column(version.tag.as_str(), columns.tag, text)
        .gap(1)
        .column(age, 8, theme.dim)
        .column(short.unwrap_or_default(), 7, theme.dim)
        .gap(1);
    if width >= 96 {
        row = row
            .column(digest_words(&version.digest), 12, theme.dim)
            .gap(1);
    }
    if let Known::Failed(fault) = &version.digest {
        return row.text(fault.message.to_string(), theme.warning).line();
    }
    for (words, style) in pipelines::of_revision(model, revision) {
        row = row.text(words, style).gap(2);
    }
    let Some(digest) = version.digest.value() else {
        return row.line();
    };
    for name in columns.runs.get(digest).into_iter().flatten() {
        if let Some(environment) = model.fleet.config.environment(name) {
            let name = drawn_name(theme, environment);
            row = row
                .text("◂ ", theme.title)
                .text(name.content, name.style)
                .gap(1);
        }
    }
    if columns.rollback.as_ref() == Some(digest) {
        row = row.text("◂ rollback", theme.warning);
    }
    row.line()
}

fn digest_words(digest: &Known<Digest>) -> String {
    match digest {
        Known::Known(digest) => digest.short().to_owned(),
        Known::Pending => "…".to_owned(),
        Known::Failed(_) => "?".to_owned(),
    }
}
