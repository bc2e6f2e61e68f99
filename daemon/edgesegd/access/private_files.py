"""The files that say who may use the daemon."""

from __future__ import annotations

from edgesegd.access.token_file import tokens_path


def private_files(data_dir: str, tls_key: str, tokens: str) -> tuple[str, ...]:
    """What only the front may read: the data folder, and a key and tokens that lie elsewhere.

    The arguments are the daemon's options.
    """
    own_tokens = tokens and tokens_path(tokens, data_dir)
    return tuple(str(each) for each in (data_dir, tls_key, own_tokens) if each)
