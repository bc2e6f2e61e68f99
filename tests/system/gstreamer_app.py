"""An application that runs a pipeline, prints what comes of it, and obeys its standard input.

    python3 gstreamer_app.py PIPELINE

Each line that it prints is JSON: a buffer that reached the appsink called `out`, a message of the
bus, or `{"done": COMMAND}`. Commands are `seek`, `eos`, `cycle N` (N times to NULL and back to
PLAYING), `ready`, `playing`, `width N` (of the capsfilter called `caps`), `stats` (of the element
called `s`), `latency`, `threads`, and `end`.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401  # a version has to be required before

_SECOND = 1_000_000_000
_lock = threading.Lock()


def say(**what: Any) -> None:  # noqa: ANN401  # what JSON has
    """Print a line; several threads do."""
    with _lock:
        print(json.dumps(what), flush=True)


def on_sample(sink: Gst.Element) -> Gst.FlowReturn:
    """Print a buffer and its mask."""
    sample = sink.emit("pull-sample")
    buffer = sample.get_buffer()
    line: dict[str, Any] = {"pts": buffer.pts, "size": buffer.get_size()}
    caps = dict(part.split("=", 1) for part in sample.get_caps().to_string().split(", ")[1:])
    line["width"] = int(caps["width"].removeprefix("(int)"))
    if (meta := buffer.get_custom_meta("EdgesegMask")) is not None:
        mask = meta.get_structure()
        gray = mask.get_value("mask")
        line["mask"] = {
            "pts": mask.get_value("pts"),
            "size": [mask.get_value("width"), mask.get_value("height")],
            "frame": [mask.get_value("frame-width"), mask.get_value("frame-height")],
            "names": list(mask.get_value("names")),
            "colors": mask.get_value("colors").get_data().hex(),
            "model": mask.get_value("model"),
            "sha256": hashlib.sha256(gray.extract_dup(0, gray.get_size())).hexdigest(),
        }
    say(**line)
    return Gst.FlowReturn.OK


def follow(bus: Gst.Bus, ended: threading.Event) -> None:
    """Print what the bus says until the end of the program."""
    kinds = Gst.MessageType
    wanted = kinds.ERROR | kinds.WARNING | kinds.INFO | kinds.EOS | kinds.ELEMENT
    while not ended.is_set():
        message = bus.timed_pop_filtered(_SECOND // 10, wanted)
        if message is None:
            continue
        if message.type == kinds.EOS:
            say(message="eos")
        elif message.type == kinds.ELEMENT:
            structure = message.get_structure()
            say(message=structure.get_name(), text=structure.to_string())
        else:
            name = message.type.first_value_nick
            error, debug = getattr(message, f"parse_{name}")()
            say(message=name, text=error.message, debug=debug)


def obey(pipeline: Gst.Element, command: str) -> None:
    """Do what a line of standard input says."""
    word, _, argument = command.partition(" ")
    done: dict[str, Any] = {}
    match word:
        case "seek":
            flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE
            done["ok"] = pipeline.seek_simple(Gst.Format.TIME, flags, 0)
        case "eos":
            done["ok"] = pipeline.send_event(Gst.Event.new_eos())
        case "cycle":
            for _ in range(int(argument)):
                pipeline.set_state(Gst.State.NULL)
                pipeline.set_state(Gst.State.PLAYING)
                done["state"] = pipeline.get_state(10 * _SECOND)[0].value_nick
        case "ready" | "playing":
            state = Gst.State.READY if word == "ready" else Gst.State.PLAYING
            pipeline.set_state(state)
            done["state"] = pipeline.get_state(10 * _SECOND)[0].value_nick
        case "width":
            caps = f"video/x-raw,width={argument},height={argument}"
            pipeline.get_by_name("caps").set_property("caps", Gst.Caps.from_string(caps))
        case "stats":
            stats = pipeline.get_by_name("s").get_property("stats")
            done["stats"] = {
                stats.nth_field_name(n): stats.get_value(stats.nth_field_name(n))
                for n in range(stats.n_fields())
            }
        case "latency":
            query = Gst.Query.new_latency()
            pipeline.query(query)
            done["latency"] = query.parse_latency()[1]
        case "threads":
            done["threads"] = sorted(each.name for each in threading.enumerate())
    say(done=command, **done)


def main() -> None:
    """Run the pipeline until standard input ends."""
    Gst.init(None)
    pipeline = Gst.parse_launch(sys.argv[1])
    if (out := pipeline.get_by_name("out")) is not None:
        out.set_property("emit-signals", True)  # as GStreamer has it
        out.connect("new-sample", on_sample)
    ended = threading.Event()
    bus = threading.Thread(target=follow, args=(pipeline.get_bus(), ended), name="bus")
    bus.start()
    pipeline.set_state(Gst.State.PLAYING)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        obey(pipeline, line.strip())
    pipeline.set_state(Gst.State.NULL)
    ended.set()
    bus.join()
    del out, pipeline, bus
    say(done="end")


if __name__ == "__main__":
    main()
