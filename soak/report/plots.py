"""The plots of a page: one for each gauge, with a line for each scenario. They are scalable SVG with HTML labels.

Scenarios in which a gauge grew, and the harness, have separate plots, so that no other line hides the growth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from soak.gauges.results import HARNESS, FindingResult, Report, SeriesResult
from soak.report.figures import amount, duration, number
from soak.report.markup import Markup, markup, tag
from soak.report.scales import Point, Span, fewer, near, span, ticks

WIDTH, HEIGHT = 1000, 300
"""Size of a drawing in its own units. The page scales the drawing to its box."""
MOST_POINTS = 300
"""Most points of a line."""
ALL_POINTS = 110_000
"""Most points of a page, about 1 MB. On a page with many lines, each line has fewer points."""
LEAST_POINTS = 24
MOST_PLOTS = 400
COLOURS = 6


@dataclass(frozen=True, slots=True)
class PlotLine:
    """The values of a gauge in one scenario: (cycle, value), or (seconds, value) if cycles are not counted."""

    scenario: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Plot:
    """The plot of one gauge over the whole run.

    With `by_cycle`, its horizontal axis has cycles, otherwise seconds. `capacity` is drawn as a line unless it is far
    above the values.
    """

    name: str
    unit: str
    capacity: float | None
    by_cycle: bool
    lines: Sequence[PlotLine]
    findings: Sequence[FindingResult] = ()

    @property
    def of_harness(self) -> bool:
        """Whether the plot is about the harness, whose cycles are rounds."""
        return any(line.scenario == HARNESS for line in self.lines)

    @property
    def flat(self) -> bool:
        """Whether every line of the plot is constant."""
        return all(len({value for _, value in line.points}) == 1 for line in self.lines)


@dataclass(frozen=True, slots=True)
class PlotColours:
    """The colour of each scenario, as a number. All plots of a page use the same colours."""

    colours: Mapping[str, int]


def plot_colours(report: Report) -> PlotColours:
    """Return the colours of the report's scenarios, and of the scenarios that occur only in its series."""
    names = dict.fromkeys([*(one.name for one in report.scenarios), *(one.scenario for one in report.series)])
    return PlotColours({name: index for index, name in enumerate(names)})


def plots(report: Report) -> list[Plot]:
    """Return a plot for each gauge with points. Plots with findings are first. Within both groups, plots are ordered by
    name.
    """
    apart = {(one.name, one.scenario) for one in report.findings if one.kind != "harness"}
    groups: dict[tuple[str, str], list[SeriesResult]] = {}  # bounded by the series
    for series in report.series:
        if series.points:
            own = series.scenario == HARNESS or (series.name, series.scenario) in apart
            groups.setdefault((series.name, series.scenario if own else ""), []).append(series)
    most = max(LEAST_POINTS, min(MOST_POINTS, ALL_POINTS // max(1, len(report.series))))
    found = [_course(name, group, report.findings, most) for (name, _), group in groups.items()]
    return sorted(found, key=lambda course: (not course.findings, course.name))


def places_of(drawn: Sequence[Plot]) -> dict[tuple[str, str], str]:
    """Return the HTML id of the plot that shows each finding, by the finding's name and scenario."""
    found = (course for course in drawn if course.findings)
    return {(one.name, one.scenario): f"plot-{index}" for index, course in enumerate(found) for one in course.findings}


def figure(course: Plot, key: PlotColours, *, large: bool, id_: str) -> Markup:
    """Return a plot as an HTML `figure`: caption, SVG drawing, axes, and a legend if it is `large`."""
    across = _across(course)
    up = span([value for line in course.lines for _, value in line.points], course.capacity)
    size = "plot large" if large else "plot"
    return tag(
        "figure",
        _caption(course),
        tag(
            "div",
            _labels(up, course.unit, 4 if large else 3),
            _drawing(course, key, across, up, 4 if large else 3),
            class_="frame",
        ),
        _axis(course, across),
        _far_capacity(course),
        legend(course, key) if large else None,
        class_=size,
        id=id_,
    )


def legend(course: Plot, key: PlotColours) -> Markup:
    """Return the legend of a plot as an HTML list: each line of the plot, with the name of its scenario."""
    entries = [_entry(_style(line.scenario, key), line.scenario or "all scenarios") for line in course.lines]
    if course.capacity is not None:
        entries.append(_entry("capacity", "capacity"))
    return tag("ul", entries, class_="legend")


def _course(name: str, group: list[SeriesResult], findings: Sequence[FindingResult], most: int) -> Plot:
    by_cycle = any(cycle for series in group for _, cycle, _ in series.points)
    lines = [
        PlotLine(
            one.scenario, fewer([(float(cycle) if by_cycle else at, value) for at, cycle, value in one.points], most)
        )
        for one in group
    ]
    scenarios = {one.scenario for one in group}
    about = [
        one
        for one in findings
        if one.name == name and one.kind != "harness" and (one.scenario in scenarios or not one.scenario)
    ]
    capacity = next((one.capacity for one in group if one.capacity is not None), None)
    return Plot(name, group[0].unit, capacity, by_cycle, lines, about)


def _across(course: Plot) -> Span:
    places = [place for line in course.lines for place, _ in line.points]
    return Span(min(0.0, *places) if places else 0.0, max(places))


def _caption(course: Plot) -> Markup:
    sign = tag("span", "✗ found", class_="chip bad") if course.findings else None
    ends = [f"{amount(line.points[0][1], course.unit)} → {amount(line.points[-1][1], course.unit)}"
            for line in course.lines]  # fmt: skip
    ends_text = ends[0] if len(ends) == 1 else course.unit
    return tag("figcaption", tag("strong", course.name), " ", sign, " ", tag("span", ends_text, class_="dim"))


def _drawing(course: Plot, key: PlotColours, across: Span, up: Span, grid: int) -> Markup:
    values = [value for line in course.lines for _, value in line.points]
    span = f"between {amount(min(values), course.unit)} and {amount(max(values), course.unit)}"
    return tag(
        "svg",
        tag("title", f"{course.name} over {'cycles' if course.by_cycle else 'time'}"),
        tag("desc", f"{len(course.lines)} lines, {span}." if len(course.lines) != 1 else f"One line, {span}."),
        [_level(value, up, "grid") for value in ticks(up.low, up.high, grid)],
        _level(course.capacity, up, "capacity") if _draws_capacity(course) else None,
        [_curve(line, key, across, up) for line in course.lines],
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
    )


def _curve(line: PlotLine, key: PlotColours, across: Span, up: Span) -> Markup:
    points = line.points if len(line.points) > 1 else [*line.points, *line.points]
    placed = [(across.place(x, WIDTH), HEIGHT - up.place(y, HEIGHT)) for x, y in points]
    if len(line.points) == 1:
        placed[1] = (placed[0][0] + 4, placed[0][1])
    return tag("polyline", points=" ".join(f"{x},{y}" for x, y in placed), class_=_style(line.scenario, key))


def _level(value: float | None, up: Span, class_: str) -> Markup:
    y = HEIGHT - up.place(value or 0.0, HEIGHT)
    return tag("line", x1=0, x2=WIDTH, y1=y, y2=y, class_=class_)


def _labels(up: Span, unit: str, about: int) -> Markup:
    spans = [
        tag("span", amount(value, unit if unit == "bytes" else ""),
            style=f"top:{100 - up.place(value, 1000) / 10:.1f}%")
        for value in ticks(up.low, up.high, about)
    ]  # fmt: skip
    return tag("div", spans, class_="levels", aria_hidden="true")


def _axis(course: Plot, across: Span) -> Markup:
    cycles = "rounds" if course.of_harness else "judged cycles"
    end = f"{number(across.high)} {cycles}" if course.by_cycle else duration(across.high)
    return tag("div", tag("span", "0"), tag("span", end), class_="axis")


def _draws_capacity(course: Plot) -> bool:
    highest = max(value for line in course.lines for _, value in line.points)
    return course.capacity is not None and near(course.capacity, highest)


def _far_capacity(course: Plot) -> Markup | None:
    if course.capacity is None:
        return None
    where = "the dashed line" if _draws_capacity(course) else "far above"
    return tag("p", f"Capacity {amount(course.capacity, course.unit)}: {where}.", class_="dim small")


def _style(scenario: str, key: PlotColours) -> str:
    index = key.colours.get(scenario, 0)
    return f"line c{index % COLOURS}"


def _entry(class_: str, text: str) -> Markup:
    drawn = tag("line", x1=0, x2=28, y1=5, y2=5, class_=class_)
    return tag("li", markup(tag("svg", drawn, viewBox="0 0 28 10", class_="key", aria_hidden="true"), text))
