#!/usr/bin/env python3
"""Makes docs/fleet-dashboard.svg and docs/board-dashboard.svg from what the panels' queries give.

A real Prometheus scrapes a real daemon to which frames are sent, and the metrics of a board with
sensors. While it does, the daemon's engine is killed once. Needs Debian's package `prometheus`.
"""

from __future__ import annotations

import io
import json
import math
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from dashboard_picture import Line, draw_dashboard, with_legend

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 120.0
STEP = 2.0
sys.path += [str(ROOT / "training"), str(ROOT / "tests")]


def main() -> None:
    """Write both pictures."""
    from scenes import draw_scene  # noqa: PLC0415 # beside the training
    from support.running_fleet import RunningFleet  # noqa: PLC0415 # beside the tests

    jpeg = io.BytesIO()
    Image.fromarray(draw_scene(7).image).save(jpeg, "JPEG", quality=92)
    with tempfile.TemporaryDirectory() as folder:
        fleet = RunningFleet(Path(folder), jpeg.getvalue())
        with fleet.running():
            print(f"scraping for {SECONDS:g} s")
            begin = time.time()
            time.sleep(SECONDS / 2)
            if (engine := fleet.daemon.engine_pid) is not None:
                os.kill(engine, signal.SIGKILL)
            time.sleep(SECONDS / 2)
            for name in ("fleet", "board"):
                file = ROOT / f"deploy/grafana/dashboards/{name}.json"
                dashboard = json.loads(file.read_text(encoding="utf-8"))
                lines = {
                    (number, target["expr"]): _lines(fleet, target, begin)
                    for number, panel in enumerate(dashboard["panels"])
                    for target in panel.get("targets", [])
                }
                picture = draw_dashboard(dashboard, lines)
                (ROOT / f"docs/{name}-dashboard.svg").write_text(picture, encoding="utf-8")


def _lines(fleet: Any, target: dict[str, Any], begin: float) -> list[Line]:  # noqa: ANN401 # imported late
    """The series of a query since `begin`; those of sensors are of the board that has them."""
    found: list[dict[str, Any]] = []
    for instance in (fleet.listed, fleet.discovered):
        query = target["expr"].replace("$__rate_interval", "15s")
        for variable, value in (("$instance", instance), ("$site", ".*"), ("$model", ".*")):
            query = query.replace(variable, value)
        times = {"start": str(begin), "end": str(time.time()), "step": str(STEP)}
        found = found or fleet.prometheus.get("query_range", query=query, **times)["result"]
    lines = [
        Line(
            with_legend(target.get("legendFormat", ""), each["metric"]),
            each["metric"],
            [(at, number) for at, text in each["values"] if math.isfinite(number := float(text))],
        )
        for each in found
    ]
    return [line for line in lines if line.points]


if __name__ == "__main__":
    main()
