"""The messages of edgeseg's contract, in `edgeseg.v1`.

The client is another package:

    from edgeseg_client import Client
"""


def __getattr__(name: str) -> object:
    advice = f"edgeseg has no {name}: the client is `from edgeseg_client import Client`"
    if name[:1].isupper():  # a class that one would expect here; `from edgeseg import …` shows this
        raise ImportError(advice)
    raise AttributeError(advice)
