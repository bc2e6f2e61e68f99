"""The fake delegate misbehaves as its options say, and Python sees these errors."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from support.sums_model import sums_model

pytestmark = pytest.mark.runtime

CHILD = Path(__file__).with_name("fake_delegate_child.py")
MODEL = resolve_model(BUILTIN, Path())
SUMS = 5
"""ADD nodes of the built-in model, each with a convolution before it."""

LIMIT = 60
"""Seconds for a child that ends by itself; it takes less than one."""

HANGING = 0.3
"""Seconds after which a child without progress counts as hung."""

Options = Mapping[str, object]


@dataclass
class Seen:
    """What happened in a case."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[npt.NDArray[Any]] = field(default_factory=list)

    @property
    def error(self) -> tuple[str, str, str]:
        """The last step, with type and text of its error."""
        return self.steps[-1]["step"], *self.steps[-1]["error"]

    @property
    def delegated(self) -> int:
        found: int = self.steps[0]["delegated"]
        return found

    @property
    def failures(self) -> list[str | None]:
        """The text of each frame's error."""
        frames = [each for each in self.steps if each["step"] == "invoke"]
        return [each["error"] and each["error"][1] for each in frames]


@dataclass(frozen=True)
class Bench:
    """Runs cases of one library in a child."""

    library: Path
    folder: Path

    def command(self, *cases: dict[str, Any], ticks: bool = False) -> list[str]:
        setup = {"library": str(self.library), "folder": str(self.folder)}
        return [sys.executable, str(CHILD), json.dumps({**setup, "ticks": ticks, "cases": cases})]

    def run(self, *cases: dict[str, Any], code: int = 0) -> tuple[dict[str, Seen], str]:
        """What was seen of each case, and what the child wrote to stderr."""
        child = subprocess.run(
            self.command(*cases), capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert child.returncode == code, child.stderr
        seen = {each["name"]: Seen() for each in cases}
        for line in child.stdout.splitlines():
            step = json.loads(line)
            seen[step["case"]].steps.append(step)
        for name, each in seen.items():
            paths = sorted(self.folder.glob(f"{name}.*.npy"))
            each.outputs = [np.load(path) for path in paths]
        return seen, child.stderr


def case(
    name: str, options: Options | None, *, scenes: Sequence[int] = (1, 2, 3), model: Path = MODEL
) -> dict[str, Any]:
    return {"name": name, "model": str(model), "options": options, "scenes": scenes}


def labels(output: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return output.argmax(-1) if output.dtype == np.float32 else output


def changed(seen: Seen, than: Seen) -> list[float]:
    """The share of labels that differ, for each frame."""
    pairs = zip(seen.outputs, than.outputs, strict=True)
    return [float((labels(one) != labels(other)).mean()) for one, other in pairs]


@pytest.fixture
def bench(fake_delegate: Path, tmp_path: Path) -> Bench:
    return Bench(fake_delegate, tmp_path)


@pytest.fixture(scope="module")
def seen(fake_delegate: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """All that costs no process, one after another in a single one."""
    folder = tmp_path_factory.mktemp("seen")
    there = folder / "there"
    there.touch()
    cases = [
        case("cpu", None),
        case("none", {"claim": "none"}),
        case("add", {"claim": "add", "mode": "good"}),
        case("default", {"mode": "good"}),
        case("all", {"claim": "all"}, scenes=[1, 2, 1]),
        case("edgetpu", {"claim": "edgetpu"}),
        case("all garbage", {"claim": "all", "mode": "garbage"}, scenes=[1, 2, 1]),
        case("garbage", {"mode": "garbage"}),
        case("nan", {"mode": "nan"}),
        case("zeros", {"mode": "zeros"}),
        case("garbage later", {"mode": "garbage", "after": 2}),
        case("garbage while", {"mode": "garbage", "while": str(there)}),
        case("garbage not now", {"mode": "garbage", "while": str(folder / "not there")}),
        case("slow", {"mode": "slow", "ms": 50, "after": 1}),
        case("null", {"mode": "null"}),
        case("null with message", {"mode": "null_message"}),
        case("unknown option", {"speed": "high"}),
        case("unknown mode", {"mode": "perfect"}),
        case("no number", {"after": "2x"}),
        case("error in create", {"mode": "error", "at": "create"}),
        case("error in prepare", {"mode": "error", "at": "prepare"}),
        case("error in invoke", {"mode": "error", "after": 1}),
        case("cpu at the end", None),
    ]
    return Bench(fake_delegate, folder).run(*cases)[0]


@pytest.mark.parametrize(
    ("name", "count"), [("none", 0), ("edgetpu", 0), ("add", SUMS), ("default", SUMS), ("all", 1)]
)
def test_the_fake_delegate_claims_the_nodes_that_its_option_says(
    seen: dict[str, Seen], name: str, count: int
) -> None:
    assert seen[name].delegated == count
    assert len(seen[name].outputs) == 3


@pytest.mark.parametrize("name", ["none", "edgetpu", "add", "cpu at the end"])
def test_a_good_fake_delegate_gives_what_the_cpu_gives(seen: dict[str, Seen], name: str) -> None:
    assert changed(seen[name], seen["cpu"]) == [0, 0, 0]
    np.testing.assert_allclose(seen[name].outputs, seen["cpu"].outputs, atol=1e-4)
    assert seen[name].steps[-1]["step"] == "destroyed"


def test_made_up_masks_of_the_fake_delegate_depend_on_the_frame_alone(
    seen: dict[str, Seen],
) -> None:
    first, second, again = seen["all"].outputs
    np.testing.assert_array_equal(first, again)
    assert (labels(first) != labels(second)).mean() > 0.5
    assert set(labels(first).flat) == set(range(first.shape[-1]))


def test_garbage_of_the_fake_delegate_is_one_pixel_in_ten(seen: dict[str, Seen]) -> None:
    pixels = labels(seen["all"].outputs[0]).size
    share = -(-pixels // 10) / pixels
    assert changed(seen["all garbage"], seen["all"]) == [share] * 3


def test_garbage_in_the_middle_of_a_model_changes_labels(seen: dict[str, Seen]) -> None:
    """About as many, because the following operators spread and smooth it."""
    assert seen["garbage"].failures == [None] * 3
    for share in changed(seen["garbage"], seen["cpu"]):
        assert 0.03 < share < 0.2


def test_nan_reaches_the_output(seen: dict[str, Seen]) -> None:
    assert seen["nan"].failures == [None] * 3
    assert np.isnan(seen["nan"].outputs).all()


def test_zeros_make_a_mask_of_one_class(seen: dict[str, Seen]) -> None:
    assert seen["zeros"].failures == [None] * 3
    for output in seen["zeros"].outputs:
        assert np.isfinite(output).all()
        assert len(np.unique(labels(output))) == 1


def test_garbage_of_the_fake_delegate_begins_after_as_many_frames(seen: dict[str, Seen]) -> None:
    first, second, third = changed(seen["garbage later"], seen["cpu"])
    assert (first, second) == (0, 0)
    np.testing.assert_array_equal(seen["garbage later"].outputs[2], seen["garbage"].outputs[2])
    assert third > 0


def test_the_fake_delegate_misbehaves_only_while_a_file_exists(seen: dict[str, Seen]) -> None:
    np.testing.assert_array_equal(seen["garbage while"].outputs, seen["garbage"].outputs)
    np.testing.assert_array_equal(seen["garbage not now"].outputs, seen["add"].outputs)


def test_a_slow_fake_delegate_sleeps_in_each_frame(seen: dict[str, Seen]) -> None:
    seconds = [each["seconds"] for each in seen["slow"].steps if each["step"] == "invoke"]
    assert min(seconds[1:]) >= 0.05
    assert changed(seen["slow"], seen["cpu"]) == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("null", ""),
        ("null with message", "the fake delegate finds no device"),
        ("unknown option", "the fake delegate has no speed=high"),
        ("unknown mode", "the fake delegate has no mode=perfect"),
        ("no number", "the fake delegate has no after=2x"),
        ("error in create", "the fake delegate fails in create"),
    ],
)
def test_a_failed_creation_is_a_value_error(
    seen: dict[str, Seen], fake_delegate: Path, name: str, reason: str
) -> None:
    text = f"Failed to load delegate from {fake_delegate}\n{reason}"
    assert seen[name].error == ("create", "ValueError", text)


def test_a_failed_preparation_is_a_runtime_error(seen: dict[str, Seen]) -> None:
    step, kind, text = seen["error in prepare"].error
    assert (step, kind) == ("prepare", "RuntimeError")
    assert text.startswith("the fake delegate fails in prepare. ")
    assert text.endswith("Restored original execution plan after delegate application failure.")


def test_a_failed_invoke_leaves_a_wrong_output_and_texts_that_grow(seen: dict[str, Seen]) -> None:
    """The output is the last good one with tflite-runtime, and any memory with LiteRT."""
    good, failed, again = seen["error in invoke"].failures
    assert good is None
    assert failed is not None
    assert again is not None
    assert failed.startswith("the fake delegate fails in invoke. ")
    assert "(FakeDelegate) failed to invoke" in failed
    assert again.startswith(failed)
    assert len(again) > len(failed)
    right, *wrong = changed(seen["error in invoke"], seen["cpu"])
    assert right == 0
    assert min(wrong) > 0


PLACES = ["create", "prepare", "invoke", "destroy"]
CRASHES = {"segv": -signal.SIGSEGV, "abort": -signal.SIGABRT, "exit": 7}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", CRASHES)
def test_a_crash_ends_the_process(bench: Bench, mode: str, place: str) -> None:
    options = {"mode": mode, "at": place}
    seen, stderr = bench.run(case("it", options, scenes=[1]), code=CRASHES[mode])
    assert f"fake delegate: {mode} in {place}\n" in stderr
    before = {"create": 0, "prepare": 0, "invoke": 1, "destroy": 2}
    assert len(seen["it"].steps) == before[place]


def test_the_process_id_is_written_to_the_pipe_right_before_a_crash(bench: Bench) -> None:
    pipe = bench.folder / "pipe"
    bench.run(case("it", {"mode": "exit", "at": "create", "pipe": str(pipe)}, scenes=[]), code=7)
    assert pipe.read_text().strip().isdecimal()


@pytest.mark.parametrize("place", ["invoke", "destroy"])
def test_a_crash_comes_after_as_many_frames(bench: Bench, place: str) -> None:
    options = {"mode": "segv", "at": place, "after": 2}
    cases = (case("short", options, scenes=[1]), case("long", options, scenes=[1, 2, 3, 4]))
    seen, _ = bench.run(*cases, code=-signal.SIGSEGV)
    assert seen["short"].steps[-1]["step"] == "destroyed"
    assert seen["long"].failures == [None] * (2 if place == "invoke" else 4)


@pytest.mark.parametrize("place", PLACES)
def test_a_hang_can_only_be_killed(bench: Bench, place: str) -> None:
    """Only an invoke lets other threads run; all other steps hold the interpreter lock."""
    command = bench.command(case("it", {"mode": "hang", "at": place}, scenes=[1]), ticks=True)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    ) as child:
        try:
            assert (lines := child.stdout) is not None
            assert f"fake delegate: hang in {place}\n" in lines
            if place == "invoke":
                assert sum(line == "tick\n" for line, _ in zip(lines, range(3), strict=False)) == 3
            child.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(HANGING)
        finally:
            child.kill()
        if place != "invoke":
            # The other thread may have been on its way to say it without the lock.
            assert lines.read() in {"", "tick\n"}
    assert child.wait(LIMIT) == -signal.SIGKILL


def test_a_missing_library_or_symbol_is_an_error_at_the_creation_of_a_delegate(
    bench: Bench,
) -> None:
    seen, _ = Bench(Path("libedgetpu-not-here.so.1"), bench.folder).run(case("it", {"a": 1}))
    step, kind, text = seen["it"].error
    assert (step, kind) == ("create", "OSError")
    assert text.startswith("libedgetpu-not-here.so.1: cannot open shared object file")
    seen, _ = Bench(Path("libc.so.6"), bench.folder).run(case("it", {"a": 1}))
    step, kind, text = seen["it"].error
    assert (step, kind) == ("create", "AttributeError")
    assert text.endswith("undefined symbol: tflite_plugin_create_delegate")


@pytest.mark.realmodel
def test_a_model_compiled_for_the_edge_tpu_runs(bench: Bench, shared_dir: Path) -> None:
    name = "deeplabv3_mnv2_dm05_pascal_quant"
    twin = shared_dir / "models" / f"{name}.tflite"
    compiled = twin.with_name(f"{name}_edgetpu.tflite")
    options = {"claim": "edgetpu"}
    seen, _ = bench.run(
        case("without", None, model=compiled),
        case("it", options, model=compiled, scenes=[1, 2, 1]),
        case("again", options, model=compiled, scenes=[2]),
        case("garbage", {**options, "mode": "garbage"}, model=compiled, scenes=[1, 2, 1]),
        case("twin", options, model=twin, scenes=[1]),
        case("all", {"claim": "all"}, model=twin, scenes=[1]),
        case("all garbage", {"claim": "all", "mode": "garbage"}, model=twin, scenes=[1]),
    )
    assert "unresolved custom op: edgetpu-custom-op" in seen["without"].error[2]
    assert seen["it"].delegated == 1
    first, second, repeated = seen["it"].outputs
    np.testing.assert_array_equal(first, repeated)
    np.testing.assert_array_equal(second, seen["again"].outputs[0])
    assert (first != second).mean() > 0.1
    assert min(changed(seen["garbage"], seen["it"])) > 0.1
    assert seen["twin"].delegated == 0
    pixels = first.size
    assert changed(seen["all garbage"], seen["all"]) == [-(-pixels // 10) / pixels]
    for output in (first, second, *seen["all"].outputs, *seen["all garbage"].outputs):
        assert output.dtype == np.int64
        assert output.min() >= 0
        assert output.max() <= 20
        assert len(np.unique(output)) > 3


def test_sums_keep_their_activation(bench: Bench, tmp_path: Path) -> None:
    """And of the sums that then wait for nothing but sums, every other is left to the runtime."""
    activations = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6"]
    sums = sums_model(tmp_path / "sums.tflite", "ADD", activations)
    tanh = sums_model(tmp_path / "tanh.tflite", "ADD", ["TANH"])
    seen, _ = bench.run(
        case("cpu", None, model=sums),
        case("it", {"claim": "add"}, model=sums),
        case("tanh", {"claim": "add"}, model=tanh),
    )
    assert seen["it"].delegated == 2
    np.testing.assert_array_equal(seen["it"].outputs, seen["cpu"].outputs)
    assert seen["tanh"].delegated == 0


def test_a_compiled_sum_is_really_computed(bench: Bench, tmp_path: Path) -> None:
    """So that a model for the Edge TPU can be made that agrees with its twin."""
    twin = sums_model(tmp_path / "twin.tflite", "ADD", ["NONE"])
    compiled = sums_model(tmp_path / "compiled.tflite", "CUSTOM", ["NONE"])
    seen, _ = bench.run(
        case("twin", None, model=twin), case("it", {"claim": "edgetpu"}, model=compiled)
    )
    assert seen["it"].delegated == 1
    np.testing.assert_array_equal(seen["it"].outputs, seen["twin"].outputs)
