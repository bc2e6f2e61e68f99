"""`edgeseg info`: shows what a daemon serves and accepts."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict

from edgeseg_client.blocking import Client
from edgeseg_client.cli.connect import open_client
from edgeseg_client.cli.exit_codes import ExitCode
from edgeseg_client.info import ModelInfo, ServerInfo


def run(arguments: Namespace) -> ExitCode:
    """Prints the info as text, or as JSON with `--json`."""
    with open_client(arguments, Client) as client:
        info = client.info()
    if arguments.json:
        print(json.dumps(asdict(info), indent=2))
    else:
        print("\n".join(_describe(arguments.server, info)))
    return ExitCode.OK


def _describe(address: str, info: ServerInfo) -> list[str]:
    lines = [f"edgesegd {info.version} at {address}"]
    for model in info.models:
        lines += _describe_model(model)
    lines.append(f"formats  {', '.join(info.formats)}")
    lines.append(f"outputs  {', '.join(info.outputs)}")
    lines.append(f"limits   {info.max_frame_bytes} bytes, {info.max_frame_pixels} pixels per frame")
    return lines


def _describe_model(model: ModelInfo) -> list[str]:
    engine = f"{model.delegate}, {model.runtime}" if model.delegate else "no engine is ready"
    engine += ", degraded: a better delegate is unhealthy" if model.degraded else ""
    width, height = model.input_size
    return [
        f"model    {model.name} {model.version} ({engine})",
        f"         input {width} x {height}, {len(model.classes)} classes:"
        f" {', '.join(one.name for one in model.classes)}",
    ]
