"""What can go wrong in a set-up, each in one sentence with the next step.

Owns the wording and the recognition of a cause in a tool's output; raises nothing by itself.
"""

from __future__ import annotations

import errno
import re

AGAIN = "then run the same command again"

_DISK_FULL = f"The disk is full: free about 2 GB, {AGAIN}."
_NOT_WRITABLE = (
    "The set-up may not write there: move the checkout to a folder you can write to, or change its "
    f"permissions, {AGAIN}."
)
_HASH = (
    "A download is not the file the lock names, so it was not installed: something between here "
    f"and the package index changes files; use another network or index, {AGAIN}."
)
_CERTIFICATE = (
    "The package index's certificate is not trusted here, as behind a company proxy: name your "
    f"certificates in SSL_CERT_FILE and PIP_CERT, or set UV_SYSTEM_CERTS=1, {AGAIN}."
)
_NETWORK = (
    "The package index cannot be reached: connect to a network (or set your proxy or mirror), "
    f"{AGAIN}; what was downloaded already is kept."
)

# The first that matches wins: a full disk also makes downloads fail, a missing network comes last.
_CAUSES = {
    _DISK_FULL: r"No space left on device|os error 28\b|ENOSPC|Disk quota exceeded|os error 122\b",
    _NOT_WRITABLE: (
        r"Read-only file system|os error 30\b|EROFS|Permission denied|os error 13\b|EACCES"
    ),
    _HASH: r"hash(es)? mismatch|DO NOT MATCH THE HASHES|EINTEGRITY",
    _CERTIFICATE: (
        r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT"
        r"|UNABLE_TO_(GET_ISSUER|VERIFY)"
    ),
    _NETWORK: (
        r"error sending request|dns error|failed to (fetch|lookup|download)|could not connect"
        r"|connection (refused|reset|error)|timed out|network (is unreachable|connectivity)"
        r"|NewConnectionError|name resolution|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT"
        r"|ENETUNREACH"
    ),
}


class SetupFailed(Exception):
    """The set-up cannot go on; the text is one sentence for the user."""


def from_output(output: str, step: str, log: str) -> SetupFailed:
    """Return the failure that a tool's output speaks of.

    Args:
        output: What the tool printed.
        step: What was being done, such as "Installing the packages".
        log: Where the whole output is kept; empty if nowhere.
    """
    details = f" Details: {log}" if log else ""
    for sentence, pattern in _CAUSES.items():
        if re.search(pattern, output, re.IGNORECASE):
            return SetupFailed(sentence + details)
    return SetupFailed(f"{step} failed ({_gist(output)}): mend that, {AGAIN}.{details}")


def _gist(output: str) -> str:
    """Return the line that says most: the innermost cause, else the first error, else the last."""
    lines = [line.strip(" ╰─▶×│├") for line in output.splitlines() if line.strip()]
    causes = [line for line in lines if line.lower().startswith(("cause", "caused by"))]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (causes[-1:] or errors[:1] or lines[-1:] or ["it said nothing"])[0]


def from_os_error(error: OSError) -> SetupFailed:
    """Return the failure that an error of the operating system means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return SetupFailed(_DISK_FULL)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return SetupFailed(f"{error.filename or 'The checkout'} is not writable. {_NOT_WRITABLE}")
    return SetupFailed(f"The set-up failed ({error}): mend that, {AGAIN}.")
