"""Reads the facts about a model from its file, its sidecar and the presets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from edgesegd.core.errors import ConfigError, ModelInvalid, StartupError
from edgesegd.models.channel_order import choose_order
from edgesegd.models.classes import METADATA, choose_classes
from edgesegd.models.compiled import EDGETPU_OP, plain_path
from edgesegd.models.file_bytes import read_model_bytes, require_same
from edgesegd.models.fourth_channel import choose_alpha
from edgesegd.models.image_input import ImageInput, find_image_input
from edgesegd.models.input_scaling import scaling_in_graph
from edgesegd.models.mask_output import MaskOutput, find_mask_output
from edgesegd.models.names import name_of_file
from edgesegd.models.normalization import choose_normalization
from edgesegd.models.output_candidates import OutputWishes
from edgesegd.models.published import Preset, find_preset
from edgesegd.models.sidecar import Sidecar, check_threshold, read_sidecar, sidecar_path
from edgesegd.models.spec import ModelSpec
from edgesegd.models.tflite.file import TfliteFile, parse_tflite
from edgesegd.models.tflite.metadata import Metadata, read_metadata
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
        spec = assemble_model(path, name or name_of_file(path), data, sidecar)
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


def assemble_model(
    path: Path, name: str, data: bytes, sidecar: Sidecar, *, may_ask_twin: bool = True
) -> ModelSpec:
    """The facts about a model whose file has the content `data`; raises like `read_model`.

    Of a file that is compiled for an Edge TPU its plain twin may say what the values mean.
    """
    digest = sha256(data).hexdigest()
    preset = find_preset(digest, data)
    if preset.refused and sidecar.input.alpha is None:
        raise ModelInvalid(preset.refused)
    file, beside = parse_tflite(data), sidecar.path.name
    metadata = read_metadata(file.metadata, data)
    image = find_image_input(file.graph, sidecar.input)
    mask = _find_mask(
        *(path if may_ask_twin else None, file, image, sidecar),
        _count_names(file, metadata, sidecar, preset),
    )
    check_threshold(mask.kind, sidecar)
    scaling = scaling_in_graph(file.graph, image.map)
    normalization, normalization_source = choose_normalization(
        image.tensor,
        image.map.channels,
        (
            ("sidecar", sidecar.normalization),
            ("metadata", metadata.normalization),
            ("preset", preset.normalization),
            ("file", scaling.normalization if scaling else None),
        ),
        beside,
    )
    means = normalization.mean if normalization else ()
    order = choose_order(sidecar.input.order, scaling, means, beside)
    classes = choose_classes(
        mask,
        sidecar,
        ((METADATA, metadata.names_of(mask.position)), ("preset", preset.class_names)),
    )
    alpha, alpha_notes = choose_alpha(file, image, sidecar.input.alpha, classes.names)
    return ModelSpec(
        name=name,
        path=path,
        sha256=digest,
        input=image.tensor,
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
            "input": _source(sidecar.input.size, sidecar.input.layout),
            "order": _source(sidecar.input.order, default="default"),
            "output": _source(sidecar.output.position),
            "mask": _source(
                sidecar.output.shape,
                sidecar.output.layout,
                default="default" if mask.has_assumed_size else "file",
            ),
            "kind": _source(sidecar.output.kind, sidecar.output.unit),
            "threshold": _source(sidecar.threshold, default="default"),
            "names": classes.names_source,
            "palette": classes.palette_source,
        },
        input_map=image.map,
        output_map=mask.map,
        upsampling=find_upsampling(file.graph, mask, has_any_size=image.has_any_size),
        order=order,
        alpha=alpha,
        unit=mask.unit,
        proof=mask.reason,
        notes=(*image.notes, *alpha_notes, *mask.notes, *classes.notes, *_name_notes(path, file)),
        note=sidecar.note,
    )


def _name_notes(path: Path, file: TfliteFile) -> Iterator[str]:
    """What is wrong about the name of a file that the Edge TPU compiler named, but did not map."""
    if plain_path(path) is not None and not file.custom_ops:
        yield (
            "it is named like a model for an Edge TPU, but none of its operators is compiled for "
            "one: it runs where plain models do"
        )


def _find_mask(
    path: Path | None,
    file: TfliteFile,
    image: ImageInput,
    sidecar: Sidecar,
    name_counts: dict[int, int],
) -> MaskOutput:
    """The mask; the twin of a compiled file at `path` may say what it means."""

    def find(wishes: OutputWishes) -> MaskOutput:
        return find_mask_output(
            *(file.graph, image, wishes),
            names=file.names,
            name_counts=name_counts,
            sidecar_name=sidecar.path.name,
        )

    try:
        return find(sidecar.output)
    except ModelInvalid:
        if path is None or EDGETPU_OP not in file.custom_ops:
            raise
        twin = sidecar.cpu_twin or plain_path(path)
        with suppress(StartupError):
            plain = None if twin is None else _read_twin(twin)
            if plain is not None:
                wishes = replace(sidecar.output, kind=plain.output_kind, unit=plain.unit)
                found = find(replace(wishes, position=plain.output_position))
                if found.map == plain.output_map:
                    return replace(found, reason=f"as {plain.path.name}, {plain.proof}")
        raise


def _read_twin(path: Path) -> ModelSpec:
    """The plain twin of a compiled file; raises like `read_model`."""
    data, sidecar = read_model_bytes(path), read_sidecar(sidecar_path(path))
    return assemble_model(path, name_of_file(path), data, sidecar, may_ask_twin=False)


def _count_names(
    file: TfliteFile, metadata: Metadata, sidecar: Sidecar, preset: Preset
) -> dict[int, int]:
    """How many classes have a name, by the position of the output."""
    everywhere = sidecar.class_names or preset.class_names
    return {
        position: len(everywhere or metadata.names_of(position))
        for position in range(len(file.graph.outputs))
    }


def _source(*values: object, default: str = "file") -> str:
    return "sidecar" if any(value is not None for value in values) else default
