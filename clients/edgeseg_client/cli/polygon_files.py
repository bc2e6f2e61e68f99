"""Writes polygons in the formats of `--polygons`."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.cli.outputs.whole_file import whole_file
from edgeseg_client.coco import categories
from edgeseg_client.errors import OtherModel
from edgeseg_client.info import ClassInfo
from edgeseg_client.result import Result

GEOJSON_ENDING: Final = ".polygons.json"
COCO_FILE: Final = "coco.json"


class PolygonFiles(Protocol):
    """Where the polygons of pictures go."""

    def add(self, picture: Path, name: str, result: Result) -> None:
        """Takes the polygons of a picture, whose results are called `name`.

        Raises a `FrameError` if they cannot be with those of the others.
        """


class NoPolygons:
    """Without `--polygons`."""

    def add(self, picture: Path, name: str, result: Result) -> None:
        """Does nothing."""


class GeoJsonFiles:
    """`NAME.polygons.json` for each picture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, picture: Path, name: str, result: Result) -> None:
        """Writes the file of a picture."""
        del picture
        write_json(self._folder / f"{name}{GEOJSON_ENDING}", result.geojson())


class CocoFile:
    """`coco.json` with the annotations of all pictures.

    Its categories are the classes of the first result, whose daemon may be another than the one
    that was asked for `classes`; they are in the file if there is no result.
    """

    def __init__(self, classes: Sequence[ClassInfo]) -> None:
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._categories = categories(classes)

    def add(self, picture: Path, name: str, result: Result) -> None:
        """Adds a picture; its path is as it was given to the command.

        Raises `OtherModel` if its classes are not those of the pictures before.
        """
        del name
        number = len(self._images) + 1
        classes = categories(result.class_table)
        if number > 1 and classes != self._categories:
            raise OtherModel(
                f"not in {COCO_FILE}, because the model {result.model}, version"
                f" {result.model_version}, has other classes than that of the pictures before;"
                " daemons behind one address must serve the same models"
            )
        self._categories = classes
        self._images.append(
            {
                "id": number,
                "file_name": picture.as_posix(),
                "width": result.width,
                "height": result.height,
            }
        )
        self._annotations += result.coco_annotations(
            image_id=number, first_id=len(self._annotations) + 1
        )

    def write(self, path: Path) -> None:
        """Writes the file."""
        content = {
            "images": self._images,
            "annotations": self._annotations,
            "categories": self._categories,
        }
        write_json(path, content)


@contextmanager
def polygon_files(arguments: Namespace, classes: Sequence[ClassInfo]) -> Iterator[PolygonFiles]:
    """What `--polygons` asks for; a file for all pictures is written at the end, however it ends.

    Raises `UsageError` if the polygons would not be in the coordinates of the pictures.
    """
    match arguments.polygons:
        case "geojson":
            yield GeoJsonFiles(arguments.out)
        case "coco":
            if arguments.size != "frame":
                raise UsageError("--polygons coco needs --size frame: COCO counts their pixels")
            file = CocoFile(classes)
            try:
                yield file
            finally:
                file.write(arguments.out / COCO_FILE)
        case _:
            yield NoPolygons()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes one line of JSON; raises `OSError` if that fails."""
    with whole_file(path) as file:
        file.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
