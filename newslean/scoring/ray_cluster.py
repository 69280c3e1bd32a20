"""A Ray cluster: whether there is one, the connection to it, and what its errors mean.

Knows Ray, an extra; scores nothing.
"""

import logging
import os
import socket
from typing import Any

from newslean.errors import DataError, NewsleanError


def check_ray(address: str | None) -> None:
    """Say what is missing before anything is done.

    Raises
    ------
    DataError
        If Ray is not installed, or no cluster answers at the address, or not in the way that is needed.
    """
    try:
        import ray.data  # noqa: F401 - an extra
    except ImportError as error:
        raise DataError(
            f"--engine ray: expected Ray Data; found: {str(error).partition(chr(10))[0]}. "
            "Run pip install 'newslean[dump,ray]' here and on every node."
        ) from None
    if address is not None and address.startswith("ray://"):
        raise DataError(
            f"--address {address}: expected the address of a cluster that this machine is a node of, such as "
            "10.0.0.1:6379 or auto; found Ray Client's. Start the run on a node."
        )
    if address is not None and address.rpartition(":")[0]:
        _reach(address)


def _reach(address: str) -> None:
    """Try a cluster's address: Ray would go on trying for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: Exception) -> DataError:
    told = str(error).strip().partition("\n")[0].rstrip(".")
    return DataError(
        f"--address {address}: expected a Ray cluster; found none: {told}. Start one with ray start --head, or give no "
        "address for one on this machine."
    )


def connect(address: str | None) -> None:
    """Open a connection to a cluster, or start one here.

    Raises
    ------
    DataError
        If none answers.
    """
    import ray

    from newslean.finetuned import cores

    address = address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of what Ray Data itself does
    local: dict[str, Any] = {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ValueError, RuntimeError, OSError) as error:  # ConnectionError is one
        raise _no_cluster(address, error) from None


def cause(error: Any) -> Exception:
    """Find newslean's own error under Ray's, and wrap any other."""
    cause = getattr(error, "cause", None)
    if isinstance(error, NewsleanError):
        return error
    if isinstance(cause, NewsleanError):
        return cause
    return lost(cause or error)


def lost(error: BaseException) -> NewsleanError:
    """Say that the cluster did not go on, and why."""
    told = (str(error).strip().splitlines() or [""])[-1]
    return NewsleanError(
        f"expected the Ray cluster to go on; {type(error).__name__}: {told}. The same command goes on where it was; "
        "every node needs newslean[dump,ray]."
    )
