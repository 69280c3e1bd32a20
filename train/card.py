"""The model card: what a model is, what it was trained on, what it measured.

Knows a manifest and a report; measures nothing itself.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from newslean.manifest import Manifest
from newslean.schema import Schema
from train.calibrate import natural_rows
from train.evaluate import readme_table
from train.labels import WHOLE_SOURCES, Example, by_source
from train.measure import collections_of
from train.metrics import indicator
from train.params import FinetuneParams

SOURCES = {
    "seed": "sentences of the seed articles, each labelled in two passes and adjudicated",
    "authored": "invented sentences written for this project: they state no facts and quote nobody",
    "real": "sentences of real press, reports and newsletters, which cannot be redistributed: the repository holds "
    "their labels and hashes",
    "user": "sentences that a user added",
}
"""What each source of examples is, in words."""

PARTS = {
    "seeds": "The seed articles, each left out in turn (every model here was trained without the article it is "
    "measured on, and calibrated without it)",
    "out_of_fold": "All training sentences but those learnt first or not measured, each answered by a model that was "
    "not trained on its article",
    "held_out": "Sentences set aside by their label file, never trained on, scored by the shipped model itself; where "
    "parameters were chosen by them, as newslean's own were, the numbers are somewhat too good",
}
"""What each part of the report was measured on."""

AT_HAND_PARTS = PARTS | {
    "seeds": "The seed articles, each left out in turn",
    "out_of_fold": "Training sentences at hand, out of fold, articles kept whole: the new ones answered by networks "
    "trained further without them, the others by those of the model before",
}
"""The same after an update without most of the texts."""

FREQUENT = "fitted to labels as frequent as in"
"""What stands in the lines that an update keeps, with its calibration."""

LIMITS = (
    "- Labels, shares and leans that are summed up over an article have not been measured. Before you publish a share, "
    "code a sample of your own articles, drawn at random, and correct the share by it (docs/results.md).",
    "",
)


def render_card(
    manifest: Manifest,
    report: Mapping[str, Any],
    examples: Sequence[Example],
    params: FinetuneParams,
    *,
    first: Sequence[Example] = (),
    unmeasured: Sequence[Example] = (),
    grammar: bool = False,
    shares: Mapping[str, float] | None = None,
    beside: int = 0,
    updated: str = "",
    calibrated: Sequence[Example] | None = None,
) -> str:
    """Write the model card as Markdown.

    Parameters
    ----------
    examples : sequence of Example
        What the transformer was trained on.
    first : sequence of Example
        What it learnt before that.
    unmeasured : sequence of Example
        What it learnt beside these in an update, of articles that it knew.
    grammar : bool
        Whether the labels came with a grammar.
    shares : mapping, optional
        Pattern to share of the articles, where the encoder was trained on a part.
    beside : int
        Sentences that the baseline in the same folder was fitted on.
    updated : str
        Version of the model whose network was trained further; "" for one trained from scratch.
    calibrated : sequence of Example, optional
        What probabilities were fitted on, where the transformer was trained on a part of it.
    """
    lines = _head_lines(manifest)
    parts = [(first, ", learnt before all others"), (examples, ""), (unmeasured, ", of known articles: not measured")]
    lines += _trained_lines(parts, params, grammar=grammar, shares=shares or {}, beside=beside)
    if updated:
        lines.append(
            f"- not from scratch: the network of {updated} was trained further on rows that it had not seen, and on a "
            "sample of the others. Out of fold, only the new rows are answered by networks so trained; the numbers on "
            "all others are those of the networks before the update"
        )
    frequent = _frequency_lines(manifest.schema, examples if calibrated is None else calibrated)
    lines += _rest_lines(manifest, report, params, PARTS, frequent=frequent)
    return "\n".join([*lines, *_limit_lines(manifest), *LIMITS])


def updated_card(
    card: str, manifest: Manifest, report: Mapping[str, Any], learnt: Sequence[Example], params: FinetuneParams
) -> str:
    """Write the card of a model of which only the network is new.

    Parameters
    ----------
    card : str
        Of the model before, which says what that was trained on.
    learnt : sequence of Example
        What the network has learnt beside that.
    """
    before, groups = manifest.base["updated_from"], len({e.group for e in learnt})
    trained = card.partition("## Trained on")[2].partition("\n## ")[0].splitlines()
    lines = [
        *_head_lines(manifest),
        *(line for line in trained if line.startswith("- ")),
        f"- not from scratch: the network of {before} was trained further on {len(learnt):,} {manifest.schema.unit}s "
        f"of {groups:,} articles and on those of the others that were at hand. All else is as it was: baseline, "
        "calibration and gate",
    ]
    frequent = [line for line in card.splitlines() if FREQUENT in line]
    lines += _rest_lines(manifest, report, params, AT_HAND_PARTS, frequent=frequent)
    return "\n".join([*lines, *_limit_lines(manifest), *LIMITS])


def _rest_lines(
    manifest: Manifest,
    report: Mapping[str, Any],
    params: FinetuneParams,
    parts: Mapping[str, str],
    *,
    frequent: Sequence[str] = (),
) -> list[str]:
    lines = ["", "Files and their SHA-256 stand in `manifest.json`.", "", "## Measured", ""]
    for part, found in report.items():
        lines += [f"{parts.get(part, part)}:", "", readme_table(found), ""]
    lines += _parity_lines(manifest.metrics.get("parity", {}))
    lines += [*_calibration_lines(manifest), *frequent, ""]
    return [*lines, "## Parameters", "", *(f"- {name}: {getattr(params, name)}" for name in params.__slots__), ""]


def _head_lines(manifest: Manifest) -> list[str]:
    return [
        f"# {manifest.name} {manifest.version}",
        "",
        f"Tags {manifest.schema.unit}s with {', '.join(d.name for d in manifest.schema.dimensions)}. One encoder "
        f"(`{manifest.base.get('name', '')}`) with one head per dimension, fine-tuned and exported to ONNX; its logits "
        f"are averaged with those of a TF-IDF baseline (share of the encoder: {_shares(manifest)}). "
        f"Written by `python -m train --seed {manifest.seed}` (newslean {manifest.code_version}, "
        f"splitter {manifest.splitter}).",
        "",
        "## Labels",
        "",
        *(f"- **{d.name}** ({d.kind}): {', '.join(d.labels)}" for d in manifest.schema.dimensions),
        "",
        "## Trained on",
        "",
    ]


def _limit_lines(manifest: Manifest) -> list[str]:
    unit = manifest.schema.unit
    lost = {"sentence": "irony and references across paragraphs are lost", "text": "irony is lost"}
    return [
        "## Limits",
        "",
        f"- It reads English. It codes what a {unit} presents, not what is true.",
        f"- A {unit} is read with little or no context: {lost.get(unit, 'references across paragraphs are lost')}.",
        f"- The encoder reads no more than {manifest.max_length} tokens of a {unit} and "
        f"{'as many of its context, in its last layer alone' if manifest.late_context else 'its context'}.",
    ]


def _calibration_lines(manifest: Manifest) -> list[str]:
    lines, calibration = ["## Calibration", "", "Fitted on out-of-fold scores.", ""], manifest.calibration
    for d in manifest.schema.dimensions:
        limits = calibration.thresholds.get(d.name, {})
        rule = "thresholds " + ", ".join(f"{label} {value:.2f}" for label, value in limits.items())
        if not limits:
            rule = "the likeliest label, however unlikely"
        elif not d.multi:
            rule += f", or else {d.neutral}"
        numbers = ", ".join(f"{number:.2f}" for number in calibration.beta.get(d.name, ()))
        beta = f", beta of {d.neutral} {numbers}" if numbers else ""
        lines.append(f"- {d.name}: temperature {calibration.temperature[d.name]:.2f}{beta}; {rule}")
    return lines


def _frequency_lines(schema: Schema, examples: Sequence[Example]) -> list[str]:
    """Say how frequent labels are where probabilities were fitted to it."""
    natural, lines = natural_rows(examples, schema), []
    for d in schema.dimensions:
        rows = [e for e, chosen in zip(examples, natural[d.name], strict=True) if chosen and d.name in e.labels]
        shares = indicator(d, [e.labels[d.name] for e in rows]).mean(0) if rows else [0.0] * len(d.labels)
        told = ", ".join(f"{label} {share:.1%}" for label, share in zip(d.labels, shares, strict=True))
        lines.append(f"- {d.name}: {FREQUENT} {len(rows):,} of these {schema.unit}s: {told}")
    return lines


def _of_which(rows: Sequence[Example]) -> str:
    """Say which collections rows are of, and how many a model chose."""
    sizes = sorted(Counter(collections_of(rows)).items(), key=lambda item: (item[0] == "others", -item[1]))
    told = ", ".join(f"{name} {size:,}" for name, size in sizes)
    picked = sum(e.picked for e in rows)
    parts = [f"by collection {told}"] * (len(sizes) > 1) + [f"{picked:,} of them chosen by a model"] * bool(picked)
    return "".join(f"; {part}" for part in parts)


def _trained_lines(
    parts: Sequence[tuple[Sequence[Example], str]],
    params: FinetuneParams,
    *,
    grammar: bool,
    shares: Mapping[str, float],
    beside: int,
) -> list[str]:
    lines = []
    for rows, note in parts:
        for source, part in sorted(by_source(rows).items(), key=lambda item: -len(item[1])):
            groups, kind = len({e.group for e in part}), SOURCES.get(source, "as labelled")
            kind += _of_which(part) if source not in WHOLE_SOURCES else ""
            lines.append(f"- {source}: {len(part):,} sentences of {groups:,} articles ({kind}){note}")
    if grammar and (params.warm_sentences or params.mixed_sentences):
        lines.append(
            f"- a grammar of invented comparisons: {params.warm_sentences:,} draws before all others, "
            f"{params.mixed_sentences:,} among them"
        )
    if shares:
        options = " ".join(f"--share '{pattern}={share:g}'" for pattern, share in shares.items())
        lines.append(f"- of the articles that some options name, that share ({options})")
    return [*lines, f"- the baseline in the same folder: all {beside:,} labelled sentences"]


def _shares(manifest: Manifest) -> str:
    return ", ".join(f"{name} {share:g}" for name, share in manifest.mix.items())


def _parity_lines(parity: Mapping[str, Any]) -> list[str]:
    if not parity:
        return []
    rows = [f"Shipped graph: {parity['graph']}. Compared with torch on {parity['int8']['sentences']:,} sentences:", ""]
    rows += ["| graph | equal labels | largest difference of a probability |", "| --- | --- | --- |"]
    rows += [
        f"| {graph} | {parity[graph]['equal']:.2%} | {parity[graph]['largest']:.3f} |" for graph in ("int8", "float")
    ]
    return ["## Parity", "", *rows, ""]
