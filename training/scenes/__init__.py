"""Drawn scenes with exact ground truth: the built-in model's data, the demo's and the probe's."""

from scenes.scene import CLASSES, PALETTE, Scene, draw_clip, draw_scene

__all__ = ["CLASSES", "PALETTE", "Scene", "draw_clip", "draw_scene"]
