"""The kinds of panels in use, each with what all of its kind have to keep to.

- A stat or a table asks an instant query: a range query would go on showing a dead exporter's last value.
- A stat says NO DATA in a colour of its own where there is none: no data is not green.
- A rate looks back over four steps of its graph, and a step is a minute at least. Where nobody has told
  Grafana the scrape interval it would look back over 75 seconds, and be empty if the interval is a minute.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from prometheus_client.utils import floatToGoString

from dev.grafana.colours import BAD, GOOD, NEUTRAL, NO_DATA, PHASE_COLOURS, WARNING

MIN_INTERVAL: Final = "1m"
# What `$__rate_interval` takes for the scrape interval. A fixed time would be more than that in newer
# Grafanas: the step of every graph, with too many points for a month.
_MIN_STEP: Final = "$__interval"
NO_DATA_TEXT: Final = "NO DATA"
SOURCE: Final = common_model.DataSourceRef(type_val="prometheus", uid="${datasource}")
Steps = Sequence[tuple[float | None, str]]
"""Thresholds: from which value on (None for the lowest) which colour."""
Property = model.DynamicConfigValue
"""One setting of an override."""

UID: Final = "aiozpin-overview"
LINK_TO_ACCOUNT: Final = Property(
    id_val="links",
    value=[
        {
            "title": "Show this account alone",
            "url": f"/d/{UID}?${{__url_time_range}}&${{datasource:queryparam}}"
            "&var-account=${__value.text:percentencode}",
        }
    ],
)
_COLOURED_CELL: Final = Property(id_val="custom.cellOptions", value={"type": "color-text"})

ZERO_IS_GOOD: Final[Steps] = ((None, GOOD), (1, BAD))
ZERO_IS_BETTER: Final[Steps] = ((None, GOOD), (1, WARNING))
NOT_JUDGED: Final[Steps] = ((None, NEUTRAL),)

Panel = stat.Panel | bargauge.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
_Panel = TypeVar("_Panel", stat.Panel, bargauge.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


def stat_panel(
    title: str,
    question: str,
    expression: str,
    *,
    unit: str = "none",
    steps: Steps = NOT_JUDGED,
    words: Mapping[float, tuple[str, str]] | None = None,
    decimals: int | None = None,
    span: int = 4,
) -> stat.Panel:
    """Return one number or word. `words` gives text and colour for single values.

    Only what is judged has a coloured background, so that a colour always says something.
    """
    panel = (
        _framed(stat.Panel(), title, question, span, height=4)
        .unit(unit)
        .with_target(_query(expression, instant=True))
        .color_mode(
            common_model.BigValueColorMode.NONE
            if steps is NOT_JUDGED
            else common_model.BigValueColorMode.BACKGROUND_SOLID
        )
        .graph_mode(common_model.BigValueGraphMode.NONE)
        .text_mode(common_model.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .mappings([_no_data(), *_words(words or {})])
        .no_value(NO_DATA_TEXT)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(steps))
    )
    return panel if decimals is None else panel.decimals(decimals)


def time_panel(
    title: str,
    question: str,
    queries: Mapping[str, str],
    *,
    unit: str = "none",
    span: int = 12,
    stacked: bool = False,
    legend: Sequence[str] = ("lastNotNull",),
) -> timeseries.Panel:
    """Return lines over time; `queries` gives expressions by the legends of their series."""
    panel = (
        _framed(timeseries.Panel(), title, question, span)
        .unit(unit)
        .targets([_query(e, legend=text, ref=ref) for ref, (text, e) in _refs(queries)])
        .min(0)
        .line_width(2 if not stacked else 1)
        .fill_opacity(60 if stacked else 0)
        .show_points(common_model.VisibilityMode.NEVER)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.TABLE)
            .placement(common_model.LegendPlacement.RIGHT)
            .show_legend(show_legend=True)
            .calcs(list(legend))
        )
    )
    return (
        panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL)) if stacked else panel
    )


def state_panel(
    title: str,
    question: str,
    queries: Mapping[str, str],
    *,
    words: Mapping[float, tuple[str, str]],
) -> statetimeline.Panel:
    """Return a band of states over time for each series."""
    return (
        _framed(statetimeline.Panel(), title, question, span=12)
        .unit("none")
        .targets([_query(e, legend=text, ref=ref) for ref, (text, e) in _refs(queries)])
        .mappings([_no_data(), *_words(words)])
        .show_value(common_model.VisibilityMode.NEVER)
        .row_height(0.8)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs([])
        )
        # Not by thresholds: Grafana would then paint these and not the words.
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(NO_DATA))
    )


def buckets_panel(
    title: str, question: str, expression: str, bounds: Mapping[float, str], *, span: int = 8
) -> bargauge.Panel:
    """Return a bar for each step of a cumulative histogram; `bounds` says how upper ends are written."""
    query = _query(expression, legend="{{le}}", instant=True)
    panel = (
        _framed(bargauge.Panel(), title, question, span)
        .unit("short")
        .with_target(query.format(PromQueryFormat.HEATMAP))
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .value_mode(common_model.BarGaugeValueMode.TEXT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
        .no_value(NO_DATA_TEXT)
        .mappings([_no_data()])
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(NEUTRAL))
    )
    *_, last = bounds.values()
    names = {
        floatToGoString(bound): f"up to {text}"  # type: ignore[no-untyped-call]
        for bound, text in bounds.items()
    }
    for edge, name in {**names, "+Inf": f"above {last}"}.items():
        panel = panel.override_by_name(edge, [Property(id_val="displayName", value=name)])
    return panel


def table_panel(
    title: str,
    question: str,
    columns: Mapping[str, str],
    *,
    hidden: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    sort_by: str,
) -> table.Panel:
    """Return a table: expressions by the titles of their columns, joined by the labels that they share."""
    refs = list(_refs(columns))
    several = len(refs) > 1
    values = {f"Value #{ref}" if several else "Value": column for ref, (column, _) in refs}
    order = [*(names or {}), *values]
    return (
        _framed(table.Panel(), title, question, span=24)
        .unit("none")
        .targets(
            [_query(e, instant=True, ref=ref).format(PromQueryFormat.TABLE) for ref, (_, e) in refs],
        )
        .transformations(
            [
                model.DataTransformerConfig(id_val="merge", options={}),
                model.DataTransformerConfig(
                    id_val="organize",
                    options={
                        "excludeByName": dict.fromkeys(("Time", *hidden), True),
                        "indexByName": {field: index for index, field in enumerate(order)},
                        "renameByName": {**(names or {}), **values},
                    },
                ),
            ]
        )
        .mappings([_no_data()])
        .no_value(NO_DATA_TEXT)
        .min_width(80)
        .sort_by([common.TableSortByFieldState().display_name(sort_by).desc(desc=True)])
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(((None, "text"),)))
    )


def coloured(steps: Steps) -> list[Property]:
    """Return what makes the cells of a column change colour with their value."""
    thresholds = [{"color": colour, "value": value} for value, colour in steps]
    return [_COLOURED_CELL, Property(id_val="thresholds", value={"mode": "absolute", "steps": thresholds})]


def words_of(words: Mapping[str, tuple[str, str]]) -> list[Property]:
    """Return what shows the cells of a column as words in colours, by what stands in them."""
    options = {value: {"text": text, "color": colour} for value, (text, colour) in words.items()}
    return [_COLOURED_CELL, Property(id_val="mappings", value=[{"type": "value", "options": options}])]


def words_of_phases() -> list[Property]:
    """Return what colours the cells of a column that holds phases."""
    return words_of({phase.value: (phase.value, colour) for phase, colour in PHASE_COLOURS.items()})


def unit_of(unit: str) -> Property:
    """Return what gives a column a unit of its own."""
    return Property(id_val="unit", value=unit)


def width_of(pixels: int) -> Property:
    """Return what gives a column a width of its own, where an equal part would cut its words."""
    return Property(id_val="custom.width", value=pixels)


def fixed(colour: str) -> list[Property]:
    """Return what gives a series its own colour."""
    return [Property(id_val="color", value={"mode": "fixed", "fixedColor": colour})]


def dashed(colour: str) -> list[Property]:
    """Return what draws a series as a dashed line in a colour."""
    style = {"fill": "dash", "dash": [10, 10]}
    return [*fixed(colour), Property(id_val="custom.lineStyle", value=style)]


def by_phase(panel: timeseries.Panel, ending: str = "{phase}") -> timeseries.Panel:
    """Colour the series of a panel by the phase that their legends end in; those of one phase in shades."""
    for phase, colour in PHASE_COLOURS.items():
        shades = Property(id_val="color", value={"mode": "shades", "fixedColor": colour})
        panel = panel.override_by_regexp(f"/{ending.format(phase=phase)}$/", [shades])
    return panel


def _framed(panel: _Panel, title: str, question: str, span: int, height: int = 8) -> _Panel:
    return (
        panel.title(title)
        .description(question)
        .datasource(SOURCE)
        .interval(MIN_INTERVAL)
        .span(span)
        .height(height)
    )


def _refs(queries: Mapping[str, str]) -> list[tuple[str, tuple[str, str]]]:
    return list(zip("ABCDEFGHIJKLMNOP", queries.items(), strict=False))


def _query(
    expression: str, *, legend: str = "", instant: bool = False, ref: str = "A"
) -> prometheus.Dataquery:
    query = prometheus.Dataquery().datasource(SOURCE).ref_id(ref).expr(expression).legend_format(legend)
    if "$__rate_interval" in expression:
        query = query.interval(_MIN_STEP)
    return query.instant() if instant else query.range()


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _no_data() -> model.SpecialValueMap:
    result = model.ValueMappingResult(text=NO_DATA_TEXT, color=NO_DATA, index=0)
    return model.SpecialValueMap(
        options=model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL_AND_NAN, result=result
        )
    )


def _words(words: Mapping[float, tuple[str, str]]) -> list[model.ValueMap]:
    if not words:
        return []
    results = {
        f"{value:g}": model.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(words.items(), start=1)
    }
    return [model.ValueMap(options=results)]
