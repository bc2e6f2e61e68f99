"""The network: MobileNetV2-like blocks, dilated where DeepLab dilates, and a small decoder."""

import keras
import tensorflow as tf

SIDE = 193
"""Pixels of the square input's side: 8k + 1, so that every stride's grid meets both edges."""

_DECODER_CHANNELS = 32


@keras.saving.register_keras_serializable("edgeseg")
class AlignedResize(keras.layers.Layer):
    """Bilinear to `side` x `side`, corner pixels on corner pixels, as DeepLab resizes."""

    def __init__(self, side: int, **options: object) -> None:
        super().__init__(**options)
        self.side = side

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """float32[N, H, W, C] to float32[N, side, side, C]."""
        return tf.compat.v1.image.resize_bilinear(
            values, (self.side, self.side), align_corners=True
        )


def build(classes: int) -> keras.Model:
    """float32[N, 193, 193, 3] in -1..1 to logits float32[N, 193, 193, classes]."""
    image = keras.Input((SIDE, SIDE, 3))
    values = _convolve(image, 16, size=3, stride=2)
    values = _block(values, 16, expansion=1)
    values = _block(values, 24, expansion=4, stride=2)
    fine = _block(values, 24, expansion=3)
    values = _block(fine, 36, expansion=4, stride=2)
    values = _block(values, 36, expansion=4)
    values = _block(values, 36, expansion=4, dilation=2)
    values = _block(values, 36, expansion=4, dilation=4)
    context = _pyramid(values)
    side = fine.shape[1]
    fine = _convolve(fine, 16)
    merged = keras.layers.Concatenate()([AlignedResize(side)(context), fine])
    merged = _depthwise(merged)
    merged = _convolve(merged, _DECODER_CHANNELS)
    merged = _depthwise(merged)
    merged = _convolve(merged, _DECODER_CHANNELS)
    logits = keras.layers.Conv2D(classes, 1)(merged)
    return keras.Model(image, AlignedResize(SIDE)(logits))


def _convolve(
    values: tf.Tensor, channels: int, size: int = 1, stride: int = 1, *, active: bool = True
) -> tf.Tensor:
    values = keras.layers.Conv2D(channels, size, stride, "same", use_bias=False)(values)
    values = keras.layers.BatchNormalization(momentum=0.98)(values)
    return keras.layers.ReLU(6.0)(values) if active else values


def _depthwise(values: tf.Tensor, stride: int = 1, dilation: int = 1) -> tf.Tensor:
    values = keras.layers.DepthwiseConv2D(
        3, stride, "same", dilation_rate=dilation, use_bias=False
    )(values)
    values = keras.layers.BatchNormalization(momentum=0.98)(values)
    return keras.layers.ReLU(6.0)(values)


def _block(
    values: tf.Tensor, channels: int, expansion: int, stride: int = 1, dilation: int = 1
) -> tf.Tensor:
    """An inverted residual: widen, filter each channel, narrow; added to where it came from."""
    wide = values if expansion == 1 else _convolve(values, values.shape[-1] * expansion)
    narrow = _convolve(_depthwise(wide, stride, dilation), channels, active=False)
    if stride == 1 and values.shape[-1] == channels:
        return keras.layers.Add()([values, narrow])
    return narrow


def _pyramid(values: tf.Tensor) -> tf.Tensor:
    """Atrous spatial pyramid pooling, light: one plain and two dilated branches, and the mean."""
    side, channels = values.shape[1], _DECODER_CHANNELS
    mean = _convolve(keras.layers.GlobalAveragePooling2D(keepdims=True)(values), channels)
    branches = [
        _convolve(values, channels),
        _convolve(_depthwise(values, dilation=3), channels),
        _convolve(_depthwise(values, dilation=6), channels),
        AlignedResize(side)(mean),
    ]
    return _convolve(keras.layers.Concatenate()(branches), channels)
