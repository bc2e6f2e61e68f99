"""Reads the facts about a model from its file, its sidecar and the presets."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.catalogue.published import find_preset
from edgesegd.models.classes import choose_classes
from edgesegd.models.file_bytes import read_model_bytes, require_same
from edgesegd.models.image_input import find_image_input
from edgesegd.models.mask_output import find_mask_output
from edgesegd.models.names import name_of_file
from edgesegd.models.normalization import choose_normalization
from edgesegd.models.sidecar import Sidecar, read_sidecar, sidecar_path
from edgesegd.models.spec import ModelSpec
from edgesegd.models.tflite.file import parse_tflite
from edgesegd.models.tflite.metadata import read_metadata
from edgesegd.models.upsampling import find_upsampling

DEFAULT_THRESHOLD = 0.5


def read_model(path: Path, name: str | None = None, version: str = "") -> ModelSpec:
    """Read a model's file and its sidecar; without `name`, the model is named after the file.

    `version` is the number of its folder; "" if its folder is not one of a version. In the name,
    bytes of the file name that are not UTF-8 are escaped, so that clients and metrics can use it.

    For each fact, the sidecar comes first, then the file itself, then the preset of a published
    file, then a default, but only if that cannot be wrong. Raises `ModelMissing`; `ModelInvalid`
    for a file that is damaged, is not a single-image segmentation model, or lacks facts that are
    needed; `ConfigError` for a sidecar that is not valid.
    """
    data = read_model_bytes(path)
    sidecar = read_sidecar(sidecar_path(path))
    try:
        spec = _assemble(path, name or name_of_file(path), data, sidecar)
        return replace(spec, version_number=version)
    except ModelInvalid as fault:
        raise ModelInvalid(f"{path}: {fault}") from fault
    except ConfigError as fault:
        raise ConfigError(f"{sidecar.path}: {fault}") from fault


def read_same_model(path: Path, digest: str, name: str | None = None) -> ModelSpec:
    """Like `read_model`; also raises ModelInvalid if the SHA-256 is not `digest` any more."""
    model = read_model(path, name)
    require_same(path, model.sha256, digest)
    return model


def _assemble(path: Path, name: str, data: bytes, sidecar: Sidecar) -> ModelSpec:
    digest = sha256(data).hexdigest()
    file = parse_tflite(data)
    image = find_image_input(file.graph)
    mask = find_mask_output(file.graph, image, sidecar.output_position, sidecar.output_kind)
    metadata = read_metadata(file.metadata, data, mask.position)
    preset = find_preset(digest)
    normalization, normalization_source = choose_normalization(
        image,
        (
            ("sidecar", sidecar.normalization),
            ("metadata", metadata.normalization),
            ("preset", preset.normalization),
        ),
        sidecar.path.name,
    )
    classes = choose_classes(
        mask, sidecar, (("metadata", metadata.class_names), ("preset", preset.class_names))
    )
    return ModelSpec(
        name=name,
        path=path,
        sha256=digest,
        input=image,
        output=mask.tensor,
        output_position=mask.position,
        output_kind=mask.kind,
        mean=normalization.mean if normalization else None,
        std=normalization.std if normalization else None,
        threshold=DEFAULT_THRESHOLD if sidecar.threshold is None else sidecar.threshold,
        classes=classes.specs,
        custom_ops=file.custom_ops,
        cpu_twin=sidecar.cpu_twin,
        sources={
            "normalization": normalization_source,
            "output": _given_by_sidecar(sidecar.output_position, sidecar.output_kind) or "file",
            "threshold": _given_by_sidecar(sidecar.threshold) or "default",
            "names": classes.names_source,
            "palette": classes.palette_source,
        },
        upsampling=find_upsampling(file.graph, mask),
    )


def _given_by_sidecar(*values: object) -> str:
    return "sidecar" if any(value is not None for value in values) else ""
