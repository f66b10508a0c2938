"""The kinds of panels, and the rules that all panels of a kind follow.

- Stats and tables use instant queries: a range query would keep showing the last value of a dead exporter.
- A stat without data says NO DATA in a color of its own: no data is not green.
- A rate covers four steps of its graph, and a step is at least a minute. By default, Grafana assumes a scrape
  interval of 15 seconds, and a rate over four of those is empty if the interval is really a minute.
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

from dev.grafana.colors import BAD, GOOD, NEUTRAL, NO_DATA, PHASE_COLORS, WARNING

MIN_INTERVAL: Final = "1m"
# `$__rate_interval` takes the minimum step for the scrape interval. A fixed duration would also become the
# step of every graph in newer versions of Grafana, with too many points for a month.
_MIN_STEP: Final = "$__interval"
NO_DATA_TEXT: Final = "NO DATA"
SOURCE: Final = common_model.DataSourceRef(type_val="prometheus", uid="${datasource}")
Thresholds = Sequence[tuple[float | None, str]]
"""The lowest value of each color, in ascending order; None for the first."""
Texts = Mapping[float, tuple[str, str]]
"""Text and color that replace a value."""
Property = model.DynamicConfigValue
"""One setting of an override."""

UID: Final = "aiozpin-overview"
LINK_TO_ACCOUNT: Final = Property(
    id_val="links",
    value=[
        {
            "title": "Show only this account",
            "url": f"/d/{UID}?${{__url_time_range}}&${{datasource:queryparam}}"
            "&var-account=${__value.text:percentencode}",
        }
    ],
)
_COLORED_CELL: Final = Property(id_val="custom.cellOptions", value={"type": "color-text"})

BAD_ABOVE_ZERO: Final[Thresholds] = ((None, GOOD), (1, BAD))
WARNING_ABOVE_ZERO: Final[Thresholds] = ((None, GOOD), (1, WARNING))
NOT_CONFIGURED_TEXTS: Final[Texts] = {-1: ("NOT CONFIGURED", NO_DATA), -2: ("PARTIAL", NO_DATA)}
"""The texts of `promql.or_not_configured` and `promql.never_good_in_part`."""
NO_THRESHOLDS: Final[Thresholds] = ((None, NEUTRAL),)

Panel = stat.Panel | bargauge.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
_Panel = TypeVar("_Panel", stat.Panel, bargauge.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


def stat_panel(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str = "none",
    thresholds: Thresholds = NO_THRESHOLDS,
    texts: Texts | None = None,
    decimals: int | None = None,
    width: int = 4,
) -> stat.Panel:
    """Return a single number or text.

    The background is colored only where there are thresholds, so that a color always has a meaning.
    """
    panel = (
        _framed(stat.Panel(), title, description, width, height=4)
        .unit(unit)
        .with_target(_query(expression, instant=True))
        .color_mode(
            common_model.BigValueColorMode.NONE
            if thresholds is NO_THRESHOLDS
            else common_model.BigValueColorMode.BACKGROUND_SOLID
        )
        .graph_mode(common_model.BigValueGraphMode.NONE)
        .text_mode(common_model.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .mappings([_no_data(), *_text_mappings(texts or {})])
        .no_value(NO_DATA_TEXT)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(thresholds))
    )
    return panel if decimals is None else panel.decimals(decimals)


def time_panel(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    unit: str = "none",
    width: int = 12,
    stacked: bool = False,
) -> timeseries.Panel:
    """Return lines over time; `queries` maps legends to expressions.

    The legend has no values: the last one of a line that has ended would look like the current one.
    """
    panel = (
        _framed(timeseries.Panel(), title, description, width)
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
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs([])
        )
    )
    return (
        panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL)) if stacked else panel
    )


def state_panel(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    texts: Texts,
    width: int = 12,
) -> statetimeline.Panel:
    """Return states over time, a band for each series; `queries` maps legends to expressions."""
    return (
        _framed(statetimeline.Panel(), title, description, width)
        .unit("none")
        .targets([_query(e, legend=text, ref=ref) for ref, (text, e) in _refs(queries)])
        .mappings([_no_data(), *_text_mappings(texts)])
        .show_value(common_model.VisibilityMode.NEVER)
        .row_height(0.8)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs([])
        )
        # Not by thresholds: Grafana would use their colors instead of those of the texts.
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(NO_DATA))
    )


def buckets_panel(
    title: str, description: str, expression: str, bounds: Mapping[float, str], *, width: int = 8
) -> bargauge.Panel:
    """Return a bar for each bucket of a cumulative histogram; `bounds` maps upper bounds to their texts."""
    query = _query(expression, legend="{{le}}", instant=True)
    panel = (
        _framed(bargauge.Panel(), title, description, width)
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
    description: str,
    columns: Mapping[str, str],
    *,
    hidden: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    sort_by: str,
) -> table.Panel:
    """Return a table; `columns` maps titles to expressions, which are joined by their common labels."""
    refs = list(_refs(columns))
    several = len(refs) > 1
    values = {f"Value #{ref}" if several else "Value": column for ref, (column, _) in refs}
    order = [*(names or {}), *values]
    return (
        _framed(table.Panel(), title, description, width=24)
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


def cell_thresholds(thresholds: Thresholds) -> list[Property]:
    """Return the properties of a column whose cells change color with their value."""
    steps = [{"color": color, "value": value} for value, color in thresholds]
    return [_COLORED_CELL, Property(id_val="thresholds", value={"mode": "absolute", "steps": steps})]


def cell_texts(texts: Mapping[str, tuple[str, str]]) -> list[Property]:
    """Return the properties of a column whose cells show a text and a color for each value."""
    options = {value: {"text": text, "color": color} for value, (text, color) in texts.items()}
    return [_COLORED_CELL, Property(id_val="mappings", value=[{"type": "value", "options": options}])]


def phase_texts() -> list[Property]:
    """Return the properties of a column of phases."""
    return cell_texts({phase.value: (phase.value, color) for phase, color in PHASE_COLORS.items()})


def column_unit(unit: str) -> Property:
    """Return the unit of a column or series that is not the panel's."""
    return Property(id_val="unit", value=unit)


def column_width(pixels: int) -> Property:
    """Return the width of a column that would be too narrow for its text."""
    return Property(id_val="custom.width", value=pixels)


def dashed_line(color: str) -> list[Property]:
    """Return the properties of a series that is drawn as a dashed line."""
    return [
        Property(id_val="color", value={"mode": "fixed", "fixedColor": color}),
        Property(id_val="custom.lineStyle", value={"fill": "dash", "dash": [10, 10]}),
    ]


def colored_by_phase(panel: timeseries.Panel, ending: str = "{phase}") -> timeseries.Panel:
    """Color each series by the phase at the end of its legend; series of the same phase get shades."""
    for phase, color in PHASE_COLORS.items():
        shades = Property(id_val="color", value={"mode": "shades", "fixedColor": color})
        panel = panel.override_by_regexp(f"/{ending.format(phase=phase)}$/", [shades])
    return panel


def _framed(panel: _Panel, title: str, description: str, width: int, height: int = 8) -> _Panel:
    return (
        panel.title(title)
        .description(description)
        .datasource(SOURCE)
        .interval(MIN_INTERVAL)
        .span(width)
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


def _thresholds(thresholds: Thresholds) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=color) for value, color in thresholds])
    )


def _no_data() -> model.SpecialValueMap:
    result = model.ValueMappingResult(text=NO_DATA_TEXT, color=NO_DATA, index=0)
    return model.SpecialValueMap(
        options=model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL_AND_NAN, result=result
        )
    )


def _text_mappings(texts: Texts) -> list[model.ValueMap]:
    if not texts:
        return []
    results = {
        f"{value:g}": model.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(texts.items(), start=1)
    }
    return [model.ValueMap(options=results)]
