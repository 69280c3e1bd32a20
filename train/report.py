"""A report in words: Markdown for people, and the table that README.md carries.

Knows only what stands in a report of `train.evaluate`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from train.plots import plot_name


def readme_table(report: Mapping[str, Any]) -> str:
    """Give macro-F1 with its interval, a row a model and a column a dimension, as Markdown."""
    dimensions = report["dimensions"]
    sizes = (f"{name} ({d['sentences']:,} sentences, {d['articles']:,} articles)" for name, d in dimensions.items())
    header = ["macro-F1 (95 % interval)", *sizes]
    return _table(header, [[model, *(_macro(d, model) for d in dimensions.values())] for model in report["models"]])


def render_report(report: Mapping[str, Any]) -> str:
    """Give the whole report as Markdown that shows the plots beside it."""
    parts = [
        "# Evaluation",
        f"{report['sentences']:,} sentences of {report['articles']:,} articles. In brackets: percentile bootstrap "
        f"intervals of 95 % over articles ({report['replicates']:,} replicates, seed {report['seed']}). Macro-F1 is "
        "the mean over all labels; a label that neither gold nor model has counts as 0. Chance alone adds to ECE, so "
        "an interval of it lies rather too high.",
        readme_table(report),
    ]
    for name, dimension in report["dimensions"].items():
        parts += [f"## {_cell(name)}", f"{dimension['sentences']:,} sentences of {dimension['articles']:,} articles."]
        parts += [f"> {_cell(note)}" for note in dimension["notes"]]
        if dimension["models"]:
            parts += _dimension_parts(dimension)
            parts += [_images(model, name) for model in dimension["models"]]
    return "\n\n".join(parts) + "\n"


def _dimension_parts(dimension: Mapping[str, Any]) -> list[str]:
    models = dimension["models"]
    exact = "accuracy" if dimension["kind"] == "single" else "exact_match"
    metrics, scores = ["macro_f1", "micro_f1", exact], ["ece", "adaptive_ece", "brier", "log_loss"]
    rows = [
        [
            name,
            *(_with_interval(m, key) for key in metrics),
            *(_with_interval(m["calibration"], key, places=3) for key in scores),
        ]
        for name, m in models.items()
    ]
    parts = [_table(["model", *(_name(key) for key in metrics + scores)], rows)]
    for d in dimension["differences"]:
        who = f"{_cell(d['model'])} minus {_cell(d['against'])}"
        share = "" if d["interval"] is None else f"; above 0 in {d['share_above_zero']:.1%} of the replicates"
        parts.append(f"{who}: macro-F1 {_with_interval(d, 'macro_f1', 'interval')}{share}.")
    rows = []
    for name, m in models.items():
        for label, row in m["labels"].items():
            numbers = [row["support"], row["predicted"], dimension["label_articles"][label]]
            rows.append(
                [name, label, _number(row["precision"]), _number(row["recall"]), _with_interval(row, "f1"), *numbers]
            )
    parts.append(_table(["model", "label", "precision", "recall", "F1", "gold", "predicted", "articles with it"], rows))
    kept = next(iter(models.values()))["selective"]
    if kept:
        keys = [key for key in kept[0] if not key.endswith("_interval")]
        rows = [
            [name, *(_with_interval(row, key) for key in keys)] for name, m in models.items() for row in m["selective"]
        ]
        parts += [
            "Keeping only confident answers; a claim is any label but the neutral one:",
            _table(["model", *map(_name, keys)], rows),
        ]
    parts += _part_tables(models, "sources", "source", "By source:")
    parts += _part_tables(models, "collections", "collection", "By collection, the last word of an article's name:")
    return parts + _agreement_parts(dimension["agreement"])


def _part_tables(models: Mapping[str, Any], key: str, what: str, title: str) -> list[str]:
    """Give a row a model and part of the rows; older reports have fewer columns, or none."""
    rows = [(name, part, row) for name, m in models.items() for part, row in m.get(key, {}).items()]
    if not rows:
        return []
    columns = ["labels in gold" if column == "labels_seen" else _name(column) for column in rows[0][2]]
    lines = [[name, part, *map(_number, row.values())] for name, part, row in rows]
    return [title, _table(["model", what, *columns], lines)]


def _agreement_parts(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = []
    for pair in pairs:
        first, second = pair["coders"]
        compared = [(first, second, pair["between_coders"])]
        compared += [(model, c, k) for model, kappas in pair["models"].items() for c, k in kappas.items()]
        for one, other, k in compared:
            labels = ", ".join(f"{label} {_number(value)}" for label, value in k["labels"].items())
            rows.append([f"{one} and {other}", pair["sentences"], _number(k["kappa"]), labels])
    what = (
        "Agreement (Cohen's kappa), on the same rows. All have a settled label: disputes that are open are not among "
        "them, so that coders agree less than this (`labels agree` counts all)."
    )
    return [what, _table(["who", "sentences", "kappa", "by label"], rows)] if rows else []


def _images(model: str, dimension: str) -> str:
    names = ((kind, plot_name(kind, model, dimension, "png")) for kind in ("confusion", "reliability"))
    return " ".join(f"![{kind}: {_cell(model)} on {_cell(dimension)}]({name})" for kind, name in names)


def _macro(dimension: Mapping[str, Any], model: str) -> str:
    return _with_interval(dimension["models"][model], "macro_f1") if dimension["models"] else "no data"


def _with_interval(row: Mapping[str, Any], key: str, bounds: str = "", *, places: int = 2) -> str:
    """Give a number with its interval, if it has one: not all have, and in older reports fewer."""
    between = row.get(bounds or f"{key}_interval")
    low, high = (_number(bound, places) for bound in between or (None, None))
    return _number(row[key], places) + (f" ({low} to {high})" if between else "")


def _number(value: float | None, places: int = 2) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.{places}f}"


def _name(key: str) -> str:
    return key.replace("_f1", "-F1").replace("ece", "ECE").replace("brier", "Brier").replace("_", " ")


def _table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
