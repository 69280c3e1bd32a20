"""What the numbers of `train.drift` mean: signs, a verdict, and lines for a person.

Knows thresholds and where they come from; measures nothing.
"""

from math import hypot
from typing import Any

from train.drift_table import dimension_lines, distances, signed

Report = dict[str, Any]

PSI_WATCH, PSI_ALARM = 0.1, 0.25
"""Population stability index: under 0.1 no change, from 0.25 on a great one (Siddiqi 2006, "Credit Risk Scorecards").
It must exceed what chance does as well, since with few articles chance alone reaches 0.1."""

LOSS_WATCH, LOSS_ALARM = 0.02, 0.05
"""Loss of accuracy that confidence makes one expect (Guillory et al. 2021, "Predicting with Confidence on Unseen
Distributions"). Our own bounds."""

WORDS_WATCH, WORDS_ALARM = 0.02, 0.05
"""Rise of the share of words that the model does not know. Our own bounds."""

TOKENS_ALARM = 0.01
"""Share of tokens that the tokenizer has no piece for: another script, or damaged text. Our own bound."""

SHARE_WATCH = 0.05
"""Change of a label's corrected share, where it is more than chance does. Our own bound. News changes: alone this is a
finding, not a fault of the model, so it never says more than to watch."""

FEW_ARTICLES = 20
"""Under this many articles intervals over them are too narrow, and signs come by chance: there is no verdict."""

VERDICTS = {
    "label again": "The model is not at home here any more: label some of these sentences and train again.",
    "watch": "Something moved. The model may still do: look at the signs, and measure again with more text.",
    "same": "This looks like what the model knows: no reason to label again.",
    "cannot tell": "With so few articles chance alone brings signs, or hides them: compare more.",
}


def judge(report: Report) -> Report:
    """Find the signs of drift in a report, and what follows.

    Returns
    -------
    dict
        ``verdict``: a key of `VERDICTS`. ``reason``: what it means, and what to do.
        ``signs``: list of ``{"level": "alarm" | "watch", "what"}``.
    """
    signs = [*_word_signs(report)]
    length = report["length"]
    if length and _exceeds(length, PSI_ALARM):
        signs.append(
            ("watch", f"sentences are of other lengths (PSI {length['psi']:.2f}, chance {length['psi_chance']:.2f})")
        )
    thin = _thin(report)
    for name, found in report["dimensions"].items():
        if name not in thin:
            signs += _score_signs(name, found)
            signs += _share_signs(name, found["labels"])
    levels, few = {level for level, _ in signs}, _too_few(report)
    verdict = "cannot tell" if few else "label again" if "alarm" in levels else "watch" if levels else "same"
    reason = VERDICTS[verdict]
    if few:
        reason += f" Expected {FEW_ARTICLES} or more on either side; found {'; '.join(few)}."
    elif thin:
        told = ", ".join(f"{name} ({number})" for name, number in thin.items())
        reason += f" No signs are taken from what was measured in fewer than {FEW_ARTICLES} articles: {told}."
    if not report["gated_alike"]:
        reason += " Scores were not compared."
    return {"verdict": verdict, "reason": reason, "signs": [{"level": level, "what": what} for level, what in signs]}


def _too_few(report: Report) -> list[str]:
    """Say what has too few articles to compare with, or to be compared."""
    old, new = report["reference"], report["new"]
    sides = [_articles_of(old)] if "articles" in old else []
    if old.get("seen", True) and old["errors"]:  # scores are compared with those of the model's own report
        sides.append((old["errors"], old["errors_articles"]))
    sides.append(_articles_of(new))
    return [f"{number} in {name}" for name, number in sides if number < FEW_ARTICLES]


def _thin(report: Report) -> dict[str, int]:
    """Give the dimensions in which the errors of the model are known from too few articles, and from how many."""
    articles = {name: found["errors_articles"] for name, found in report["dimensions"].items()}
    return {name: number for name, number in articles.items() if number is not None and number < FEW_ARTICLES}


def _articles_of(side: Report) -> tuple[str, int]:
    """Give the articles of which the model has read something."""
    return f"{side['name']}{', behind the gate' if side['skipped'] else ''}", side["articles_read"]


def _exceeds(row: Report, bound: float) -> bool:
    """Whether a distance reaches a bound and is more than chance brings; not where that cannot be told."""
    return row["psi_chance"] is not None and row["psi"] >= bound and row["psi"] > row["psi_chance"]


def _above(bounds: list[float] | None) -> bool:
    """Whether an interval lies above 0; not where there is none."""
    return bounds is not None and bounds[0] > 0


def _word_signs(report: Report) -> list[tuple[str, str]]:
    signs = []
    words, tokens = report["words"], report["tokens"]
    if words and words["reference"] is not None and _above(words["interval"]) and words["difference"] >= WORDS_WATCH:
        level = "alarm" if words["difference"] >= WORDS_ALARM else "watch"
        signs.append(
            (level, f"more words that the model does not know: {words['new']:.1%}, was {words['reference']:.1%}")
        )
    if tokens and tokens["new"] >= TOKENS_ALARM and tokens["new"] > 2 * (tokens["reference"] or 0):
        signs.append(("alarm", f"{tokens['new']:.1%} of the tokens are unknown: another script, or damaged text?"))
    return signs


def _score_signs(name: str, found: Report) -> list[tuple[str, str]]:
    signs = []
    scores, accuracy = found["confidence"], found["accuracy"]
    if scores and _exceeds(scores, PSI_WATCH):
        level = "alarm" if scores["psi"] >= PSI_ALARM else "watch"
        signs.append((level, f"{name}: other scores (PSI {scores['psi']:.2f}, chance {scores['psi_chance']:.2f})"))
    if accuracy and accuracy["loss"] >= LOSS_WATCH and _above(accuracy["interval"]):
        level = "alarm" if accuracy["loss"] >= LOSS_ALARM else "watch"
        signs.append((level, f"{name}: less sure; expect {accuracy['loss']:.1%} more wrong answers"))
    return signs


def _share_signs(name: str, labels: Report) -> list[tuple[str, str]]:
    signs = []
    for label, row in labels.items():
        if not row.get("interval"):
            continue
        ways = [row[way] for way in ("corrected", "em") if row[way] is not None]
        moved = any(abs(share - row["reference"]) >= SHARE_WATCH for share in ways)
        # ``corrected`` lies in its own interval: only the other way can disagree.
        if moved and not row["interval"][0] - SHARE_WATCH <= ways[-1] <= row["interval"][1] + SHARE_WATCH:
            what = (
                f"{name}: {label}: two ways to correct its share disagree ({row['corrected']:.1%}, {row['em']:.1%}); "
            )
            signs.append(("watch", what + "only sentences drawn at random and labelled tell"))
            continue
        if abs(row["corrected"] - row["reference"]) >= SHARE_WATCH and _differ(row):
            signs.append(
                ("watch", f"{name}: {label} {row['corrected']:.1%} of the sentences, was {row['reference']:.1%}")
            )
    return signs


def _differ(row: Report) -> bool:
    """Whether a label's share and that of the reference differ by more than chance does, both being uncertain.

    The interval of a difference is taken from those of its parts (Zou and Donner 2008). A row without one of the
    reference is an older report's, which took its share as known.
    """
    new, old = row["corrected"], row["reference"]
    (low, high), bounds = row["interval"], row.get("reference_interval", [old, old])
    if bounds is None:  # of a single article
        return False
    gap = hypot(new - low, bounds[1] - old) if new > old else hypot(high - new, old - bounds[0])
    return bool(abs(new - old) > gap)


def render_drift(report: Report) -> str:
    """Give report and verdict as lines for a person."""
    old, new = report["reference"], report["new"]
    size = _size(old) if "sentences" in old else "its own summary"
    errors = old["errors"] or "(unknown: shares are not corrected)"
    lines = [
        f"model {report['model']}",
        f"reference {old['name']}: {size}; errors as in {errors}",
        f"new {new['name']}: {_size(new)}",
    ]
    if not report["gated_alike"]:
        lines.append(
            "  (a gate kept sentences from the model on one side alone: scores are not compared; score both with the "
            "gate, or both with --no-gate, as a model's own reports are)"
        )
    if old.get("seen"):
        lines.append("  (the model was trained on the reference: its scores are taken from the model's own reports)")
    lines += ["", *_text_lines(report)]
    for name, found in report["dimensions"].items():
        lines += ["", *dimension_lines(name, found)]
    rows = [row for found in report["dimensions"].values() for row in found["labels"].values()]
    if old["errors"] and any(row.get("em", 0) is None for row in rows):
        lines += ["", "(no EM where the shares that the model is calibrated on are unknown or 0, or EM misses them)"]
    lines += ["", "Signs, which chance may have brought:" if report["verdict"] == "cannot tell" else "Signs:"]
    lines += [f"  {sign['level']}: {sign['what']}" for sign in report["signs"]]
    lines += [] if report["signs"] else ["  none"]
    lines += ["", f"Verdict: {report['verdict']}. {report['reason']}"]
    if report["verdict"] in ("label again", "watch"):
        lines.append(
            "Which sentences: python -m train labels next --from FILES -n 50 --out tasks.jsonl; least sure here:"
        )
        lines += [f"  {row['confidence']:.2f}  {row['text'][:100]}" for row in report["unsure"]]
    return "\n".join(lines)


def _size(side: Report) -> str:
    skipped = f", {side['skipped']:,} of them kept from the model by its gate" if side["skipped"] else ""
    return f"{side['sentences']:,} sentences of {side['articles']:,} articles{skipped}"


def _text_lines(report: Report) -> list[str]:
    lines = []
    for key, what in (("words", "words that the model does not know"), ("tokens", "tokens without a piece")):
        row = report[key]
        if row:
            before = "" if row["reference"] is None else f", was {row['reference']:.2%}"
            change = f"; difference {signed(row['difference'], row['interval'])}" if "difference" in row else ""
            lines.append(f"{what}: {row['new']:.2%}{before}{change}")
    if report["words"] and report["words"]["reference"] is None:
        lines.append("  (the model's report gives no share to compare with: train again, or name labels or results)")
    if report["words"] and report["words"]["top"]:
        lines.append("  most frequent: " + ", ".join(f"{word} {count}" for word, count in report["words"]["top"]))
    if report["length"]:
        row = report["length"]
        lines.append(
            f"length of a sentence: median {row['new']:.0f} characters, was {row['reference']:.0f}; {distances(row)}"
        )
    return lines
