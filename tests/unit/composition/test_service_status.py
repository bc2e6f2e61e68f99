"""What the service manager shows of the daemon."""

from __future__ import annotations

from dataclasses import replace

from edgesegd.composition.service_status import MAX_MODELS, ServiceStatus
from edgesegd.ipc.messages import EngineReady
from edgesegd.serving.served_model import ServedModel
from support.model_specs import model_spec
from support.served import registry_of, served

READY = EngineReady("ai-edge-litert", "edgetpu", 0, 0, 4, 0.01)


def model(name: str) -> ServedModel:
    made = served(replace(model_spec(), name=name, sha256="1"))
    made.ready = lambda: READY
    made.serves = lambda: True
    return made


def test_the_status_has_the_model_the_delegate_and_frames_per_second_since_the_last_one() -> None:
    first, second = model("a"), model("b")
    now = 100.0
    status = ServiceStatus(registry_of(first, second), clock=lambda: now)
    first.scheduler.frames, second.scheduler.frames, now = 30, 5, 110.0
    assert status() == "a 1 on edgetpu, b 1 on edgetpu; 3.5 frames/s"
    now = 112.0
    assert status() == "a 1 on edgetpu, b 1 on edgetpu; 0.0 frames/s"


def test_the_status_says_that_a_model_is_degraded_asleep_or_without_an_engine() -> None:
    degraded, asleep, lost = model("a"), model("b"), model("c")
    degraded.degraded = lambda: True
    asleep.ready = lost.ready = lambda: None
    lost.serves = lambda: False
    status = ServiceStatus(registry_of(degraded, asleep, lost))()
    assert status == (
        "a 1 on edgetpu, a better delegate is unhealthy, b 1 asleep, "
        "c 1 has no engine and is starting one; 0.0 frames/s"
    )


def test_an_unloaded_model_takes_its_frames_with_it_and_makes_no_negative_rate() -> None:
    registry = registry_of(model("a"), model("b"))
    registry.find("b").scheduler.frames = 50
    status = ServiceStatus(registry)
    registry.remove("b")
    assert status() == "a 1 on edgetpu; 0.0 frames/s"


def test_many_models_are_counted() -> None:
    names = "abcdefg"
    status = ServiceStatus(registry_of(*map(model, names)))()
    assert f", {len(names) - MAX_MODELS} more models; " in status
