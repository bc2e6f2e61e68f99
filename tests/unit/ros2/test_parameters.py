"""Parameters and what they become."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from edgeseg_ros.errors import WrongParameter
from edgeseg_ros.parameters import PARAMETERS, Settings, read_settings
from edgeseg_ros.topics import PRESETS
from edgesegd import __version__

ROS2 = Path(__file__).parents[3] / "clients/ros2"
WRITTEN = "from a file"
DEFAULTS = {each.name: each.default for each in PARAMETERS}


def settings(**given: object) -> Settings:
    assert given.keys() <= DEFAULTS.keys()
    return read_settings({**DEFAULTS, **given})


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESEG_TOKEN", raising=False)


def test_the_defaults_are_valid() -> None:
    default = settings()
    assert default.server == "127.0.0.1:8460"
    assert default.outputs == {"mask", "colored", "overlay"}
    assert default.options.get("outputs") == ("labels",)
    assert default.options.get("size") == "frame"
    assert default.options.get("max_age") is None
    assert default.token is None
    assert not default.compressed
    assert default.topics.mask == "mask"


def test_every_parameter_changes_the_settings(tmp_path: Path) -> None:
    token, ca = tmp_path / "token", tmp_path / "ca.pem"
    token.write_text(f"{WRITTEN}\n", encoding="ascii")
    ca.write_bytes(b"certificate")
    other: dict[str, object] = {
        "server": "unix:///run/edgesegd/grpc.sock",
        "token_file": str(token),
        "ca_file": str(ca),
        "shared_memory": True,
        "preset": "isaac_ros_unet",
        "image_transport": "compressed",
        "model": "street",
        "outputs": "mask, confidence",
        "size": "640x480",
        "classes": "person, 7",
        "resize": "letterbox",
        "max_age": 0.5,
        "capture_time": "receipt",
        "stale_after": 1.0,
        "priority": "high",
        "encoding": "bgr8",
        "compressed_rgb": "right",
        "yuv_range": "full",
        "yuv_matrix": "bt709",
    }
    assert other.keys() == DEFAULTS.keys()
    default = settings()
    for name, value in other.items():
        assert settings(**{name: value}) != default, name
    both = settings(**other)
    assert both.token == WRITTEN
    assert both.options.get("classes") == ("person", 7)
    assert both.options.get("size") == (640, 480)
    assert both.options.get("outputs") == ("labels", "confidence_map")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("preset", "unet", "preset is 'unet'; it can be: 'edgeseg', 'isaac_ros_unet'"),
        ("image_transport", "theora", "it can be: 'raw', 'compressed'"),
        ("outputs", "mask,masks", "outputs has 'masks'; it can have: mask, confidence"),
        ("size", "large", "it can be: 'frame', 'model' or a size such as '640x480'"),
        ("resize", "pad", "it can be: 'stretch', 'letterbox', 'crop'"),
        ("max_age", -1.0, "0 means no limit"),
        ("max_age", "soon", "max_age is 'soon'; it has to be a number"),
        ("stale_after", 0.0, "more than 0"),
        ("stale_after", float("nan"), "more than 0"),
        ("priority", "top", "it can be: 'low', 'normal', 'high'"),
        ("capture_time", "now", "it can be: 'auto', 'stamp', 'receipt'"),
        ("encoding", "bayer_rggb8", "it can be: '', 'rgb8'"),
        ("compressed_rgb", "yes", "it can be: '', 'right', 'exchanged'"),
        ("yuv_range", "pc", "it can be: 'limited', 'full'"),
        ("yuv_matrix", "bt2020", "it can be: 'bt601', 'bt709'"),
        ("classes", "255", "a class"),
        ("token_file", "/does/not/exist", "token_file cannot be read"),
        ("ca_file", "/does/not/exist", "ca_file cannot be read"),
        ("shared_memory", "yes", "it has to be true or false"),
        ("server", True, "it has to be text"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(name: str, value: object, message: str) -> None:
    with pytest.raises(WrongParameter) as raised:
        settings(**{name: value})
    assert message in str(raised.value)


@pytest.mark.parametrize("resize", ["letterbox", "crop"])
def test_masks_that_do_not_cover_the_image_are_refused(resize: str) -> None:
    with pytest.raises(WrongParameter, match="do not cover the image"):
        settings(size="model", resize=resize)
    settings(size="frame", resize=resize)


def test_numbers_are_taken_as_ros_reads_them() -> None:
    """The command line's classes:=7 and max_age:=1 are whole numbers."""
    given = settings(classes=7, max_age=1, stale_after=3)
    assert given.options.get("classes") == (7,)
    assert given.options.get("max_age") == 1.0
    assert given.stale_after == 3.0


def test_the_token_comes_from_the_environment_if_no_file_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGESEG_TOKEN", WRITTEN)
    assert settings().token == WRITTEN


def test_no_parameter_holds_the_token_itself() -> None:
    assert "token" not in DEFAULTS


def test_the_preset_has_the_names_of_isaac_ros() -> None:
    assert PRESETS["isaac_ros_unet"].mask == "unet/raw_segmentation_mask"
    assert PRESETS["isaac_ros_unet"].colored == "unet/colored_segmentation_mask"


def constant(tree: ast.Module, name: str) -> ast.expr:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
    raise AssertionError(name)


def test_the_launch_file_gives_parameters_that_there_are_with_their_defaults() -> None:
    """`launch` cannot be had here, so the file is read and not run."""
    tree = ast.parse((ROS2 / "launch/edgeseg.launch.py").read_text(encoding="utf-8"))
    names = ast.literal_eval(constant(tree, "PARAMETERS"))
    declared = constant(tree, "ARGUMENTS")
    assert isinstance(declared, ast.Dict)
    defaults = {
        key.value: ast.literal_eval(value)[0]
        for key, value in zip(declared.keys, declared.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    assert len(names) == 5
    assert {name: defaults[name] for name in names} == {name: DEFAULTS[name] for name in names}
    assert defaults.keys() - set(names) == {"namespace"}  # and the topic, by its constant


def test_the_page_names_every_parameter_with_its_default() -> None:
    page = (ROS2.parents[1] / "docs/ros2.md").read_text(encoding="utf-8")
    for each in PARAMETERS:
        default = str(each.default).lower() if isinstance(each.default, bool) else each.default
        assert f"| `{each.name}` | {f'`{default}`' if default != '' else 'empty'} |" in page


def test_the_package_has_one_version_and_the_files_that_it_installs() -> None:
    setup = (ROS2 / "setup.py").read_text(encoding="utf-8")
    manifest = (ROS2 / "package.xml").read_text(encoding="utf-8")
    assert f'version="{__version__}"' in setup
    assert f"<version>{__version__}</version>" in manifest
    assert (ROS2 / "resource/edgeseg_ros").is_file()
