"""What a benchmark's numbers hang on: the machine and the versions of the libraries.

Knows the system and installed packages; imports none of them.
"""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

INT8_FLAGS = ("avx2", "avx512_vnni", "avx_vnni", "amx_int8")
"""Processor features that int8 arithmetic is quick with."""


def describe_machine() -> dict[str, Any]:
    """Describe the processor, its cores, the system, Python, and how busy the machine was."""
    fields = _processor()
    flags = fields.get("flags", "").split()
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "flags": [flag for flag in INT8_FLAGS if flag in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def installed(names: Iterable[str]) -> dict[str, str]:
    """Give the versions of those packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine_lines(machine: dict[str, Any], versions: dict[str, str]) -> list[str]:
    """Give machine and versions as two paragraphs of Markdown."""
    return [
        f"Machine: {machine['cpu']} ({', '.join(machine['flags']) or 'no int8 flags'}), {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}; load average before the run: {machine['load_before']}.",
        f"Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}.",
    ]


def _processor() -> dict[str, str]:
    """Read the first processor's fields, where the system lists them."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
