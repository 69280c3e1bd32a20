"""What `train.check` found, as lines for a person.

Knows the result of `train.check.check_labels`; finds nothing itself.
"""

from typing import Any

from newslean.screen import visible
from train.agree import shown_files, shown_labels, shown_place, shown_text


def render_check(result: dict[str, Any]) -> str:
    """Give the result of `check_labels` as lines for a person."""
    lines = [shown_files(result)]
    for source, counts in result["sources"].items():
        lines += ["", *_render_counts(visible(source), counts)]
    if any(counts["coded_twice"] for counts in result["sources"].values()):
        lines += ["", "How far coders agree: python -m train labels agree. Settle disputes: labels adjudicate FILE."]
    lines += ["", *_render_support(result["support"]), "", *_render_codebook(result["codebook"])]
    lines += ["", *_render_repeats(result["repeats"])]
    if "near" in result:
        lines += ["", *_render_near(result["near"])]
    for name, found in result.get("errors", {}).items():
        lines += ["", *_render_errors(name, found)]
    return "\n".join(lines)


def _render_counts(source: str, counts: dict[str, Any]) -> list[str]:
    names = ("rows", "articles", "titles", "furniture", "coded_twice", "disputed", "open", "adjudicated")
    lines = [f"{source}: " + ", ".join(f"{name.replace('_', ' ')} {counts[name]:,}" for name in names)]
    if counts["not_as_coded"]:
        lines.append(f"  labels that do not follow from their coders: {counts['not_as_coded']:,} rows")
    if counts["splits"]:
        lines.append("  splits: " + ", ".join(f"{visible(name)} {count:,}" for name, count in counts["splits"].items()))
    for name, found in counts["dimensions"].items():
        parts = [f"{label} {count:,}" for label, count in found["labels"].items()]
        parts += [f"no label {found['no_label']:,}"] if "no_label" in found else []
        lines.append(f"  {name}: {', '.join(parts)}; missing in {found['missing']:,} rows")
    return lines


def _render_support(found: dict[str, Any]) -> list[str]:
    if not found["few"]:
        return [f"Every label has {found['least']:,} rows to train on, or more."]
    lines = [f"Labels with fewer than {found['least']:,} rows to train on:"]
    for row in found["few"]:
        name, aside = f"  {row['dimension']} {row['label']}: ", row["in_all"] - row["rows"]
        if not row["in_all"]:
            lines.append(f"{name}in no row")
        else:
            rest = f", and {aside:,} rows set aside" if aside else ""
            lines.append(f"{name}{row['rows']:,} rows of {row['articles']:,} articles{rest}")
    return lines


def _render_codebook(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["No CODEBOOK.md beside the schema."]
    lines = [
        f"  {name}: no word of {', '.join(labels)}; say there what it means"
        for name, labels in found["unmentioned"].items()
    ]
    lines += [
        f"  line {row['line']}: `{visible(row['term'])}` looks like a label, and the schema has none of that name"
        for row in found["unknown"]
    ]
    file = visible(found["file"])
    return [f"{file} and the schema differ:", *lines] if lines else [f"{file} and the schema name the same labels."]


def _render_repeats(repeats: dict[str, Any]) -> list[str]:
    lines = [
        f"Texts that stand again, case and spaces aside: {repeats['same']:,} in several articles with the same labels, "
        f"{repeats['different']:,} with other labels"
    ]
    for repeat in repeats["first"]:
        rows = "; ".join(shown_place(row) for row in repeat["rows"])
        lines.append(f"  same text, {'same' if repeat['same'] else 'other'} labels: {rows}")
    return lines


def _render_near(near: dict[str, Any]) -> list[str]:
    lines = [
        f"Near-duplicates in several articles (from {near['threshold']:.0%} of their character 5-grams on; texts under "
        f"{near['least_characters']} characters left out): {near['pairs']:,} pairs, {near['different']:,} with other "
        f"labels, {near['set_aside']:,} between rows to train on and rows set aside"
    ]
    if near["pairs"]:
        lines.append("  They leak between folds unless their articles share a `group`.")
    for pair in near["first"]:
        rows = "; ".join(shown_place(row) for row in pair["rows"])
        lines.append(f"  {'same' if pair['same'] else 'different'} {pair['similarity']:.0%}: {rows}")
    return lines


def _render_errors(name: str, found: dict[str, Any]) -> list[str]:
    lines = [f"Likely label errors in {name}: {found['found']:,}; the score is the probability of what is given"]
    for row in found["first"]:
        given, better = shown_labels(row["given"]), shown_labels(row["suggested"])
        lines.append(f"  {row['score']:.3f} {shown_place(row)}: given {given}, suggested {better}")
        lines.append(f"        {shown_text(row)}")
    return lines
