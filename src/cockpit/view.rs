//! The whole screen: header, panes, what is under way, alert, hints, overlays. Reads the model and
//! changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
};

use crate::release::{observed::Freshness, text::clean};

use super::{
    ages::Ages,
    cells::{self, Row},
    layout::{Frame, Layout, Place},
    model::Model,
    overlays::{self, Overlay, popup},
    panes::{
        Pane, environments, freshness_words,
        operations::{self, steps},
    },
    update,
};

/// Draws the model; returns where the terminal's cursor goes, if text is typed.
pub fn view(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let layout = super::layout::of(model, area);
    header(model, ages, layout.header, buf);
    strip(model, ages, layout.strip, buf);
    for place in &layout.panes {
        pane(model, ages, place, buf);
    }
    if let (Some(place), Some(followed)) = (&layout.steps, model.operations.open()) {
        let title = Line::raw(steps::title(followed));
        frame(
            model,
            place,
            title,
            Line::default(),
            model.focus == Pane::Operations,
            buf,
        );
        steps::view(model, ages, followed, place.inner(), buf);
    }
    under_way(model, ages, layout.operation, buf);
    alert(model, layout.alert, buf);
    let mut cursor = hints(model, &layout, buf);
    for overlay in &model.overlays {
        cursor = overlays::view(model, overlay, ages, layout.body, buf).or(cursor);
    }
    cursor.filter(|at| area.contains(*at))
}

fn header(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let mut row = Row::new(usize::from(area.width)).text(" flightdeck", theme.title);
    for badge in [model.banner, model.permit.is_none().then_some("READ-ONLY")]
        .into_iter()
        .flatten()
    {
        row = row.gap(1).text(format!(" {badge} "), theme.badge);
    }
    if let Some(github) = &model.fleet.config.github {
        row = row
            .gap(2)
            .text(format!("{}/{}", github.owner, github.name), theme.text);
    }
    let mut right: Vec<Span<'_>> = Vec::new();
    let mut say = |words: String, style: Style| {
        right.push(Span::styled(words, style));
        right.push(Span::raw("   "));
    };
    if model.fleet.config.github.is_some() {
        let (words, style) = link(model, &ages.freshness(&model.fleet.runs));
        let limit = model.fleet.runs.value().and_then(|runs| runs.limit);
        match limit {
            Some(limit) if words == "ok" => {
                say(format!("github {}/{}", limit.remaining, limit.limit), style);
            }
            _ => say(format!("github {words}"), style),
        }
    }
    let registry = model
        .fleet
        .config
        .repositories()
        .into_iter()
        .filter_map(|(repository, _)| model.fleet.versions(repository))
        .map(|observed| ages.freshness(observed))
        .find(|freshness| *freshness != Freshness::Fresh)
        .unwrap_or(Freshness::Fresh);
    let (words, style) = link(model, &registry);
    say(format!("registry {words}"), style);
    let clock = ages.clock();
    let taken: usize = right.iter().map(Span::width).sum::<usize>() + clock.len() + 1;
    // Where there is no room for all of it, the clock stays.
    if taken <= row.left() {
        let gap = row.left() - taken;
        row = row.gap(gap);
        for span in right {
            row = row.text(span.content, span.style);
        }
        row = row.text(clock, theme.text);
    } else {
        row = row.right(clock, theme.text);
    }
    cells::draw([row.line()], area, buf);
}

fn link(model: &Model, freshness: &Freshness) -> (&'static str, Style) {
    let theme = &model.theme;
    match freshness {
        Freshness::Fresh => ("ok", theme.good),
        Freshness::Unknown => ("-", theme.dim),
        Freshness::Connecting { .. } => ("connecting", theme.warning),
        Freshness::Stale { .. } => ("old", theme.warning),
        Freshness::Unreachable { .. } => ("lost", theme.bad),
    }
}

/// Environments, one a line, above the focused pane of narrow screens.
fn strip(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let lines = environments::most_important(model)
        .into_iter()
        .take(usize::from(area.height))
        .map(|(environment, _)| {
            let width = usize::from(area.width);
            let mut line = environments::view::environment_line(model, ages, environment, width);
            let words = model
                .fleet
                .environment(&environment.name)
                .map(|facts| ages.freshness(&facts.containers))
                .and_then(|freshness| freshness_words(&freshness, ages));
            if let Some(words) = words {
                let room = width.saturating_sub(line.width() + 2);
                let words = cells::cut(&words, room).into_owned();
                line.push_span(Span::raw("  "));
                line.push_span(Span::styled(words, model.theme.warning));
            }
            line
        });
    cells::draw(lines, area, buf);
}

fn pane(model: &Model, ages: &Ages, place: &Place, buf: &mut Buffer) {
    let (title, right) = place.pane.title(model, ages);
    let mut numbered = Line::raw(format!("{} ", place.pane.number()));
    numbered.extend(title.spans);
    frame(
        model,
        place,
        numbered,
        right,
        model.focus == place.pane,
        buf,
    );
    place.pane.view(model, ages, place.inner(), buf);
}

/// Draws a pane's frame with its title at the left and a remark at the right of its upper line.
fn frame(
    model: &Model,
    place: &Place,
    title: Line<'_>,
    right: Line<'_>,
    focused: bool,
    buf: &mut Buffer,
) {
    let theme = &model.theme;
    let area = place.outer;
    if area.is_empty() {
        return;
    }
    let mut put = |x: u16, y: u16, symbol: &str| {
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(theme.border);
        }
    };
    for x in area.left()..area.right() {
        put(x, area.top(), "─");
    }
    if let Frame::Box { first, last } = place.frame {
        let right_edge = area.right() - 1;
        for y in area.top()..area.bottom() {
            put(area.left(), y, "│");
            put(right_edge, y, "│");
        }
        let (left_corner, right_corner) = if first {
            ("┌", "┐")
        } else {
            ("├", "┤")
        };
        put(area.left(), area.top(), left_corner);
        put(right_edge, area.top(), right_corner);
        if last {
            let bottom = area.bottom() - 1;
            for x in area.left()..area.right() {
                put(x, bottom, "─");
            }
            put(area.left(), bottom, "└");
            put(right_edge, bottom, "┘");
        }
    }
    let style = if focused { theme.focus } else { theme.title };
    let upper = Rect::new(area.x + 1, area.y, area.width.saturating_sub(2), 1).intersection(area);
    let mut room = usize::from(upper.width);
    // What stands at the right says where a key acts: the title gives way to it.
    let remark = right.width();
    if remark > 0 && remark + 12 <= room {
        let wide = u16::try_from(remark).unwrap_or_default();
        let place = Rect::new(upper.right() - wide - 1, upper.y, wide, 1);
        buf.set_style(place, Style::reset());
        cells::draw([right], place, buf);
        room -= remark + 2;
    }
    let mut row = Row::new(room);
    for span in title.spans {
        row = row.text(span.content, style.patch(span.style));
    }
    let line = row.line();
    let wide = u16::try_from(line.width()).unwrap_or_default();
    let place = Rect {
        width: wide,
        ..upper
    };
    buf.set_style(place, Style::reset());
    cells::draw([line], place, buf);
}

fn under_way(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let mut all = model.operations.under_way(&model.fleet);
    if let Some((environment, operation)) = all.next() {
        let width = usize::from(area.width);
        let mut line = operations::view::under_way_line(model, ages, environment, operation, width);
        let others = all.count();
        if others > 0 {
            line.push_span(Span::styled(
                format!("  and {others} more"),
                model.theme.warning,
            ));
        }
        cells::draw([line], area, buf);
    }
}

fn alert(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let (text, style) = match &model.notice {
        Some(notice) if notice.bad => (notice.text.as_str(), theme.bad),
        Some(notice) => (notice.text.as_str(), theme.text),
        None => (model.guidance.as_str(), theme.badge),
    };
    let row = Row::new(usize::from(area.width))
        .gap(1)
        .text(clean(text), style);
    cells::draw([row.line()], area, buf);
}

/// The keys that mean something now; or the search that is typed there.
fn hints(model: &Model, layout: &Layout, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let area = layout.hints;
    if let Some(Overlay::Search(search)) = model.overlays.last() {
        let text = cells::cut(
            search.input.text(),
            usize::from(area.width.saturating_sub(3)),
        );
        let column = 2 + u16::try_from(cells::width(&text)).unwrap_or_default();
        let line = Line::from(vec![
            Span::styled(" /", theme.key),
            Span::styled(text.into_owned(), theme.title),
        ]);
        cells::draw([line], area, buf);
        return (!area.is_empty()).then(|| Position::new(area.x + column, area.y));
    }
    if !model.overlays.is_empty() {
        // Overlays have their keys inside.
        return None;
    }
    let mut keys: Vec<(String, &str)> = update::scopes(model)
        .into_iter()
        .flat_map(|scope| model.keymap.of(scope))
        .filter(|(action, _)| model.permit.is_some() || !action.changes)
        .filter_map(|(action, chords)| Some((chords.first()?.to_string(), action.hint?)))
        .collect();
    // The last one is the help, which has all of them: what there is no room for goes before it.
    let width = |keys: &[(String, &str)]| -> usize {
        keys.iter()
            .map(|(key, words)| cells::width(key) + words.len() + 3)
            .sum()
    };
    while width(&keys) > usize::from(area.width) && keys.len() > 1 {
        keys.remove(keys.len() - 2);
    }
    cells::draw([popup::keys(theme, keys)], area, buf);
    None
}
