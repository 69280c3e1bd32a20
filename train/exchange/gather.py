"""Files of coders' tools to tasks: every label judged, every fault of every file found.

Knows the findings of the readers and what our exports carry beside; knows no format and no label file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from newslean.schema import Schema
from train.exchange.answers import Judge
from train.exchange.formats import FORMATS, guess_format
from train.exchange.raw import Coding, Guess, Raw, same_second
from train.exchange.reading import Notes, Reading
from train.exchange.task import ABOUT, Prediction, Task, name_by_text, prediction_of
from train.rows import FLAGS, KINDS, Faults, shown, time_of


class Gatherer:
    """Reads files one after the other and brings together what is said of the same sentence.

    Parameters
    ----------
    known : mapping
        (doc, text) to n of sentences that the label file has, for files that give no n.
    """

    def __init__(
        self, schema: Schema, judge: Judge, reading: Reading, *, known: Mapping[tuple[str, str], int] | None = None
    ) -> None:
        self.schema, self.judge, self.reading = schema, judge, reading
        self.faults, self.notes = Faults(), Notes()
        self.tasks: dict[tuple[str, int, str], tuple[str, Task]] = {}
        self.numbers = dict(known or {})
        self.last: dict[str, int] = {}
        for (doc, _), n in self.numbers.items():
            self.last[doc] = max(n, self.last.get(doc, -1))

    def read(self, path: Path) -> None:
        """Read one file."""
        kind = FORMATS[self.reading.format] if self.reading.format else guess_format(path)
        raws = kind.read(path, self.schema, self.faults)
        said = "" if self.reading.format else " (guessed)"
        self.notes.lines.append(f"{path}: {kind.name}{said}, {len(raws):,} rows")
        answered = {name for raw in raws for coding in raw.codings for name in self._dimensions(coding)}
        asked = [name for name in self.schema.names if name in answered]
        if raws and answered and len(asked) < len(self.schema.names) and not any(r.payload or r.asked for r in raws):
            missing = ", ".join(name for name in self.schema.names if name not in answered)
            self.notes.lines.append(f"{path}: nobody answers {missing}: taken as not asked")
        seen: dict[tuple[str, int, str, str], str] = {}
        for index, raw in enumerate(raws):
            self._take(raw, index, asked, seen)

    def _dimensions(self, coding: Coding) -> Iterable[str]:
        for name, values in coding.answers.items():
            name = self.judge.rename.get(name, name)
            tagged = (
                [d.name for d in self.schema.dimensions for value in values if value in d.labels] if not name else []
            )
            yield from ([name] if name and values else tagged)

    def _take(self, raw: Raw, index: int, asked: list[str], seen: dict[tuple[str, int, str, str], str]) -> None:
        self.notes.skipped += raw.skipped
        if not isinstance(raw.text, str) or not raw.text.strip():
            self.faults.add(raw.where, f"text: expected the sentence; found {shown(raw.text)}")
            return
        place = self._place(raw, index)
        if place is None:
            return
        doc, n = place
        task = Task(doc, n, raw.text, self._about(raw), predictions=self._predictions(raw))
        for coding in self._codings(raw):
            coder = self.reading.coders.get(coding.coder, coding.coder) or self.reading.coder
            found = list[str]()
            marked = raw.payload.get("coded", {}).get(coding.coder)
            labels = self.judge.labels(
                coding.answers, found, asked=raw.payload.get("asked") or raw.asked or asked, answered=marked
            )
            for fault in found:
                self.faults.add(raw.where, f"coder {coder!r}: {fault}" if coder else fault)
            if found:
                continue
            if not labels and marked is None and not coding.answers:
                self.notes.uncoded += 1
                continue
            self.notes.coders[coder] += 1
            at = self._time(raw, coding)
            one = replace(task, coders={coder: labels}, coded_at={coder: at} if at else {})
            task_key = (doc, n, raw.text, coder)
            self._join(raw.where, one, coder, seen.get(task_key))
            seen[task_key] = raw.where
        self._keep(raw.where, task)

    def _place(self, raw: Raw, index: int) -> tuple[str, int] | None:
        """Give doc and n of a sentence; None after a fault."""
        doc, n = (raw.about.get(key, raw.payload.get(key)) for key in ("doc", "n"))
        if isinstance(n, str) and n.strip().isascii() and n.strip().isdigit():
            n = int(n)
        doc = str(doc) if isinstance(doc, (str, int)) and not isinstance(doc, bool) else doc
        if doc is None or doc == "":
            doc, n = (self.reading.doc, index) if self.reading.doc else (name_by_text(raw.text), 0)
        elif n is None or n == "":
            n = self.numbers.get((doc, raw.text), self.last.get(doc, -1) + 1) if isinstance(doc, str) else 0
        if not isinstance(doc, str) or not isinstance(n, int) or isinstance(n, bool) or n < 0:
            expected = "expected doc, the article's name, and n, the sentence's number from 0 on"
            self.faults.add(raw.where, f"{expected}; found {shown(doc)} and {shown(n)}")
            return None
        self.numbers[doc, raw.text] = n
        self.last[doc] = max(n, self.last.get(doc, -1))
        return doc, n

    def _about(self, raw: Raw) -> dict[str, Any]:
        """Give what else is known of a sentence; what other tools keep under the same names is left out."""
        found = {**raw.payload.get("about", {})}
        for key in ABOUT:
            value = raw.about.get(key)
            fits = isinstance(value, bool) if key in FLAGS else isinstance(value, str)
            if fits and (key != "kind" or value in KINDS):
                found[key] = value
        return {key: found[key] for key in ABOUT if key in found}

    def _codings(self, raw: Raw) -> list[Coding]:
        """Give the codings, with those of which the tool shows nothing since no label was given."""
        codings = list(raw.codings)
        for coder, names in raw.payload.get("coded", {}).items():
            blank = isinstance(names, list) and all(n in self.schema.names and self.schema[n].multi for n in names)
            if blank and coder not in {coding.coder for coding in codings}:
                codings.append(Coding({}, coder))
        if not codings and not raw.skipped:
            if self.reading.confirmed:
                return [raw.unsure or Coding({})]
            self.notes.uncoded += 1
        return codings

    def _time(self, raw: Raw, coding: Coding) -> str:
        kept = raw.payload.get("coded_at", {}).get(coding.coder, "")
        if time_of(coding.at) is None:
            return kept if isinstance(kept, str) else ""
        return kept if isinstance(kept, str) and same_second(kept, coding.at) else coding.at

    def _predictions(self, raw: Raw) -> dict[str, Prediction]:
        if not self.reading.predictions:
            return {}
        kept = raw.payload.get("predictions", {})
        found = {model: prediction_of(data, self.schema) for model, data in kept.items() if isinstance(data, dict)}
        for guess in raw.guesses:
            model = guess.model or "unnamed model"
            if model not in found and guess.answers:
                found[model] = self._judged(raw.where, guess)
        return found

    def _judged(self, where: str, guess: Guess) -> Prediction:
        faults = list[str]()
        labels = self.judge.labels(guess.answers, faults, asked=(), answered=[*guess.answers])
        for fault in faults:
            self.faults.add(where, f"prediction of {guess.model!r}: {fault}")
        return Prediction(labels, guess.scores, guess.score)

    def _join(self, where: str, task: Task, coder: str, first: str | None) -> None:
        """Add what one coder says; said twice in one file, the later time counts."""
        key = (task.doc, task.n, task.text)
        _, known = self.tasks.get(key, (where, task))
        old, new = known.coders.get(coder, {}), task.coders[coder]
        if known is not task and coder in known.coders:
            differing = [name for name in new if name in old and old[name] != new[name]]
            before, after = (time_of(t.coded_at.get(coder, "")) for t in (known, task))
            if not differing:
                self.notes.repeated += int(first is not None)
            elif first is not None and (before is None or after is None or before == after):
                said = "; ".join(f"{name} {old[name]!r} and {new[name]!r}" for name in differing)
                self.faults.add(where, f"expected one answer of coder {coder!r}; found another at {first}: {said}")
            else:
                late = before is None or after is None or after >= before
                kept, gone = (new, old) if late else (old, new)
                said = "; ".join(f"{name} {gone[name]!r}, now {kept[name]!r}" for name in differing)
                self.notes.changes.append(f"{task.doc} {task.n}, {coder}: {said}")
                if not late:
                    task = replace(task, coders={coder: {**new, **old}}, coded_at=known.coded_at)
        self._keep(where, task)

    def _keep(self, where: str, task: Task) -> None:
        key = (task.doc, task.n, task.text)
        first, known = self.tasks.get(key, (where, task))
        coders = {name: {**known.coders.get(name, {}), **labels} for name, labels in task.coders.items()}
        joined = replace(
            known,
            about={**known.about, **task.about},
            coders={**known.coders, **coders},
            coded_at={**known.coded_at, **task.coded_at},
            predictions={**known.predictions, **task.predictions},
        )
        self.tasks[key] = (first, joined)


def gather(paths: Sequence[Path], gatherer: Gatherer) -> tuple[list[tuple[str, Task]], Notes]:
    """Read files to tasks, each with its place.

    Raises
    ------
    DataError
        With the faults of all files.
    """
    for path in paths:
        gatherer.read(path)
    gatherer.faults.throw()
    return [*gatherer.tasks.values()], gatherer.notes
