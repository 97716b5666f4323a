"""The sentence for each thing that can go wrong in a set-up."""

from __future__ import annotations

import errno

import pytest

from bootstrap.failures import SetupFailed, from_os_error, from_output

DISK, PLACE, HASH, CERTIFICATE, NETWORK = (
    "The disk is full",
    "may not write there",
    "not the file the lock names",
    "certificate is not trusted here",
    "package index cannot be reached",
)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("error: Failed to extract archive\n  cause: No space left on device (os error 28)", DISK),
        ("Error: [Errno 28] No space left on device: '/x/.venv/lib'", DISK),
        ("npm error code ENOSPC", DISK),
        ("error: failed to create directory\n  cause: Permission denied (os error 13)", PLACE),
        ("error: Read-only file system (os error 30)", PLACE),
        ("error: Hash mismatch for `pebble==1.0`", HASH),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", HASH),
        ("npm error code EINTEGRITY", HASH),
        (
            "error: error sending request\n  cause: invalid peer certificate: UnknownIssuer",
            CERTIFICATE,
        ),
        ("SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed')", CERTIFICATE),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", CERTIFICATE),
        ("error: Failed to fetch: `https://x/`\n  cause: dns error\n", NETWORK),
        ("  × No solution found\n  hint: network connectivity is disabled", NETWORK),
        ("WARNING: Retrying: NewConnectionError: Name or service not known", NETWORK),
        ("npm error code ENOTFOUND", NETWORK),
        ("npm error code EAI_AGAIN", NETWORK),
    ],
)
def test_a_known_cause_has_its_sentence(output: str, sentence: str) -> None:
    failure = from_output(output, "Installing the packages", "/x/.venv.log")
    assert sentence in str(failure)
    assert str(failure).endswith("Details: /x/.venv.log")


def test_a_full_disk_outranks_the_download_it_breaks() -> None:
    output = "error: Failed to fetch: `https://x/`\n  cause: No space left on device (os error 28)"
    assert DISK in str(from_output(output, "Installing", ""))


@pytest.mark.parametrize(
    ("output", "observed"),
    [
        ("doing\nerror: the lock is odd\n  cause: it is\n  cause: line 7\n", "cause: line 7"),
        ("doing\nerror: the lock is odd\nmore", "error: the lock is odd"),
        ("Traceback …\nValueError: no\n", "ValueError: no"),
        ("", "it said nothing"),
    ],
)
def test_an_unknown_cause_is_quoted(output: str, observed: str) -> None:
    assert str(from_output(output, "Installing the packages", "")) == (
        f"Installing the packages failed ({observed}): mend that, then run the same command again."
    )


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, DISK),
        (errno.EROFS, PLACE),
        (errno.EACCES, "/x/.venv is not writable"),
        (errno.EIO, "The set-up failed ([Errno 5]"),
    ],
)
def test_errors_of_the_system_are_told_in_the_same_words(number: int, sentence: str) -> None:
    failure = from_os_error(OSError(number, "no", "/x/.venv"))
    assert isinstance(failure, SetupFailed)
    assert sentence in str(failure)
