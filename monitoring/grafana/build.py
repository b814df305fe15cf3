"""Writes the boards as JSON for Grafana: `python monitoring/grafana/build.py [FOLDER]`.

The JSON is committed and provisioned; a test compares it with what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from boards import BOARDS
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from panels import BARS, LINE, ROWS, VALUE, Board, Panel

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
TIME_ZONE = "Asia/Kolkata"
WIDTH = 24
SIZES = {LINE: (12, 8), VALUE: (6, 4), BARS: (12, 8), ROWS: (12, 8)}
BUILDERS: dict[str, Any] = {
    LINE: timeseries.Panel,
    VALUE: stat.Panel,
    BARS: bargauge.Panel,
    ROWS: table.Panel,
}


def build(board: Board) -> str:
    """The board's JSON."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["daybreak"])
        .timezone(TIME_ZONE)
        .refresh(board.refresh)
        .time(board.since, "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Source").type("prometheus"))
    )
    x = y = height = 0
    for number, panel in enumerate(board.panels, start=1):
        width, high = SIZES[panel.shape]
        if x + width > WIDTH:
            x, y, height = 0, y + height, 0
        made = made.with_panel(_panel(panel, number, GridPos(h=high, w=width, x=x, y=y)))
        x, height = x + width, max(height, high)
    return str(JSONEncoder(sort_keys=True, indent=1).encode(made.build())) + "\n"


def _panel(panel: Panel, number: int, place: GridPos) -> Any:
    built = BUILDERS[panel.shape]().title(panel.title).id(number).unit(panel.unit)
    built = built.datasource(SOURCE).grid_pos(place)
    if panel.says:
        built = built.description(panel.says)
    if panel.limits:
        steps = [Threshold(value=value, color=colour) for value, colour in panel.limits]
        limits = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        built = built.thresholds(limits)
    if panel.shape == VALUE:
        coloured = BigValueColorMode.BACKGROUND if panel.limits else BigValueColorMode.NONE
        built = built.color_mode(coloured)
        built = built.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    for letter, (legend, query) in zip("ABCDEFG", panel.queries.items(), strict=False):
        target = prometheus.Dataquery().expr(query).legend_format(legend)
        target = target.ref_id(letter).datasource(SOURCE)
        if panel.shape == ROWS:
            target = target.instant().format(PromQueryFormat.TABLE)
        built = built.with_target(target)
    return built


def main(folder: Path) -> None:
    for board in BOARDS:
        (folder / f"{board.uid}.json").write_text(build(board), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
