"""The bytes that a runtime runs: always those from which the facts of the model were read.

A runtime never opens a model's file itself. The file might have been replaced by then, or might be
overwritten while the runtime has it mapped; and a path may not be valid text.
"""

from __future__ import annotations

from hashlib import sha256

from edgesegd.models.file_bytes import read_model_bytes, require_same
from edgesegd.models.spec import ModelSpec, Upsampling
from edgesegd.models.tflite.shorten import keep_end, shorten_graph


def read_content(model: ModelSpec) -> bytes:
    """The whole file; raises ModelInvalid if it is not the file that `model` was read from."""
    content = read_model_bytes(model.content or model.path)
    require_same(model.path, sha256(content).hexdigest(), model.sha256)
    return content


def content_to_run(model: ModelSpec) -> bytes:
    """The bytes for a runtime: the file, without the end of the graph that `upsampling` replaces.

    Raises like `read_content`.
    """
    content = read_content(model)
    return content if model.upsampling is None else shorten_graph(content, model.upsampling)


def content_of_end(model: ModelSpec, upsampling: Upsampling) -> bytes:
    """The end of the graph alone, which `content_to_run` cuts off.

    It computes the output from the small scores. Raises like `read_content`.
    """
    return keep_end(read_content(model), upsampling)
