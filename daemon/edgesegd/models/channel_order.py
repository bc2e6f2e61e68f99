"""The order in which a model takes red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.input_scaling import InputScaling, order_of
from edgesegd.models.pixel_map import ChannelOrder


def choose_order(
    wanted: ChannelOrder | None,
    scaling: InputScaling | None,
    means: Sequence[float],
    sidecar_name: str,
) -> ChannelOrder:
    """What the sidecar says, else red, green and blue.

    Raises ModelInvalid if the means that the graph or the normalization subtracts are those of
    blue, green and red, as in models from Caffe, and nothing says which order it is.
    """
    if wanted is not None:
        return wanted
    by_graph = None if scaling is None else scaling.order
    if ChannelOrder.BGR in {by_graph, order_of(means)}:
        raise ModelInvalid(
            "the means that are subtracted grow from the first channel to the third, as those of "
            f'blue, green and red do; write input.order = "bgr" or "rgb" into {sidecar_name}'
        )
    return ChannelOrder.RGB
