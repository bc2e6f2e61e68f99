"""Pairs in the probe: a file compiled for an Edge TPU is compared with its twin on the CPU."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgesegd.models.pair import find_pair
from edgesegd.models.reading import read_model
from edgesegd.probe.candidates import Candidate, find_candidates
from edgesegd.probe.probe import probe
from edgesegd.probe.report import Finding, Verdict, ranking

pytestmark = pytest.mark.runtime

DATA = Path(__file__).with_name("data")
AS_LIBEDGETPU = "edgetpu:claim=edgetpu"
"""The known delegate, where its library is ours."""


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with a copy of the pair that agrees."""
    for path in DATA.glob("sum*"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def libedgetpu(
    fake_delegate: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our delegate found where the loader looks for Google's."""
    folder = tmp_path_factory.mktemp("lib")
    shutil.copy(fake_delegate, folder / "libedgetpu.so.1")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))


def edgesegd_probe(model: Path, *delegates: str) -> subprocess.CompletedProcess[str]:
    arguments = ["--json", "--threads=1", f"--model={model}"]
    arguments += [f"--delegate={each}" for each in delegates]
    return subprocess.run(
        [sys.executable, "-m", "edgesegd", "probe", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def findings(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


@pytest.mark.usefixtures("libedgetpu")
@pytest.mark.parametrize("served", ["sum.tflite", "sum_edgetpu.tflite"])
def test_probe_compares_a_compiled_model_with_its_twin_whichever_is_served(
    pair: Path, served: str
) -> None:
    cpu, *_, edgetpu = findings(edgesegd_probe(pair / served, AS_LIBEDGETPU))
    assert cpu["model"] == str(pair / "sum.tflite")
    assert cpu["measured"]["operators"] == 0
    assert edgetpu["model"] == str(pair / "sum_edgetpu.tflite")
    assert edgetpu["verdict"] in ("chosen", "slower"), edgetpu["reason"]
    measured = edgetpu["measured"]
    assert (measured["delegated"], measured["operators"]) == (1, 1)
    assert (measured["agreement"], measured["largest_difference"]) == (1.0, 0.0)


@pytest.mark.slow
def test_probe_finds_wrong_masks_of_a_compiled_model(pair: Path, fake_delegate: Path) -> None:
    """A library given by its path runs the served file."""
    lying = f"{fake_delegate}:claim=edgetpu,mode=garbage"
    *_, plain = findings(edgesegd_probe(pair / "sum.tflite", lying))
    assert "takes 0 of 1 ops of sum" in plain["reason"]
    cpu, *_, compiled = findings(edgesegd_probe(pair / "sum_edgetpu.tflite", lying))
    assert cpu["verdict"] == "chosen"
    assert (compiled["verdict"], compiled["model"]) == ("wrong", str(pair / "sum_edgetpu.tflite"))
    assert "% of pixels, 99% needed" in compiled["reason"]


def test_probe_of_a_compiled_model_without_its_twin_says_what_to_write(pair: Path) -> None:
    (pair / "sum.tflite").rename(pair / "twin.tflite")
    (pair / "sum.toml").rename(pair / "twin.toml")
    done = edgesegd_probe(pair / "sum_edgetpu.tflite")
    assert (done.returncode, done.stderr.count("\n")) == (7, 1)
    assert 'in sum_edgetpu.toml: pair = { cpu = "NAME.tflite" }' in done.stderr
    with (pair / "sum_edgetpu.toml").open("a") as sidecar:
        sidecar.write('pair = { cpu = "twin.tflite" }\n')
    assert findings(edgesegd_probe(pair / "sum_edgetpu.tflite"))[0]["verdict"] in (
        "chosen",
        "slower",
    )


def test_probe_ignores_a_file_with_only_the_name_of_a_compiled_model_and_says_why(
    pair: Path,
) -> None:
    shutil.copy(pair / "sum.tflite", pair / "sum_edgetpu.tflite")
    done = edgesegd_probe(pair / "sum.tflite")
    assert "are no pair: the first is not compiled for an Edge TPU" in done.stderr
    found = {each["delegate"]["name"]: each for each in findings(done)}
    assert "are no pair" in found["edgetpu"]["reason"]


@pytest.mark.usefixtures("libedgetpu")
async def test_probe_tries_each_edge_tpu_stick(pair: Path, tmp_path: Path) -> None:
    for port in ("1-1", "1-2"):
        device = tmp_path / "sys" / "bus" / "usb" / "devices" / port
        device.mkdir(parents=True)
        (device / "idVendor").write_text("18d1\n")
        (device / "idProduct").write_text("9302\n")
    model = find_pair(read_model(pair / "sum.tflite"))
    tried: list[Candidate] = []
    trying = probe(
        model,
        find_candidates(model, root=tmp_path),
        runtime="auto",
        threads=1,
        seconds=30,
        announce=tried.append,
    )
    found: list[Finding] = [each async for each in trying]
    sticks = {each.delegate.name: each for each in found if each.delegate.options.get("device")}
    assert list(sticks) == ["edgetpu:usb:0", "edgetpu:usb:1"]
    for each in sticks.values():
        assert each.verdict is Verdict.SLOWER, "not compared yet"
        assert each.measured is not None
        assert each.measured.delegated == 1
        assert each.threads == 1
    assert [each.spec.name for each in tried[:3]] == ["cpu", *sticks]
    assert ranking(found)[-1].delegate.is_cpu


@pytest.mark.slow
@pytest.mark.realmodel
def test_probe_finds_made_up_masks_of_the_compiled_deeplab_wrong(
    fake_delegate: Path, shared_dir: Path
) -> None:
    """What our delegate makes up is not what the twin finds."""
    name = "deeplabv3_mnv2_dm05_pascal_quant"
    served = shared_dir / "models" / f"{name}_edgetpu.tflite"
    cpu, *_, edgetpu = findings(edgesegd_probe(served, f"{fake_delegate}:claim=edgetpu"))
    assert Path(cpu["model"]).name == f"{name}.tflite"
    assert cpu["measured"]["agreement"] == 1.0
    assert edgetpu["verdict"] == "wrong"
    assert edgetpu["measured"]["delegated"] == 1
    assert edgetpu["measured"]["agreement"] < 0.5
    assert edgetpu["measured"]["deviation"] is None
