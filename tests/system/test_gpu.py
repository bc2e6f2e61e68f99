"""ai-edge-litert's GPU path on a Vulkan that needs no GPU: SwiftShader, as Chromium ships it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.models.reading import read_model
from support.calls import every, frames, segment
from support.running_daemon import RunningDaemon
from support.upsampling_model import Head, upsampling_model

pytestmark = pytest.mark.system

FOLDERS = (os.environ.get("EDGESEG_SWIFTSHADER", ""), "/usr/lib/chromium")


@pytest.fixture(scope="module")
def swiftshader() -> dict[str, str]:
    """The environment in which there is a software Vulkan and no other."""
    for folder in map(Path, filter(None, FOLDERS)):
        driver = folder / "vk_swiftshader_icd.json"
        if driver.is_file() and (folder / "libvulkan.so.1").is_file():
            return {"LD_LIBRARY_PATH": str(folder), "VK_ICD_FILENAMES": str(driver)}
    pytest.skip(
        "no SwiftShader: on Debian `apt-get download chromium-common`, `dpkg-deb -x` it, and set "
        "EDGESEG_SWIFTSHADER to its folder usr/lib/chromium"
    )


def probe_gpu(environ: dict[str, str], model: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "edgesegd", "probe", "--json", "--timeout=100", f"--model={model}"],
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
        env={**os.environ, **environ},
    )
    findings = json.loads(done.stdout)["findings"]
    gpu: dict[str, Any] = next(each for each in findings if each["delegate"]["name"] == "gpu")
    return gpu


def check_software(found: dict[str, Any]) -> None:
    assert found["verdict"] == "software"
    assert "SwiftShader" in found["reason"]
    assert found["measured"]["adapter"].endswith("(CPU / Software)")
    assert found["measured"]["agreement"] > 0.999
    assert found["measured"]["largest_difference"] < 0.01


def test_probe_finds_that_a_software_gpu_agrees_and_is_software(
    swiftshader: dict[str, str],
) -> None:
    check_software(probe_gpu(swiftshader, "builtin"))


@pytest.mark.slow
@pytest.mark.realmodel
def test_probe_finds_that_a_software_gpu_agrees_on_deeplab(
    swiftshader: dict[str, str], shared_dir: Path
) -> None:
    model = shared_dir / "models" / "deeplabv3_257_mv_gpu.tflite"
    check_software(probe_gpu(swiftshader, str(model)))


async def test_a_software_gpu_serves_where_it_is_forced(
    swiftshader: dict[str, str], jpeg: bytes
) -> None:
    requests = [every(), *frames([jpeg] * 3)]
    with RunningDaemon("--delegate=gpu", env=swiftshader) as running:
        answers = await segment(running.address, requests)
        assert any("there is no GPU: SwiftShader" in line for line in running.output)
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert answers[0].segmentation.delegate == "gpu"
    with RunningDaemon("--delegate=cpu") as plain:
        by_cpu = await segment(plain.address, requests)
    assert answers[2].segmentation.labels == by_cpu[2].segmentation.labels


@pytest.mark.slow
@pytest.mark.realmodel
def test_the_gpu_runs_a_quantized_model_of_labels_without_its_last_operators(
    swiftshader: dict[str, str], shared_dir: Path
) -> None:
    """ARG_MAX to 64-bit integers is nothing for a GPU; its labels are made of the scores."""
    model = shared_dir / "models" / "deeplabv3_mnv2_dm05_pascal_quant.tflite"
    assert read_model(model).output.dtype == "int64"
    assert probe_gpu(swiftshader, str(model))["verdict"] == "software"


def test_the_gpu_refuses_a_model_that_it_cannot_run_as_a_whole(
    swiftshader: dict[str, str], tmp_path: Path
) -> None:
    """One whose scores another output needs keeps its ARG_MAX."""
    head = Head(after=("ARG_MAX",), second_user=True, identities=0, labels="int64")
    weights = np.ones((head.classes, 3), np.float32)
    found = probe_gpu(swiftshader, str(upsampling_model(tmp_path, head, weights)))
    assert found["verdict"] == "failed"
    assert "gpu refuses" in found["reason"]


def test_without_vulkan_probe_finds_no_gpu(tmp_path: Path) -> None:
    found = probe_gpu({"VK_ICD_FILENAMES": str(tmp_path / "none.json")}, "builtin")
    assert found["verdict"] == "absent"
    assert "No adapters found" in found["reason"]
