"""One training: variation of the pictures, loss, and the loop over steps."""

import math
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from data import Pool, draw_batches

_PEAK_RATE = 3e-3
_WARM_UP_STEPS = 200
_REPORT_STEPS = 50


def train(model: keras.Model, pool: Pool, steps: int, batch: int, seed: int) -> None:
    """Fits the model in `steps` steps of AdamW; shows loss and time left on stderr."""
    classes = model.output_shape[-1]
    rates = keras.optimizers.schedules.CosineDecay(
        1e-5, max(steps - _WARM_UP_STEPS, 1), warmup_target=_PEAK_RATE, warmup_steps=_WARM_UP_STEPS
    )
    optimizer = keras.optimizers.AdamW(rates, weight_decay=1e-4, clipnorm=2.0)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        pictures, truth = vary(images, labels, tf.stack([seed, number]))
        with tf.GradientTape() as tape:
            loss = segmentation_loss(truth, model(pictures, training=True), classes)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    batches = draw_batches(pool, batch, np.random.default_rng(seed))
    losses, started = [], time.monotonic()
    for number in range(1, steps + 1):
        images, labels = next(batches)
        losses.append(float(step(tf.constant(images), tf.constant(labels), tf.constant(number))))
        if number % _REPORT_STEPS == 0 or number == steps:
            left = (time.monotonic() - started) / number * (steps - number)
            mean = sum(losses) / len(losses)
            print(
                f"step {number} of {steps}: loss {mean:.4f}, {left / 60:.1f} min left",
                file=sys.stderr,
            )
            losses.clear()


def vary(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrors, crops, recolours and lights pictures anew.

    uint8[N, S, S, 3] and uint8[N, S, S] become float32[N, S, S, 3] in -1..1 and int32[N, S, S].
    """
    count, side = tf.shape(images)[0], images.shape[1]
    draws = tf.random.stateless_uniform((count, 12), seed)
    size = 1.0 - 0.35 * draws[:, 0:2] * tf.cast(draws[:, 2:3] < 0.6, tf.float32)
    start = draws[:, 3:5] * (1.0 - size)
    stop = start + size
    mirrored = draws[:, 5] < 0.5
    left = tf.where(mirrored, stop[:, 1], start[:, 1])
    right = tf.where(mirrored, start[:, 1], stop[:, 1])
    boxes = tf.stack([start[:, 0], left, stop[:, 0], right], axis=1)
    crop = tf.image.crop_and_resize
    target, which = (side, side), tf.range(count)
    pictures = crop(tf.cast(images, tf.float32) / 255.0, boxes, which, target)
    truth = crop(tf.cast(labels[..., None], tf.float32), boxes, which, target, "nearest")
    gain = 1.0 + 0.5 * (draws[:, 6:7] - 0.5) + 0.24 * (draws[:, 7:10] - 0.5)
    gamma = tf.exp((draws[:, 10] - 0.5) * math.log(2.0))[:, None, None, None]
    pictures = tf.pow(tf.clip_by_value(pictures, 1e-4, 1.0), gamma) * gain[:, None, None, :]
    noise = tf.random.stateless_normal(tf.shape(pictures), seed + 1)
    pictures += noise * (0.03 * tf.square(draws[:, 11]))[:, None, None, None]
    return tf.clip_by_value(pictures, 0.0, 1.0) * 2.0 - 1.0, tf.cast(truth[..., 0], tf.int32)


def segmentation_loss(truth: tf.Tensor, logits: tf.Tensor, classes: int) -> tf.Tensor:
    """Cross entropy, plus one minus the soft IoU, which counts small classes like large ones."""
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits)
    share = tf.nn.softmax(logits)
    wanted = tf.one_hot(truth, classes)
    common = tf.reduce_sum(share * wanted, axis=(0, 1, 2))
    either = tf.reduce_sum(share + wanted, axis=(0, 1, 2)) - common
    return tf.reduce_mean(entropy) + 0.5 * (1.0 - tf.reduce_mean((common + 1.0) / (either + 1.0)))
