"""Which releases may replace the installed one."""

from __future__ import annotations

from dataclasses import dataclass

from edgesegd.core.errors import ReleaseFailed, ReleaseRefused
from edgesegd.rollout.manifest import Manifest
from edgesegd.rollout.record import Record


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed besides a newer release: an older one, and one that has failed here."""

    allow_older: bool = False
    retry: bool = False


def require_newer(manifest: Manifest, record: Record, policy: Policy) -> None:
    """Raise ReleaseRefused for a release that is older than the installed one.

    Raises ReleaseFailed for one that has failed here, if the policy does not ask for another try.
    """
    older = manifest.serial < record.serial
    other = manifest.serial == record.serial and manifest.digest != record.manifest
    if (older or other) and not policy.allow_older:
        what = "older than" if older else "not the same as"
        raise ReleaseRefused(
            f"the release {manifest.release} has the serial {manifest.serial}, and is {what} "
            f"{record.release}, which was installed with {record.serial}; give it a higher serial "
            "(or say --allow-older)"
        )
    if record.failed == manifest.content and not policy.retry:
        raise ReleaseFailed(
            f"the release {manifest.release} is not tried on this board again ({record.why}); "
            "--retry tries it"
        )
