"""From a trained Keras model to a .tflite file."""

from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def export(model: keras.Model, path: Path) -> None:
    """Writes float32 TFLite with a batch of one; built-in operators only.

    The variables are frozen first: only then does the converter fold the batch normalizations
    and make dilated convolutions one operator each.
    """
    shape = (1, *model.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def logits(image: tf.Tensor) -> tf.Tensor:
        return model(image, training=False)

    frozen = convert_variables_to_constants_v2(logits.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    path.write_bytes(converter.convert())


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulates of all convolutions for one picture."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            _, height, width, channels = layer.output.shape
            inputs = layer.kernel.shape[2] if isinstance(layer, keras.layers.Conv2D) else 1
            total += height * width * channels * inputs * layer.kernel.shape[0] ** 2
    return total
