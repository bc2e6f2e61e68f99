"""What the command line means for the streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg_client.cli.parser import build_parser
from edgeseg_mqtt.arguments import MqttCommand
from edgeseg_mqtt.command import read_settings
from support.pictures import file_of, gradient


@pytest.mark.parametrize(
    ("resize", "size"), [("stretch", "model"), ("letterbox", "frame"), ("crop", "frame")]
)
def test_shares_are_of_the_whole_picture_however_it_is_fitted(
    resize: str, size: str, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(file_of(gradient(8, 8), "PNG"))
    command = ["mqtt", "--broker=mqtt://localhost", f"--resize={resize}", str(tmp_path)]
    settings = read_settings(build_parser([MqttCommand()]).parse_args(command))
    assert (settings.options["size"], settings.options["resize"]) == (size, resize)
