"""Which model segments: as a daemon says when it accepts a stream, and with its results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.errors import InvalidRequest, OtherModel
from edgeseg_client.info import ServerInfo, read_class
from edgeseg_client.options import Options, class_ids, needs_info


class ModelVersion(NamedTuple):
    """A model in one version."""

    name: str
    version: str


def read_model_version(metadata: Iterable[tuple[str, str | bytes]] | None) -> ModelVersion | None:
    """The model in the initial metadata of a stream; None if an older daemon sent them."""
    found = {key: unquote(str(value)) for key, value in metadata or ()}
    name, version = found.get("edgeseg-model"), found.get("edgeseg-model-version")
    return None if name is None or version is None else ModelVersion(name, version)


def has_ids_of(info: ServerInfo, options: Options, found: ModelVersion | None) -> bool:
    """Whether the ids that names of classes have in `info` are those of the model that segments.

    `found` is None if that is not known.
    """
    if found is None or not needs_info(options):
        return True
    asked = info.model(options.get("model", ""))
    return found == (asked.name, asked.version)


def require_classes(options: Options, ids: Iterable[int], found: pb.Segmentation) -> None:
    """Raises `OtherModel` if classes that `options` names have other ids than `ids` in a result.

    Names are ids only in one model, and behind a balancer the daemon that was asked for them may be
    another than the one that segmented. The result has all classes of its model.
    """
    if not needs_info(options) or not found.classes:
        return
    try:
        same = class_ids(options, [read_class(one) for one in found.classes]) == list(ids)
    except InvalidRequest:  # it has no class of that name
        same = False
    if not same:
        raise OtherModel(
            "the daemon that answered is not the one that was asked for its classes: in its model"
            f" {found.model!r}, version {found.model_version}, they have other ids. Daemons behind"
            " one address must serve the same models"
        )
