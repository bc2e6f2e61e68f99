"""The two containers of the recipe for balena are of one image that a builder can fetch."""

from __future__ import annotations

import re
from pathlib import Path

RECIPE = Path(__file__).parents[3] / "deploy" / "rollout" / "balena"


def test_the_models_container_is_made_of_the_daemons_image() -> None:
    compose = (RECIPE / "docker-compose.yml").read_text()
    (anchor, image) = re.findall(r"^    image: &(\w+) (\S+)$", compose, re.MULTILINE)[0]
    assert image.startswith("registry.example/"), "a name alone would be one of Docker's own images"
    assert re.search(rf"^      args:\n        EDGESEG: \*{anchor}$", compose, re.MULTILINE)
    assert "\nARG EDGESEG\nFROM ${EDGESEG}\n" in (RECIPE / "Dockerfile").read_text()
