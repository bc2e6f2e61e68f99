#!/usr/bin/env python3
"""Writes the dashboards in dashboards/; with --check says which are not what it would write."""

from __future__ import annotations

import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from board_dashboard import board_dashboard
from fleet_dashboard import fleet_dashboard

FOLDER = Path(__file__).parent / "dashboards"


def main() -> int:
    """Write or check all; the exit status."""
    wrong = []
    for name, build in (("fleet", fleet_dashboard), ("board", board_dashboard)):
        built = build().build()
        for number, panel in enumerate(built.panels, 1):
            panel.id_val = number
        text = JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"
        file = FOLDER / f"{name}.json"
        if sys.argv[1:] != ["--check"]:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            wrong.append(str(file))
    if wrong:
        print(f"not as generated: {', '.join(wrong)}; run: make dashboards", file=sys.stderr)
    return len(wrong) > 0


if __name__ == "__main__":
    sys.exit(main())
