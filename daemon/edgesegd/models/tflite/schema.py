"""The part of TFLite's schema that is needed here: element types and a few operators.

From `tensorflow/compiler/mlir/lite/schema/schema.fbs`; the numbers never change there.
"""

from __future__ import annotations

from typing import Final

IDENTIFIER: Final = b"TFL3"
VERSION: Final = 3

# By TensorType: numpy's name, and the bits of one element; 0 where elements have no fixed size.
ELEMENT_TYPES: Final[dict[int, tuple[str, int]]] = {
    0: ("float32", 32),
    1: ("float16", 16),
    2: ("int32", 32),
    3: ("uint8", 8),
    4: ("int64", 64),
    5: ("string", 0),
    6: ("bool", 8),
    7: ("int16", 16),
    8: ("complex64", 64),
    9: ("int8", 8),
    10: ("float64", 64),
    11: ("complex128", 128),
    12: ("uint64", 64),
    13: ("resource", 0),
    14: ("variant", 0),
    15: ("uint32", 32),
    16: ("uint16", 16),
    17: ("int4", 4),
    18: ("bfloat16", 16),
    19: ("int2", 2),
    20: ("uint4", 4),
    21: ("float8_e4m3fn", 8),
    22: ("float8_e5m2", 8),
}

CUSTOM: Final = 32

# By BuiltinOperator: those that show, near the end of a graph, what its output means.
OPERATORS: Final[dict[int, str]] = {
    0: "ADD",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    25: "SOFTMAX",
    CUSTOM: "CUSTOM",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    53: "CAST",
    56: "ARG_MAX",
    65: "SLICE",
    67: "TRANSPOSE_CONV",
    70: "EXPAND_DIMS",
    97: "RESIZE_NEAREST_NEIGHBOR",
    114: "QUANTIZE",
}
