"""Asking a person to settle disputes: what is shown, and which key does what.

Knows screen and keyboard; what a decision does to the file stands in
`train.adjudicate`. Keys come from a terminal one by one, or from a pipe.
"""

import io
import os
import re
import select
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import click

from newslean.schema import Dimension, Labels
from newslean.screen import visible, wrap
from train.adjudicate import Adjudication, Case

MAX_KEYS = 9
"""Labels that one key each can choose; more are chosen by number and Enter."""

_ESCAPE = re.compile(rb"\x1b(?:\[[^@-~]*[@-~]|O.|[^\[O])|.{16,}", re.DOTALL)
"""What a key such as an arrow sends, whole."""

UNDO, SKIP, QUIT = "u", "s", "q"


class Keys:
    """Single keys and lines: from the terminal, or from a stream that stands in for it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        if stream is None and not sys.stdin.isatty():
            self._stream = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")

    def key(self) -> str:
        """Wait for one key; quit where the input ends."""
        if self._stream is None:
            try:
                key = _terminal_key()
            except (EOFError, KeyboardInterrupt):
                return QUIT
            return {"\r": "\n", "": QUIT, "\x04": QUIT}.get(key, key)
        return self._stream.read(1) or QUIT

    def line(self, prompt: str) -> str | None:
        """Wait for a line; None where the input ends, be it in the middle of a line."""
        if self._stream is None:
            try:
                return input(prompt)
            except (EOFError, KeyboardInterrupt):
                return None
        click.echo(prompt, nl=False)
        line = self._stream.readline()
        click.echo(visible(line.rstrip("\r\n")))
        return line if line.endswith("\n") else None


def _terminal_key() -> str:
    """Read one key. Keys that are typed ahead are kept, which click.getchar drops."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        return click.getchar()
    handle = sys.stdin.fileno()
    old = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle, termios.TCSADRAIN)
        key = os.read(handle, 1)
        while key and key[0] >= 0xC0 and len(key) < 2 + (key[0] >= 0xE0) + (key[0] >= 0xF0):
            key += os.read(handle, 1)
        while key[:1] == b"\x1b" and not _ESCAPE.fullmatch(key) and select.select([handle], [], [], 0.02)[0]:
            key += os.read(handle, 1)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, old)
    return key.decode("utf-8", errors="replace")


class Dialogue:
    """Shows the open cases one after the other and writes what is decided.

    Parameters
    ----------
    hidden : bool
        Whether texts that the file keeps back stay so.
    reasons : bool
        Whether every decision needs a reason, not only those that `labels check` wants one of.
    say : callable
        Shows a line.
    """

    def __init__(
        self, work: Adjudication, keys: Keys, *, hidden: bool, reasons: bool, say: Callable[[str], None]
    ) -> None:
        self.work, self.keys, self.say = work, keys, say
        self.hidden, self.reasons = hidden, reasons
        self.settled: set[int] = set()

    def run(self) -> None:
        """Ask until all is settled or skipped, or the person quits."""
        at = 0
        steps: list[tuple[int, bytes | None]] = []
        while at < len(self.work.cases) or (steps and self._wants_back()):
            answer: str | tuple[Labels, str] = UNDO
            if at < len(self.work.cases):
                case = self.work.cases[at]
                try:
                    self._show(case, at)
                    answer = self._ask(case)
                except KeyboardInterrupt:  # between two keys: nothing is being written here
                    answer = QUIT
            if answer == QUIT:
                break
            if answer == UNDO:
                if not steps:
                    self.say("Nothing to undo.")
                    continue
                at, line = steps.pop()
                if line is not None:
                    self.work.restore(self.work.cases[at], line)
                    self.settled.discard(at)
                    self.say("Taken back.")
                continue
            line = None
            if not isinstance(answer, str):
                line = self.work.settle(case, *answer)
                self.settled.add(at)
            steps.append((at, line))
            at += 1
        left = len(self.work.cases) - len(self.settled)
        self.say(f"\n{len(self.settled):,} settled and written, {left:,} open.")

    def _wants_back(self) -> bool:
        self.say("\nAll seen: u undo, any other key ends.")
        return self.keys.key() == UNDO

    def _show(self, case: Case, at: int) -> None:
        e, width = case.example, max(40, shutil.get_terminal_size((100, 24)).columns)
        self.say(f"\n[{at + 1:,} of {len(self.work.cases):,}] {visible(case.place)} ({visible(e.doc)} {e.n})")
        texts = [("title", e.article_title), ("before", e.before), ("TEXT", e.text)]
        if case.hashed and self.hidden:
            texts = [("TEXT", "(kept back by its file, and shown on a terminal only)")]
        for name, text in texts:
            for n, line in enumerate(wrap(text, width - 8) if text else ()):
                self.say(f"{name if not n else '':<7} {line}")

    def _ask(self, case: Case) -> str | tuple[Labels, str]:
        """Ask for all open dimensions of a case and the reason, or give UNDO, SKIP or QUIT."""
        decided: Labels = {}
        names = [*case.said]
        while len(decided) < len(names):
            name = names[len(decided)]
            found = self._choose(self.work.schema[name], case.said[name])
            if found == (UNDO,) and decided:
                decided.popitem()
            elif isinstance(found, tuple):
                return found[0]
            else:
                decided[name] = found
        must = self.reasons or case.reasoned
        while True:
            reason = self.keys.line("reason: " if must else "reason (may be empty): ")
            if reason is None:
                return QUIT
            reason = " ".join(visible(reason).split())
            if reason or not must:
                return decided, reason
            self.say("A reason is needed here.")

    def _choose(self, d: Dimension, said: Mapping[str, Any]) -> str | list[str] | tuple[str]:
        """Ask for one dimension: its labels, or (UNDO,), (SKIP,) or (QUIT,)."""
        wide, chosen = len(d.labels) > MAX_KEYS, {*d.labels} if d.multi else set()
        for value in said.values() if d.multi else ():
            chosen &= {*value}
        enter = "Enter when right, " if d.multi else ""
        ask = "numbers to toggle, " if d.multi else "number, "
        keys = f"{ask if wide else ''}{enter}u undo, s skip, q quit"
        self._options(d, said, chosen)
        while True:
            if wide:
                line = self.keys.line(f"{keys}: ")
                answers = [QUIT] if line is None else line.split() or ["\n"]
            else:
                self.say(f"1-{len(d.labels)}, {keys}")
                answers = [self.keys.key()]
            picked = [d.labels[int(a) - 1] for a in answers if a.isdecimal() and 0 < int(a) <= len(d.labels)]
            if answers[0] in (UNDO, SKIP, QUIT):
                return (answers[0],)
            if d.multi and answers == ["\n"]:
                return [label for label in d.labels if label in chosen]
            if len(picked) < len(answers):
                self._refuse(answers)
            elif d.multi:
                chosen ^= {*picked}
                self._options(d, said, chosen)
            elif len(picked) == 1:
                self.say(f"{d.name}: {visible(picked[0])}")
                return picked[0]

    def _refuse(self, answers: list[str]) -> None:
        if "".join(answers).strip():  # a line's end behind a key is no mistake
            self.say(f"'{visible(' '.join(answers))}' is none of the keys.")

    def _options(self, d: Dimension, said: Mapping[str, Any], chosen: set[str]) -> None:
        self.say(f"{visible(d.name)}:")
        width = max(map(len, d.labels))
        for n, label in enumerate(d.labels, 1):
            who = [visible(coder) for coder, value in said.items() if label in (value if d.multi else [value])]
            box = ("[x] " if label in chosen else "[ ] ") if d.multi else ""
            self.say(f"  {n} {box}{visible(label):<{width}}  {' '.join(who)}".rstrip())
