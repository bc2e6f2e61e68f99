"""Writes what lies beside the model: its card for people, its sidecar for the daemon."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scenes import CLASSES, PALETTE


@dataclass(frozen=True)
class Measurement:
    """IoU of each class on `scenes` held-out scenes of `size` (width, height)."""

    size: tuple[int, int]
    scenes: int
    iou: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over all classes, background included."""
        return sum(self.iou) / len(self.iou)


@dataclass(frozen=True)
class Facts:
    """What the card tells about a training."""

    side: int
    parameters: int
    macs: int
    scenes: int
    steps: int
    batch: int
    seed: int
    first_training_seed: int
    measurements: tuple[Measurement, ...]


_CARD = """\
# Model card: scenes

Written by `training/train.py` together with the model; change the script, not this page.

## What it is for

`scenes.tflite` ships with edgesegd and serves where no model is given, so that the daemon, its
demo and its tests work on a fresh, offline machine. It knows {things}
as `training/scenes` draws them.

## Limits

It knows drawn scenes and nothing else. **On photographs its output is meaningless**: serve
another model for anything real. The figures below come from the same drawing program as the
training data and say nothing about the real world.

## The model

| | |
| --- | --- |
| file | `scenes.tflite`, {size:,} bytes, SHA-256 `{digest}` |
| input | 1 x {side} x {side} x 3 float32, RGB, (value - 127.5) / 127.5; frames are stretched |
| output | 1 x {side} x {side} x {classes} float32 logits |
| classes | {names} |
| backbone | MobileNetV2-like inverted residuals to stride 8, the last two dilated by 2 and 4 |
| head | light atrous spatial pyramid, decoder at stride 4, bilinear resize, corners aligned |
| operators | built-in TFLite float32; the last is RESIZE_BILINEAR |
| parameters | {parameters:,} trainable |
| multiply-accumulates | {macs:.1f} million per picture |
| licence | Apache-2.0, as the project |

## The data

{scenes:,} scenes with exact labels, drawn at 4:3, 16:9, 1:1 and 3:4 from the seeds
{first:,} to {last:,}; mirrored, cropped, recoloured, lit and noised anew each time.
No photographs, no foreign data. {steps:,} steps of {batch} scenes, AdamW, cosine schedule,
cross entropy + soft IoU.

## How well it does

Intersection over union of this very file, run by ai-edge-litert on scenes of seeds from 0 on,
which training never uses (below {first:,}), each stretched to {side} x {side} by Pillow's
bilinear filter and compared there with the exact labels.

| frame | scenes | mean | {names_row} |
| --- | --- | --- | {rule} |
{rows}

## Again

```
pip install -r training/requirements.txt
python training/train.py --scenes {scenes} --steps {steps} --batch {batch} --seed {seed}
```

Seeds are fixed: two short runs on one machine gave the same bytes. Another machine adds floats in
another order, so its file may differ in its bytes, and its figures in their last digits.
"""


def write_card(path: Path, model: Path, facts: Facts) -> None:
    """The model card, in Markdown."""
    content = model.read_bytes()
    rows = (
        f"| {m.size[0]} x {m.size[1]} | {m.scenes} | **{m.mean:.3f}** | "
        + " | ".join(f"{value:.3f}" for value in m.iou)
        + " |"
        for m in facts.measurements
    )
    text = _CARD.format(
        things=", ".join(CLASSES[1:-1]) + f" and {CLASSES[-1]}",
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        side=facts.side,
        classes=len(CLASSES),
        names=", ".join(f"{index} {name}" for index, name in enumerate(CLASSES)),
        parameters=facts.parameters,
        macs=facts.macs / 1e6,
        scenes=facts.scenes,
        first=facts.first_training_seed,
        last=facts.first_training_seed + facts.scenes - 1,
        steps=facts.steps,
        batch=facts.batch,
        seed=facts.seed,
        names_row=" | ".join(CLASSES),
        rule=" | ".join("---" for _ in CLASSES),
        rows="\n".join(rows),
    )
    path.write_text(text, encoding="utf-8")


NOTE = (
    "It knows the drawn scenes of its own training only. For photographs serve a real model:"
    " edgesegd models pull deeplabv3"
)
"""What clients show to people who use the built-in model."""


def write_sidecar(path: Path) -> None:
    """What the daemon must know beyond the file: normalization, output, classes, palette."""
    names = ", ".join(f'"{name}"' for name in CLASSES)
    palette = ", ".join(str(list(colour)) for colour in PALETTE)
    lines = (
        "# Written by training/train.py together with the model.",
        "[model]",
        f'note = "{NOTE}"',
        "",
        "[input]",
        "mean = [127.5, 127.5, 127.5]",
        "std = [127.5, 127.5, 127.5]",
        "",
        "[output]",
        'kind = "logits"',
        "",
        "[classes]",
        f"names = [{names}]",
        f"palette = [{palette}]",
        "",
    )
    path.write_text("\n".join(lines), encoding="utf-8")
