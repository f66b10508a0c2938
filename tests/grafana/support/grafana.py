"""Read a dashboard as Grafana does: its panels, its variables, and its queries to Prometheus.

It follows Grafana's Prometheus data source: `pkg/promlib/models/query.go` for intervals,
`packages/grafana-prometheus/src` for variables, in Grafana's repository.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.processes import RunningPrometheus

ALL: Final = "$__all"
Chosen = Mapping[str, str | Sequence[str]]
"""The selected values of variables by name: a value, several, or `ALL`."""

_POINTS: Final = 700
"""The number of data points that fit in a graph of half the page width."""
_SCRAPE_INTERVAL_SECONDS: Final = 15
"""The default of a data source."""
_INTERVALS_SECONDS: Final = (
    *(1, 2, 5, 10, 15, 20, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 20, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12, 24, 168)),
)
_VARIABLE: Final = re.compile(r"\$([a-z_]\w*)|\$\{(\w+)\}")
_IN_LEGEND: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel."""

    ref: str
    expression: str
    legend: str
    is_instant: bool
    format: str
    min_step: str

    @property
    def legend_labels(self) -> set[str]:
        """Return the labels in the legend."""
        return set(_IN_LEGEND.findall(self.legend))


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel with queries, and its JSON."""

    title: str
    kind: str
    targets: tuple[Target, ...]
    model: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a query result: its labels, and its values with their times."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """Return the newest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query: as received, and as series."""

    target: Target
    data: Mapping[str, Any]

    @property
    def series(self) -> list[Series]:
        """Return the series, each with at least one point."""
        return [
            Series(one["metric"], [(float(at), float(v)) for at, v in one.get("values") or [one["value"]]])
            for one in self.data["result"]
        ]


def panels_of(dashboard: Mapping[str, Any]) -> dict[str, Panel]:
    """Return all panels by title, those in collapsed rows included."""
    models = [inner for outer in dashboard["panels"] for inner in (outer, *outer.get("panels", ()))]
    return {model["title"]: _panel(model) for model in models if model["type"] != "row"}


def _panel(model: Mapping[str, Any]) -> Panel:
    targets = tuple(
        Target(
            ref=target["refId"],
            expression=target["expr"],
            legend=target.get("legendFormat", ""),
            is_instant=target.get("instant", False),
            format=target.get("format", "time_series"),
            min_step=target.get("interval", ""),
        )
        for target in model["targets"]
        if not target.get("hide")
    )
    return Panel(model["title"], model["type"], targets, model)


@dataclass(frozen=True, slots=True)
class View:
    """A dashboard with a time range in Unix seconds and selected variables; others have their defaults."""

    dashboard: Mapping[str, Any]
    prometheus: RunningPrometheus
    start: float
    end: float
    chosen: Chosen = field(default_factory=dict)

    def choose(self, **chosen: str | Sequence[str]) -> "View":
        """Return the view with other values selected."""
        return View(self.dashboard, self.prometheus, self.start, self.end, {**self.chosen, **chosen})

    @property
    def variables(self) -> dict[str, Mapping[str, Any]]:
        """Return the variables that queries may use, by name."""
        return {v["name"]: v for v in self.dashboard["templating"]["list"] if v["type"] != "datasource"}

    def options(self, name: str) -> list[str]:
        """Return the values that a variable offers, without `All`."""
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", self.variables[name]["query"])
        assert match, self.variables[name]["query"]
        selector = self._interpolated(match[1], {})
        values: list[str] = self.prometheus.ask(
            f"label/{match[2]}/values", match=selector, start=self.start, end=self.end
        )
        return values

    def answers(self, panel: Panel) -> list[Answer]:
        """Run all queries of a panel."""
        return [self.answer(panel, target) for target in panel.targets]

    def answer(self, panel: Panel, target: Target) -> Answer:
        """Run one query of a panel; an error of Prometheus fails the test."""
        interval = self._interval_seconds(panel)
        step = max(interval, _seconds(target.min_step) if target.min_step[:1] not in ("", "$") else 0)
        query = self.expression(panel, target)
        if target.is_instant:
            return Answer(target, self.prometheus.ask("query", query=query, time=self.end))
        start, end = (at // step * step for at in (self.start, self.end))
        return Answer(
            target, self.prometheus.ask("query_range", query=query, start=start, end=end, step=step)
        )

    def expression(self, panel: Panel, target: Target) -> str:
        """Return the expression that Prometheus receives."""
        interval = self._interval_seconds(panel)
        # Grafana takes the minimum interval of the query for the scrape interval, but not that of the panel.
        scrape = {"": _SCRAPE_INTERVAL_SECONDS, "$__interval": interval}.get(target.min_step)
        scrape = _seconds(target.min_step) if scrape is None else scrape
        built_in = {
            "__interval": interval,
            "__rate_interval": max(interval + scrape, 4 * scrape),
            "__range": round(self.end - self.start),
        }
        return self._interpolated(target.expression, {name: f"{n}s" for name, n in built_in.items()})

    def stat(self, title: str) -> float | None:
        """Return the number of a stat; None without data."""
        return single(self.answers(panels_of(self.dashboard)[title])[0])

    def table(self, title: str, *labels: str) -> dict[tuple[str, ...], dict[str, float]]:
        """Return the numbers of a table by the values of these labels, then by column title."""
        panel = panels_of(self.dashboard)[title]
        names = panel.model["transformations"][-1]["options"]["renameByName"]
        rows: dict[tuple[str, ...], dict[str, float]] = {}
        for answer in self.answers(panel):
            for one in answer.series:
                row = rows.setdefault(tuple(one.labels[label] for label in labels), {})
                assert row.setdefault(names[f"Value #{answer.target.ref}"], one.last) == one.last
        return rows

    def lines(self, title: str, ref: str = "A") -> dict[str, Series]:
        """Return the series of a graph by legend."""
        panel = panels_of(self.dashboard)[title]
        (target,) = (target for target in panel.targets if target.ref == ref)
        return {legend(target, one): one for one in self.answer(panel, target).series}

    def _interval_seconds(self, panel: Panel) -> int:
        wanted = (self.end - self.start) / _POINTS
        rounded = min(_INTERVALS_SECONDS, key=lambda seconds: abs(seconds - wanted))
        return max(rounded, _seconds(panel.model.get("interval") or f"{_SCRAPE_INTERVAL_SECONDS}s"))

    def _interpolated(self, text: str, built_in: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            return built_in[name] if name.startswith("__") else self._value(name)

        return _VARIABLE.sub(value, text)

    def _value(self, name: str) -> str:
        variable = self.variables[name]
        if variable["type"] == "textbox":
            return str(self.chosen.get(name, variable["query"]))
        chosen = self.chosen.get(name, variable["current"]["value"])
        if chosen == ALL:
            return str(variable["allValue"])
        values = [_escaped(one) for one in ([chosen] if isinstance(chosen, str) else chosen)]
        return values[0] if len(values) == 1 else f"({'|'.join(values)})"


def single(answer: Answer) -> float | None:
    """Return the only number of a result; None for a result without series."""
    assert len(answer.series) <= 1, f"several series: {answer.data}"
    return answer.series[0].last if answer.series else None


def legend(target: Target, series: Series) -> str:
    """Return the name of a series."""
    return _IN_LEGEND.sub(lambda match: series.labels.get(match[1], ""), target.legend)


def steps_of_buckets(series: Sequence[Series]) -> dict[float, float]:
    """Return the size of each bucket by its upper bound, as a heatmap shows it."""
    ordered = sorted((float(one.labels["le"]), one.last) for one in series)
    below = [0.0, *(total for _, total in ordered)]
    return {bound: total - before for (bound, total), before in zip(ordered, below, strict=False)}


def choices(view: View, names: Sequence[str]) -> Iterator[Chosen]:
    """Yield selections: all, each single value of each variable, and two values at once."""
    yield {}
    for name in names:
        options = view.options(name)
        yield from ({name: one} for one in options)
        if len(options) > 1:
            yield {name: options[:2]}


def _escaped(value: str) -> str:
    backslashes = value.replace("\\", "\\\\\\\\")
    return re.sub(r"[$^*{}\[\]+?.()|]", r"\\\\\g<0>", backslashes)


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _SECONDS[duration[-1]]
