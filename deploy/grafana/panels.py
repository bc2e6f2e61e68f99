"""Panels as both dashboards have them, of the builders of grafana-foundation-sdk."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import (
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "[$__rate_interval]"
WIDTH = 24
"""Columns of a dashboard."""


def datasource_variable() -> dashboard.DatasourceVariable:
    """The choice of the Prometheus that all panels ask."""
    return dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def label_variable(name: str, label: str, query: str, *, multi: bool) -> dashboard.QueryVariable:
    """The choice of a value of a label, or of several; all are also series without the label."""
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    return variable.multi(True).include_all(True).all_value(".*") if multi else variable


def number(
    title: str, text: str, query: str, *, unit: str = "short", bad: float | None = None
) -> stat.Panel:
    """The newest value of a query; red from the value `bad` on."""
    steps = [models.Threshold(value=None, color="text" if bad is None else "green")]
    if bad is not None:
        steps.append(models.Threshold(value=bad, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(text)
        .datasource(DATASOURCE)
        .unit(unit)
        .height(4)
        .span(WIDTH // 6)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_target(query, "").instant())
    )


def graph(
    title: str,
    text: str,
    *queries: tuple[str, str],
    unit: str = "short",
    stacked: bool = False,
    signed: bool = False,
    in_row: int = 3,
) -> timeseries.Panel:
    """The course of `queries`, each with the legend of its series, one of `in_row` panels.

    The axis begins at 0, except if values are `signed`.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .datasource(DATASOURCE)
        .unit(unit)
        .height(8)
        .span(WIDTH // in_row)
        .fill_opacity(30 if stacked else 0)
        .show_points(common.VisibilityMode.NEVER)
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if not signed:
        panel.min(0)
    if stacked:
        panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    for letter, (query, legend) in zip("ABCD", queries, strict=False):
        panel.with_target(_target(query, legend).ref_id(letter))
    return panel


def rows(title: str, text: str, query: str) -> table.Panel:
    """The labels of the series that a query gives, a row each."""
    return (
        table.Panel()
        .title(title)
        .description(text)
        .datasource(DATASOURCE)
        .height(8)
        .span(WIDTH // 3)
        .with_target(_target(query, "").instant().format(PromQueryFormat.TABLE))
    )


def distribution(title: str, text: str, query: str, *, unit: str) -> heatmap.Panel:
    """The buckets of a histogram over time."""
    return (
        heatmap.Panel()
        .title(title)
        .description(text)
        .datasource(DATASOURCE)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .height(8)
        .span(WIDTH // 3)
        .with_target(_target(query, "{{le}}").format(PromQueryFormat.HEATMAP))
    )


def _target(query: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query).legend_format(legend).ref_id("A")
