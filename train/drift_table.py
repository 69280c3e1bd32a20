"""The numbers of `train.drift` as lines of a table; knows no bound and no verdict."""

from typing import Any

Report = dict[str, Any]


def dimension_lines(name: str, found: Report) -> list[str]:
    """Give scores, expected accuracy and the shares of the labels in one dimension as lines for a person."""
    lines = [f"{name}"]
    if found["confidence"]:
        lines.append(f"  scores: {distances(found['confidence'])}")
    accuracy = found["accuracy"]
    if accuracy:
        now = "" if accuracy["new"] is None else f" {accuracy['new']:.1%}, was {accuracy['reference']:.1%};"
        lines.append(f"  expected accuracy:{now} loss {signed(accuracy['loss'], accuracy['interval'])}")
    width = max(map(len, found["labels"]))
    head = f"  {'share of sentences':<{width}}  {'reference (95 %)':<24}  {'counted':>8}"
    lines.append(f"{head}  {'corrected (95 %)':<24}  {'EM':>6}")
    for label, row in found["labels"].items():
        before = rest = "        -"
        bounds = row.get("interval")
        if "reference" in row:  # of use with its interval only where there is one to compare it with
            before = _share(row["reference"], bounds and row.get("reference_interval"))
        if row.get("corrected") is not None:
            rest = _share(row["corrected"], bounds, otherwise="(one article)")
        em = "-" if row.get("em") is None else f"{row['em']:.1%}"
        lines.append(f"  {label:<{max(width, 18)}}  {before:<24}  {row['counted']:8.1%}  {rest:<24}  {em:>6}")
    if found["missing_gold"]:
        lines.append(
            f"  (not corrected, since errors are unknown: no gold sentence {' or '.join(found['missing_gold'])})"
        )
    return lines


def _share(value: float, bounds: list[float] | None, *, otherwise: str = "") -> str:
    return f"{value:8.1%} " + (f"[{bounds[0]:.1%}, {bounds[1]:.1%}]" if bounds else otherwise)


def distances(row: Report) -> str:
    """Say how far two samples lie apart, with intervals."""
    psi, ks = row["psi_interval"], row["ks_interval"]
    if psi is None:
        return f"PSI {row['psi']:.3f}, JS {row['js']:.3f}, KS {row['ks']:.3f} (one article: no interval)"
    return (
        f"PSI {row['psi']:.3f} [{psi[0]:.3f}, {psi[1]:.3f}] (chance under {row['psi_chance']:.3f}), "
        f"JS {row['js']:.3f}, "
        f"KS {row['ks']:.3f} [{ks[0]:.3f}, {ks[1]:.3f}] (chance under {row['ks_chance']:.3f})"
    )


def signed(value: float, bounds: list[float] | None) -> str:
    """Say a difference, with its interval."""
    return (
        f"{value:+.1%} [{bounds[0]:+.1%}, {bounds[1]:+.1%}]" if bounds else f"{value:+.1%} (one article: no interval)"
    )
