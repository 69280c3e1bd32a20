"""Files of coders' tools to tasks: every label judged, every fault of every file found.

Knows the findings of the readers and what our exports carry beside; knows no format and no label file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from newslean.schema import Schema
from train.exchange.answers import Judge
from train.exchange.formats import FORMATS, guess_format
from train.exchange.joining import Joiner, Said
from train.exchange.raw import Answers, Coding, Guess, Header, Raw, same_second, sound_payload
from train.exchange.reading import Notes, Reading
from train.exchange.task import ABOUT, Prediction, Task, name_by_text, prediction_of, row_of
from train.rows import FLAGS, KINDS, Faults, row_faults, shown, time_of


class Gatherer:
    """Reads files one after the other and brings together what is said of the same sentence.

    Parameters
    ----------
    faults : Faults
        Takes those of all files.
    known : sequence of dict
        Rows that the label file has: their sentences keep their n in files that give none.
    """

    def __init__(
        self,
        schema: Schema,
        judge: Judge,
        reading: Reading,
        faults: Faults,
        *,
        known: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.schema, self.judge, self.reading, self.faults = schema, judge, reading, faults
        self.notes = Notes()
        self.joiner = Joiner(faults, self.notes)
        self.numbers = {(row["doc"], row["text"]): row["n"] for row in known if "text" in row}
        self.blank = Counter[str]()
        self.last: dict[str, int] = {}
        for (doc, _), n in self.numbers.items():
            self.last[doc] = max(n, self.last.get(doc, -1))

    def read(self, path: Path) -> None:
        """Read one file."""
        kind = FORMATS[self.reading.format] if self.reading.format else guess_format(path, self.faults)
        if not kind:
            return
        raws = [self._sound(raw) for raw in kind.read(path, self.judge.naming, self.faults)]
        said = "" if self.reading.format else " (guessed)"
        self.notes.lines.append(f"{path}: {kind.name}{said}, {len(raws):,} rows")
        if raws and raws[0].header:
            self._tell_header(path, raws[0].header)
        answered = {name for raw in raws for coding in raw.codings for name in self.judge.dimensions(coding.answers)}
        asked = [name for name in self.schema.names if name in answered]
        if raws and answered and len(asked) < len(self.schema.names) and not any(r.payload or r.asked for r in raws):
            missing = ", ".join(name for name in self.schema.names if name not in answered)
            self.notes.lines.append(f"{path}: nobody answers {missing}: taken as not asked")
        self.joiner.start_file()
        for index, raw in enumerate(raws):
            self._take(raw, index, asked)
        way_out = "" if self.reading.confirmed else " (--partial leaves them open)"
        for name, count in sorted(self.blank.items()):
            self.notes.lines.append(f"{path}: {count:,} blank cells of {name} taken as no label{way_out}")
        self.blank.clear()

    def _tell_header(self, path: Path, header: Header) -> None:
        """Say how a table's header was read; if no column holds labels, all would be lost without a word."""
        left = ", ".join(map(repr, header.left))
        if self.reading.coded and not header.labels and not header.ours:
            self.faults.add(
                header.where,
                f"expected a column of {' or '.join(self.schema.names)}; found none, but {left or 'no other'} "
                "(--rename 'COLUMN=DIMENSION' takes one as a dimension)",
            )
        coder = f"coder from {header.coder!r}" if header.coder not in ("", "coder") else header.coder
        if header.guessed and self.reading.coder:
            coder = f"coder as --coder says, not from {header.coder!r}"
        used = ", ".join([*header.used, *([coder] if coder else [])])
        self.notes.lines.append(f"{path}: columns: {used}" + (f"; left out: {left}" if left else ""))

    def _sound(self, raw: Raw) -> Raw:
        """Give a finding without what is to be left out, and without what is broken in our own part of it."""
        payload, faults = sound_payload(raw.payload)
        for fault in faults:
            self.faults.add(raw.where, fault)
        payload = self.judge.renamed(payload)
        guesses = tuple(replace(guess, answers=self._kept(guess.answers)) for guess in raw.guesses)
        codings = tuple(replace(coding, answers=self._kept(coding.answers)) for coding in raw.codings)
        # Who answered only what is left out has not coded the sentence.
        codings = tuple(new for new, old in zip(codings, raw.codings, strict=True) if new.answers or not old.answers)
        return replace(raw, payload=payload, guesses=guesses, codings=codings)

    def _kept(self, answers: Answers) -> Answers:
        return {name: values for name, values in answers.items() if name not in self.judge.naming.ignored}

    def _take(self, raw: Raw, index: int, asked: list[str]) -> None:
        self.notes.skipped += raw.skipped
        place, predictions = self._place(raw, index), self._predictions(raw)
        # Labels are judged even where the sentence is missing, so that all that is wrong is told at once.
        said = [self._said(raw, coding, asked) for coding in self._codings(raw)]
        if place is None:
            return
        task = Task(*place, raw.text, self._about(raw), predictions=predictions)
        for one in said:
            if one:
                self.joiner.hear(task, one)
        self.joiner.keep(raw.where, task)

    def _said(self, raw: Raw, coding: Coding, asked: list[str]) -> Said | None:
        """Judge what a coder says of a sentence; None if that is nothing."""
        found = self.reading.coder if coding.guessed and self.reading.coder else coding.coder
        coder = self.reading.coders.get(coding.coder, found) or self.reading.coder
        faults = list[str]()
        marked = raw.payload.get("coded", {}).get(coding.coder)
        open_ = raw.header and self.judge.partial and not self.reading.confirmed  # a blank cell is no answer
        questions = () if open_ else raw.payload.get("asked") or raw.asked or asked
        labels = self.judge.labels(coding.answers, faults, asked=questions, answered=marked)
        if raw.header and marked is None and not faults:
            self.blank.update(name for name, chosen in labels.items() if chosen == [])
        at = self._time(raw, coding, faults)
        for fault in faults:
            self.faults.add(raw.where, f"coder {coder!r}: {fault}" if coder else fault)
        if not faults and not labels and marked is None and not coding.answers:
            self.notes.uncoded += 1
            return None
        self.notes.coders[coder] += int(not faults)
        return Said(raw.where, coder, coding.answers, at, None if faults else labels)

    def _place(self, raw: Raw, index: int) -> tuple[str, int] | None:
        """Give doc and n of a sentence; None after a fault."""
        if not isinstance(raw.text, str) or not raw.text.strip():
            self.faults.add(raw.where, f"text: expected the sentence; found {shown(raw.text)}")
            return None
        doc, n = (raw.about.get(key, raw.payload.get(key)) for key in ("doc", "n"))
        if isinstance(n, str) and n.strip().isascii() and n.strip().isdigit() and len(n) < 20:
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
            if key == "group" and isinstance(value, int) and not isinstance(value, bool):
                value = str(value)  # as doc: tools number what they group
            fits = isinstance(value, bool) if key in FLAGS else isinstance(value, str)
            if fits and (key != "kind" or value in KINDS):
                found[key] = value
        return {key: found[key] for key in ABOUT if key in found}

    def _codings(self, raw: Raw) -> list[Coding]:
        """Give the codings, with those of which the tool shows nothing since no label was given."""
        codings = list(raw.codings)
        for coder, names in raw.payload.get("coded", {}).items():
            blank = isinstance(names, list) and all(n in self.schema.names and self.schema[n].multi for n in names)
            # Who skips has taken an answer back, and the tool may know that coder by another name.
            if blank and not raw.skipped and coder not in {coding.coder for coding in codings}:
                codings.append(Coding({}, coder))
        if not codings and not raw.skipped:
            if self.reading.confirmed:
                return [raw.unsure or Coding({})]
            self.notes.uncoded += 1
        return codings

    def _time(self, raw: Raw, coding: Coding, faults: list[str]) -> str:
        """Give when a coder answered: as our export carried it, if the tool says the same or nothing readable."""
        found = raw.payload.get("coded_at", {}).get(coding.coder, "")
        kept: str = found if isinstance(found, str) else ""
        if time_of(coding.at) is None:
            if coding.at and not kept and "coded_at" not in self.judge.naming.ignored:
                expected = "coded_at: expected a time such as 2026-05-31T12:00:00Z"
                faults.append(f"{expected}; found {shown(coding.at)} (--ignore-column coded_at leaves times out)")
            return kept
        return kept if same_second(kept, coding.at) else coding.at

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


def gather(paths: Sequence[Path], gatherer: Gatherer) -> tuple[list[tuple[str, Task]], Notes]:
    """Read files to tasks, each with its place; the faults that the gatherer took are the caller's to throw."""
    for path in paths:
        gatherer.read(path)
    tasks = [*gatherer.joiner.tasks.values()]
    for where, task in tasks:
        for fault in row_faults(row_of(task, gatherer.schema), gatherer.schema):
            gatherer.faults.add(where, fault)
    return tasks, gatherer.notes
