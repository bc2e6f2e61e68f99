"""Reads how a stream of `edgeseg.v1` reuses results."""

from __future__ import annotations

import itertools

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core.errors import InvalidOptions
from edgesegd.core.reuse import (
    DEFAULT_MAX_AGE,
    DEFAULT_THRESHOLD,
    MAX_AGE_LIMIT,
    MAX_THRESHOLD,
    ReuseMode,
    ReuseStream,
)

MODES = {
    pb.REUSE_UNSPECIFIED: None,
    pb.REUSE_OFF: None,
    pb.REUSE_IDENTICAL: ReuseMode.IDENTICAL,
    pb.REUSE_UNCHANGED: ReuseMode.UNCHANGED,
}

_numbers = itertools.count(1)


def parse_reuse(options: pb.StreamOptions) -> ReuseStream | None:
    """A new stream that reuses results as `options` say; None if it does not.

    Raises InvalidOptions.
    """
    if options.reuse not in MODES:
        raise InvalidOptions(f"unknown reuse {options.reuse}")
    mode = MODES[options.reuse]
    if mode is not ReuseMode.UNCHANGED:
        for name in ("reuse_threshold", "reuse_max_age_ms"):
            if getattr(options, name):
                raise InvalidOptions(f"{name} is only for reuse UNCHANGED; leave it out")
    threshold = options.reuse_threshold or DEFAULT_THRESHOLD
    if not 0 < threshold <= MAX_THRESHOLD:  # nor NaN
        raise InvalidOptions(
            f"reuse_threshold is more than 0 and at most {MAX_THRESHOLD:g} pixel values, "
            f"not {threshold:g}; leave it out for {DEFAULT_THRESHOLD:g}"
        )
    max_age = options.reuse_max_age_ms / 1000 or DEFAULT_MAX_AGE
    if max_age > MAX_AGE_LIMIT:
        raise InvalidOptions(
            f"reuse_max_age_ms is at most {MAX_AGE_LIMIT * 1000:,.0f}, "
            f"not {options.reuse_max_age_ms:,}"
        )
    return None if mode is None else ReuseStream(next(_numbers), mode, threshold, max_age)
