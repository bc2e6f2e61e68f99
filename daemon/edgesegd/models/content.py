"""The bytes that a runtime runs: those that the facts of a model were read from, no others.

A runtime never opens a model's file itself. It might be another by then, or become another while
the runtime has it mapped, as where a new one is copied over it; and not every path is text.
"""

from __future__ import annotations

from hashlib import sha256

from edgesegd.models.file_bytes import read_model_bytes, require_same
from edgesegd.models.spec import ModelSpec, Upsampling
from edgesegd.models.tflite.shorten import keep_end, shorten_graph


def read_content(model: ModelSpec) -> bytes:
    """The whole file; raises ModelInvalid where it is not the one that `model` tells of."""
    content = read_model_bytes(model.content or model.path)
    require_same(model.path, sha256(content).hexdigest(), model.sha256)
    return content


def content_to_run(model: ModelSpec) -> bytes:
    """What a runtime is given: the file, but for the end of the graph that `upsampling` stands for.

    Raises as `read_content` does.
    """
    content = read_content(model)
    return content if model.upsampling is None else shorten_graph(content, model.upsampling)


def content_of_end(model: ModelSpec, upsampling: Upsampling) -> bytes:
    """The end of the graph alone, which `content_to_run` leaves out.

    It makes the output of small scores. Raises as `read_content` does.
    """
    return keep_end(read_content(model), upsampling)
