"""Makes the built-in model: draws scenes, trains, converts, measures, writes model and card."""

import argparse
import tempfile
from pathlib import Path

_BUILTIN = Path(__file__).resolve().parents[1] / "daemon" / "edgesegd" / "builtin"


def parse_arguments() -> argparse.Namespace:
    """The options, named as `make_model` names them; the defaults make the shipped model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=6000, help="scenes to draw for training")
    parser.add_argument("--steps", type=int, default=5000, help="training steps")
    parser.add_argument("--batch", type=int, default=16, help="scenes per step")
    parser.add_argument("--seed", type=int, default=1, help="of weights, order and variation")
    parser.add_argument("--out", type=Path, default=_BUILTIN, help="folder for the three files")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "edgeseg-training",
        help="folder for rendered scenes; delete it after changing how scenes are drawn",
    )
    parser.add_argument(
        "--measure-only", action="store_true", help="keep the .tflite, write its card anew"
    )
    return parser.parse_args()


if __name__ == "__main__":
    options = parse_arguments()
    # Imported here: the processes that render load this module too and need no TensorFlow.
    from pipeline import make_model

    make_model(**vars(options))
