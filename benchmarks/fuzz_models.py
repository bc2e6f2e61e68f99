"""Reads mutated models, as `edgesegd models info` does, and checks what is said about them.

    fuzz_models.py [--count N] [--seed S] MODEL.tflite...

Of each model so many copies are changed: bytes, numbers, offsets, pieces that move, ends that are
missing. A copy must be refused with an error of this project, or be described without
contradiction. Prints what failed, with the seed that makes it again; exit status 1 if anything did.
"""

from __future__ import annotations

import random
import struct
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from math import isfinite, prod
from pathlib import Path

from arguments import whole_number

from edgesegd.core.errors import StartupError
from edgesegd.models.normalization import Normalization
from edgesegd.models.reading import assemble_model
from edgesegd.models.sidecar import Sidecar
from edgesegd.models.spec import ModelSpec, OutputKind

SIDECAR = Sidecar(Path("fuzzed.toml"), Normalization.of([127.5], [127.5]))
INTERESTING = (0, 1, -1, 2, 3, 4, 8, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, -(2**31))


def main() -> int:
    """Run; returns the exit status."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    parser.add_argument(
        "--count", type=whole_number, default=1_000_000, help="copies of each (default: 10^6)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first copy (default: 0)")
    args = parser.parse_args()
    failed = 0
    for path in args.models:
        found = Counter[str]()
        original = path.read_bytes()
        for seed in range(args.seed, args.seed + args.count):
            fault = try_copy(original, seed, found)
            if fault:
                failed += 1
                print(f"{path}, seed {seed}: {fault}", flush=True)
        told = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
        print(f"{path.name}: {args.count} copies: {told}", flush=True)
    return 1 if failed else 0


def try_copy(original: bytes, seed: int, found: Counter[str]) -> str:
    """Read one mutated copy; returns what is wrong, "" if nothing is."""
    data = mutate(original, seed)
    try:
        spec = assemble_model(Path("fuzzed.tflite"), "fuzzed", data, SIDECAR)
    except StartupError as refusal:
        found["refused"] += 1
        return "" if str(refusal) else "refused without a reason"
    except Exception as error:  # noqa: BLE001 - this is what is searched for
        return f"{type(error).__name__}: {error}"
    found[f"{spec.output_kind.value}"] += 1
    return "; ".join(contradictions(spec))


def mutate(original: bytes, seed: int) -> bytes:
    """A changed copy, the same for each seed."""
    rng, data = random.Random(seed), bytearray(original)  # noqa: S311 - no secret
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at = rng.randrange(len(data) or 1)
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                start = at & ~3
                data[start : start + 4] = struct.pack("<i", rng.choice(INTERESTING))
            case 2:
                start = at & ~3
                if start + 4 <= len(data):
                    (number,) = struct.unpack_from("<I", data, start)
                    changed = (number + rng.choice((-8, -4, -1, 1, 4, 8))) % 2**32
                    data[start : start + 4] = struct.pack("<I", changed)
            case 3:
                data[at : at + 1] = bytes([data[at] ^ (1 << rng.randrange(8))]) if data else b""
            case 4:
                length, to = rng.randrange(1, 64), rng.randrange(len(data) or 1)
                data[to : to + length] = data[at : at + length]
            case _ if rng.random() < 0.1:
                del data[at:]
    return bytes(data)


def contradictions(spec: ModelSpec) -> Iterable[str]:
    """What cannot be, in the facts about a model that would be served."""
    for what, tensor, found in (
        ("input", spec.input, spec.input_map),
        ("output", spec.output, spec.output_map),
    ):
        if prod(tensor.shape) != found.height * found.width * found.channels:
            yield f"the {what} {tensor.shape} is not {found}"
        if not isfinite(tensor.scale) or tensor.scale < 0:
            yield f"the {what} has the scale {tensor.scale}"
    one_value = spec.output_kind.is_binary or spec.output_kind is OutputKind.LABELS
    if one_value != (spec.output_map.channels == 1):
        yield f"{spec.output_kind} of {spec.output_map}"
    if spec.has_scores and not 2 <= len(spec.classes) <= 255:
        yield f"{len(spec.classes)} classes"
    if spec.input.dtype == "float32" and spec.mean is None:
        yield "no normalization of a float input"
    if spec.mean and spec.std and (len(spec.mean) != spec.input_map.channels or min(spec.std) <= 0):
        yield f"mean {spec.mean}, std {spec.std}"


if __name__ == "__main__":
    sys.exit(main())
