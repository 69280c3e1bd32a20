"""What coders say of the same sentence, brought together, and compared where one says it twice.

Knows tasks and their places; knows no format, and judges no label.
"""

from dataclasses import dataclass, replace
from typing import Any

from newslean.schema import Labels
from train.exchange.raw import Answers, older
from train.exchange.reading import Notes
from train.exchange.task import NOBODY, Task
from train.rows import Faults, shown


@dataclass(frozen=True, slots=True)
class Said:
    """One coder's answer: its place, the answers as found, the time, and the labels (None if any is at fault)."""

    where: str
    coder: str
    answers: Answers
    at: str
    labels: Labels | None


class Joiner:
    """Brings together what the rows of all files say of a sentence.

    Attributes
    ----------
    tasks : dict
        (doc, n, text) to the place where the sentence stands first, and its task.
    """

    def __init__(self, faults: Faults, notes: Notes) -> None:
        self.faults, self.notes = faults, notes
        self.tasks: dict[tuple[str, int, str], tuple[str, Task]] = {}
        self.said: dict[tuple[str, int, str, str], list[Said]] = {}

    def start_file(self) -> None:
        """Forget who said what: a coder may say something else in another file, and then has changed it.

        What nobody by name said is kept: of two files it may be two people's.
        """
        self.said = {key: said for key, said in self.said.items() if key[-1] == NOBODY}

    def hear(self, task: Task, said: Said) -> None:
        """Add what one coder says; said twice in one file, the later time counts."""
        earlier = self.said.setdefault((task.doc, task.n, task.text, said.coder), [])
        if earlier and None in (said.labels, earlier[-1].labels):
            self._compare(earlier[-1], said)
        if said.labels is not None:
            first = next((one.where for one in reversed(earlier) if one.labels is not None), None)
            times = {said.coder: said.at} if said.at else {}
            self._join(said.where, replace(task, coders={said.coder: said.labels}, coded_at=times), said.coder, first)
        earlier.append(said)

    def keep(self, where: str, task: Task) -> None:
        """Add what is known of a sentence."""
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

    def _compare(self, first: Said, said: Said) -> None:
        """Compare answers of which one is at fault, as found: mending it alone must bring no new fault to light."""
        pairs = {name: (first.answers[name], found) for name, found in said.answers.items() if name in first.answers}
        differing = {
            name: pair for name, pair in pairs.items() if sorted(map(str, pair[0])) != sorted(map(str, pair[1]))
        }
        if differing and not (older(first.at, said.at) or older(said.at, first.at)):
            self._tell(
                said.where, said.coder, first.where, {name or "labels": pair for name, pair in differing.items()}
            )

    def _join(self, where: str, task: Task, coder: str, first: str | None) -> None:
        key = (task.doc, task.n, task.text)
        _, known = self.tasks.get(key, (where, task))
        old, new = known.coders.get(coder, {}), task.coders[coder]
        if known is not task and coder in known.coders:
            differing = [name for name in new if name in old and old[name] != new[name]]
            before, after = known.coded_at.get(coder, ""), task.coded_at.get(coder, "")
            if not differing:
                said = f"the same answer of coder {coder!r} as at {first}: counts once"
                self.notes.repeated += [(where, said)] if first else []
            elif first and not (older(before, after) or older(after, before)):
                self._tell(where, coder, first, {name: (old[name], new[name]) for name in differing})
            else:
                late = not older(after, before)
                kept, gone = (new, old) if late else (old, new)
                told = "; ".join(f"{name} {gone[name]!r}, now {kept[name]!r}" for name in differing)
                self.notes.changes.append(f"{task.doc} {task.n}, {coder}: {told}")
                if not late:
                    task = replace(task, coders={coder: {**new, **old}}, coded_at=known.coded_at)
        self.keep(where, task)

    def _tell(self, where: str, coder: str, first: str, differing: dict[str, tuple[Any, Any]]) -> None:
        said = "; ".join(f"{name} {shown(old)} and {shown(new)}" for name, (old, new) in differing.items())
        way_out = "" if coder else "; if two people coded, import each one's with its own --coder"
        self.faults.add(where, f"expected one answer of coder {coder!r}; found another at {first}: {said}{way_out}")
