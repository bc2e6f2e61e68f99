"""Who must have signed a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError, ReleaseRefused
from edgesegd.rollout.manifest import MANIFEST, SIGNATURE
from edgesegd.rollout.signature import PublicKey, read_key, require_signature
from support.releases import Signer, openssl


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


@pytest.fixture
def key(signer: Signer) -> PublicKey:
    return read_key(signer.public)


@pytest.fixture
def signed(tmp_path: Path, signer: Signer) -> tuple[bytes, bytes]:
    (tmp_path / MANIFEST).write_bytes(b'{"serial": 1}')
    signer.sign(tmp_path)
    return (tmp_path / MANIFEST).read_bytes(), (tmp_path / SIGNATURE).read_bytes()


def test_what_openssl_has_signed_is_right(signed: tuple[bytes, bytes], key: PublicKey) -> None:
    require_signature(*signed, [key])


def test_of_several_keys_one_is_enough(
    tmp_path: Path, signed: tuple[bytes, bytes], key: PublicKey
) -> None:
    other = read_key(Signer(tmp_path, "other").public)
    require_signature(*signed, [other, key])
    with pytest.raises(ReleaseRefused, match=r"other\.pub: Signature Verification Failure"):
        require_signature(*signed, [other])


def test_a_changed_byte_anywhere_is_noticed(signed: tuple[bytes, bytes], key: PublicKey) -> None:
    manifest, signature = signed
    for place in range(len(manifest)):
        changed = bytearray(manifest)
        changed[place] ^= 1
        with pytest.raises(ReleaseRefused, match="the signature is not right"):
            require_signature(bytes(changed), signature, [key])
    for place in range(0, len(signature), 7):
        changed = bytearray(signature)
        changed[place] ^= 1
        with pytest.raises(ReleaseRefused, match="the signature is not right"):
            require_signature(manifest, bytes(changed), [key])
    for other in (manifest + b"\n", manifest[:-1], b""):
        with pytest.raises(ReleaseRefused, match="the signature is not right"):
            require_signature(other, signature, [key])


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + b"\0", lambda _: b""])
def test_a_signature_has_64_bytes(
    signed: tuple[bytes, bytes], key: PublicKey, change: object
) -> None:
    assert callable(change)
    with pytest.raises(ReleaseRefused, match="one of Ed25519 has 64"):
        require_signature(signed[0], change(signed[1]), [key])


def test_only_public_keys_of_ed25519_are_taken(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(ConfigError, match="is a private key, which must not be on a board"):
        read_key(signer.private)
    elliptic = tmp_path / "elliptic"
    openssl(
        *("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-out", elliptic),
    )
    public = tmp_path / "elliptic.pub"
    openssl("pkey", "-in", elliptic, "-pubout", "-out", public)
    for text in (
        public.read_text(),
        "",
        "-----BEGIN PUBLIC KEY-----\nAA=A\n-----END PUBLIC KEY-----",
    ):
        public.write_text(text)
        with pytest.raises(ConfigError, match="is no public key of Ed25519"):
            read_key(public)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_key(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="cannot be read: it is a folder"):
        read_key(tmp_path)
