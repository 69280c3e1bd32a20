"""What throughput.py says: targets and tables.

Knows the report's numbers; measures nothing.
"""

from statistics import median
from typing import Any

from machine import machine_lines

MIN_RELEVANT, MIN_MIXED = 4.0, 25.0
"""Times SetFit's speed, at least: on-topic news with every sentence read by the model; mixed news end to end."""

MIN_INT8 = 0.6
"""Share of the int8 limit, at least."""

MIN_SCALING = 1.8
"""Two workers against one, at least."""

MAX_MB, MAX_SPREAD = 1500.0, 0.15
"""Peak memory, at most, and how far it may differ between dumps of different size."""

MAX_PAGES = 1.2
"""Times trafilatura's own seconds, at most, on pages that all hold an article."""

MIN_F1 = 0.9

TITLES = {"mixed": "Mixed news", "relevant": "On-topic news"}


def misses(report: dict[str, Any]) -> list[str]:
    """List the targets that were missed, and those that could not be judged."""
    found = []
    for kind, target in (("mixed", MIN_MIXED), ("relevant", MIN_RELEVANT)):
        news = report["news"][kind]
        peer = next((p for p in news["peers"] if p["name"].startswith("SetFit")), None)
        if peer is None:
            found.append(f"{TITLES[kind]}: SetFit was not measured")
        elif (ratio := best(news, kind) / peer["sentences_per_s"]) < target:
            found.append(f"{TITLES[kind]}: {ratio:.1f} times SetFit's speed, not {target:g}")
    one, two = (way["sentences_per_s"] for way in report["news"]["relevant"]["ways"][:2])
    if two < MIN_SCALING * one:
        found.append(f"two workers are {two / one:.2f} times as fast as one, not {MIN_SCALING:g}")
    if report["int8"] and report["int8"]["share"] < MIN_INT8:
        found.append(f"the transformer reaches {report['int8']['share']:.0%} of the int8 limit, not {MIN_INT8:.0%}")
    peaks = [row["megabytes"] for row in report["memory"]]
    if peaks and max(peaks) >= MAX_MB:
        found.append(f"peak memory is {max(peaks):.0f} MB, not under {MAX_MB:.0f}")
    if peaks and max(peaks) > (1 + MAX_SPREAD) * min(peaks):
        found.append(f"peak memory grows from {min(peaks):.0f} to {max(peaks):.0f} MB")
    for row in report["pages"]:
        if not row["empty_share"] and row["ratio"] > MAX_PAGES:
            found.append(f"web pages take {row['ratio']:.2f} times trafilatura's own time")
        if row["word_f1"] < MIN_F1:
            found.append(f"the text of web pages has an F1 of only {row['word_f1']:.2f}")
    return found


def best(news: dict[str, Any], kind: str) -> float:
    """Give newslean's speed with two workers: with the gate on mixed news, without where every sentence counts."""
    speeds = {way["name"]: way["sentences_per_s"] for way in news["ways"]}
    with_gate: float = speeds["newslean, 2 workers"]
    return speeds.get("newslean without gate, 2 workers", with_gate) if kind == "relevant" else with_gate


def render(report: dict[str, Any]) -> str:
    """Render the report as Markdown."""
    options, model = report["options"], report["model"]
    verdict = "not judged: sizes are too small" if options["quick"] else "; ".join(report["missed"]) or "all met"
    paragraphs = [
        "# Throughput",
        f"Dumps through newslean, and their sentences through its peers: `{report['command']}`",
    ]
    for kind, news in report["news"].items():
        paragraphs += [f"## {TITLES[kind]}", _origin(report, kind, news), _ways(news), _stages(news)]
    paragraphs += [
        *(f"{name}: not measured: {reason}" for name, reason in report["not_measured"].items()),
        f"newslean is `predict.py DUMP --out RESULT.parquet` with model {model['version']}"
        f"{'' if model['gate'] else ', which has no gate'}: its time is that of the whole process, from start to end, "
        "reading, splitting and writing included. The peers' is the scoring alone, of sentences cut already, with "
        f"models loaded and warm, on all cores, for each dimension; a sample of {options['sentences']:,} sentences. "
        f"Medians of {options['repeat']} fresh processes.",
        *_int8(report["int8"]),
        *_memory(report["memory"], options["share"]),
        *_pages(report["pages"]),
        f"Targets: {MIN_MIXED:g} times SetFit's speed on mixed news, {MIN_RELEVANT:g} times on on-topic news "
        f"without the gate, {MIN_INT8:.0%} of the int8 limit, two workers {MIN_SCALING:g} times one, memory under "
        f"{MAX_MB:.0f} MB and the same within {MAX_SPREAD:.0%}, web pages at {MAX_PAGES:g} times trafilatura's time. "
        f"Missed: {verdict}.",
        *machine_lines(report["machine"], report["versions"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _origin(report: dict[str, Any], kind: str, news: dict[str, Any]) -> str:
    options = report["options"]
    if kind == "relevant":
        told = f"At most {options['relevant']:,} articles of seeds and labels, none twice"
    elif report["dump"]:
        told = f"The articles of {report['dump']}"
    else:
        told = f"{options['articles']:,} articles, {options['share']:.0%} of them on topic"
    return f"{told}: {news['drawn']['of']:,} sentences."


def _ways(news: dict[str, Any]) -> str:
    slow = next((p["sentences_per_s"] for p in news["peers"] if p["name"].startswith("SetFit")), None)
    rows = ["| | sentences a second | times SetFit | skipped | seconds |", "|---|---|---|---|---|"]
    for way in (*news["ways"], *news["peers"]):
        skipped = f"{way['skipped'] / max(way['sentences'], 1):.0%}" if "skipped" in way else ""
        times = "" if slow is None else f"{way['sentences_per_s'] / slow:.1f}"
        rows.append(
            f"| {way['name']} | {way['sentences_per_s']:,.0f} | {times} | {skipped} | {median(way['seconds']):.1f} |"
        )
    return "\n".join(rows)


def _stages(news: dict[str, Any]) -> str:
    rows = []
    for gate, found in news["stages"].items():
        parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in found["stages"].items())
        gated = "with" if gate == "gate" else "without"
        rows.append(
            f"One worker, {gated} the gate, in seconds: {parts}; {found['total']:.2f} in all. Of "
            f"{found['sentences']:,} sentences {found['skipped']:,} were skipped, {found['repeated']:,} known already."
        )
    return "\n\n".join(rows)


def _int8(found: dict[str, Any] | None) -> list[str]:
    if not found:
        return []
    limits = "; ".join(
        f"{kind} {', '.join(f'{rate / 1e9:,.0f} with {rows} rows' for rows, rate in rates.items())}"
        for kind, rates in found["limits"].items()
    )
    return [
        "## The int8 limit",
        f"One core, in 10⁹ multiply-adds a second, over the shapes of the model's weights: {limits}. The transformer, "
        f"tokenizing included, does {found['rate'] / 1e9:,.0f} on on-topic sentences "
        f"({found['tokens_mean']:.0f} tokens each with their context, "
        f"{found['work_per_sentence'] / 1e6:,.0f} million multiply-adds), "
        f"**{found['share']:.0%}** of the highest of MatMulInteger.",
    ]


def _memory(rows: list[dict[str, Any]], share: float) -> list[str]:
    if not rows:
        return []
    table = "\n".join(
        f"| {row['articles']:,} | {row['sentences']:,} | {row['megabytes']:,.0f} | {row['seconds']:.0f} |"
        for row in rows
    )
    return [
        "## Memory",
        f"Short articles, {share:.0%} of them on topic, two workers; resident memory of all processes together.",
        f"| articles | sentences | peak MB | seconds |\n|---|---|---|---|\n{table}",
    ]


def _pages(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    table = "\n".join(
        f"| {row['empty_share']:.0%} | {row['pages']['pages']:,} | {median(row['pages']['seconds']):.2f} "
        f"| {median(row['trafilatura']['seconds']):.2f} | {row['ratio']:.2f} | {row['word_f1']:.3f} |"
        for row in rows
    )
    return [
        "## Web pages",
        "A .warc.gz through newslean's reader, and each of its pages through trafilatura.",
        "| pages without article | pages | newslean s | trafilatura s | ratio | F1 of the words |\n"
        f"|---|---|---|---|---|---|\n{table}",
    ]
