import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import read_schema
from train.changes import Change, read_change
from train.journal import STAGING, finish, is_half_done
from train.labels import read_examples
from train.migrate import plan_migration, run_migration

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = """# Ours.
[[dimensions]]
name = "topic"
kind = "multi"
labels = ["metals", "weather"]

[[dimensions]]
name = "mood"
kind = "single"
labels = ["rise", "fall", "flat"] # three
neutral = "flat"
opposites = [["rise", "fall"]]
"""


def row(n: int, mood: str = "flat", *topic: str, **more: Any) -> dict[str, Any]:
    labels = {"topic": [*topic], "mood": mood}
    coders = {"a": labels, "b": labels}
    return {"doc": "d", "n": n, "text": f"Überall Nr. {n}", "labels": labels, "coders": coders} | more


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "labels"
    (place / "sentences").mkdir(parents=True)
    (place / "schema.toml").write_text(SCHEMA, encoding="utf-8")
    (place / "CODEBOOK.md").write_text("Mood:\n`rise` goes up, `fall` down.\n")
    first = [row(0, "rise", "metals"), row(1), row(2, "fall", "weather", "metals", note=[1, "rise"])]
    lines = [json.dumps(r, ensure_ascii=n == 0) for n, r in enumerate(first)]
    (place / "sentences" / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode() + b"\r\n")
    hashed = {"doc": "e", "n": 0, "sha256": "0" * 64, "labels": {"mood": "rise"}}
    (place / "sentences" / "b.jsonl").write_text(json.dumps(hashed))  # no line end
    (place / "sentences" / "c.jsonl").write_text(json.dumps(row(0, doc="f")) + "\n")
    return place


def migrate(folder: Path, *changes: Change) -> Any:
    plan = plan_migration(folder, changes)
    run_migration(plan)
    return plan


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8-sig").splitlines() if line.strip()]


RENAME = read_change("rename", "mood:rise=ascent")


def test_a_renamed_label(folder: Path) -> None:
    before = files(folder)
    plan = migrate(folder, RENAME)
    after = files(folder)
    assert after["schema.toml"].decode() == SCHEMA.replace('"rise"', '"ascent"')
    assert plan.rows == {"sentences/a.jsonl": (1, 3), "sentences/b.jsonl": (1, 1), "sentences/c.jsonl": (0, 1)}
    assert plan.mentions == [f"{folder / 'CODEBOOK.md'}:2: `rise`"]
    old, new = (content["sentences/a.jsonl"].split(b"\r\n") for content in (before, after))
    assert new[0] == old[0].replace(b'"rise"', b'"ascent"')  # its mark, its escapes and its line end too
    assert new[1:] == old[1:]
    assert after["sentences/b.jsonl"] == before["sentences/b.jsonl"].replace(b'"rise"', b'"ascent"')
    assert after["sentences/c.jsonl"] == before["sentences/c.jsonl"]
    assert after.keys() == before.keys()
    assert read_examples([folder], read_schema(folder / "schema.toml")).skipped == 1


def test_a_plan_writes_nothing(folder: Path) -> None:
    before = files(folder)
    plan_migration(folder, [RENAME, read_change("drop", "topic")])
    assert files(folder) == before


def test_several_changes_in_turn(folder: Path) -> None:
    migrate(folder, read_change("rename", "mood=tone"), read_change("merge", "tone:rise,fall=move"))
    assert read_schema(folder / "schema.toml")["tone"].labels == ("move", "flat")
    assert [r["labels"]["tone"] for r in rows(folder / "sentences" / "a.jsonl")] == ["move", "flat", "move"]
    assert "# three" in (folder / "schema.toml").read_text()
    migrate(folder, read_change("drop", "topic"))
    assert all("topic" not in r["labels"] for r in rows(folder / "sentences" / "a.jsonl"))
    assert read_schema(folder / "schema.toml").names == ("tone",)


def test_a_dropped_label_leaves_rows_for_the_others(folder: Path) -> None:
    migrate(folder, read_change("drop", "mood:fall"))
    found = rows(folder / "sentences" / "a.jsonl")[2]
    assert found["labels"] == {"topic": ["weather", "metals"]}
    assert found["coders"] == {c: {"topic": ["weather", "metals"]} for c in "ab"}
    assert read_examples([folder], read_schema(folder / "schema.toml")).examples[2].labels == {
        "topic": ["metals", "weather"]
    }


@pytest.mark.parametrize(("drop", "mood"), [("mood:flat", None), ("mood:flat=fall", "fall")])
def test_a_dropped_neutral_label(folder: Path, drop: str, mood: str | None) -> None:
    migrate(folder, read_change("drop", drop))
    text = (folder / "schema.toml").read_text()
    assert "neutral" not in text
    assert "# Ours." in text
    schema = read_schema(folder / "schema.toml")
    assert (schema["mood"].labels, schema["mood"].neutral) == (("rise", "fall"), None)
    found = rows(folder / "sentences" / "a.jsonl")
    assert [r["labels"].get("mood") for r in found] == ["rise", mood, "fall"]
    assert found[1]["coders"]["a"] == found[1]["labels"]
    assert len(read_examples([folder], schema).examples) == 4


def test_faults_stop_it(folder: Path) -> None:
    path = folder / "sentences" / "c.jsonl"
    good = path.read_text()
    for bad, expected in (
        ('{"doc": ', "c.jsonl:2"),
        (json.dumps(row(1, "rize", doc="f")), "c.jsonl:2: mood.*'rize'"),
        ("\x00", "NUL"),
    ):
        path.write_text(good + bad)
        before = files(folder)
        with pytest.raises(DataError, match=expected):
            migrate(folder, RENAME)
        assert files(folder) == before
    path.write_text(good)
    with pytest.raises(DataError, match="expected a dimension"):
        migrate(folder, read_change("drop", "tone"))
    rmtree(folder / "sentences")
    with pytest.raises(DataError, match="expected sentences"):
        migrate(folder, RENAME)
    with pytest.raises(DataError, match="expected a schema file"):
        migrate(folder / "none", RENAME)


# Migrates the folder named on each line in a child that dies, as by kill -9, before its so-manieth touch of a file,
# and says whether it died. A program of its own: what forks may have no threads, as the tests' process does.
KILLER = """
import os, signal, sys
from train.changes import read_change
from train.migrate import plan_migration, run_migration

for line in sys.stdin:
    step, folder = line.rstrip().split(" ", 1)
    plan, left = plan_migration(folder, [read_change(*sys.argv[1:])]), [int(step)]

    def hook(event, arguments):
        if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "open", "shutil.rmtree"):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        try:
            sys.addaudithook(hook)
            run_migration(plan)
        finally:
            os._exit(0)
    print(int(os.waitpid(pid, 0)[1] == signal.SIGKILL), flush=True)
"""


@pytest.fixture
def killer() -> Iterator[subprocess.Popen[str]]:
    command, pipe = [sys.executable, "-c", KILLER, "rename", "mood:flat=none"], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.kill()


def test_a_kill_at_any_moment_leaves_old_or_new_or_what_can_be_finished(
    folder: Path, killer: subprocess.Popen[str], tmp_path: Path
) -> None:
    new = Path(copytree(folder, tmp_path / "new"))
    change = read_change(*killer.args[-2:])  # all files but one
    migrate(new, change)
    old, new_files, half, step = files(folder), files(new), 0, 0
    while True:
        place = Path(copytree(folder, tmp_path / f"k{step}"))
        plan = plan_migration(place, [change])
        killer.stdin.write(f"{step} {place}\n")
        killer.stdin.flush()
        died = bool(int(killer.stdout.readline()))
        if is_half_done(place):
            half += 1
            with pytest.raises(DataError, match="cut short"):
                read_examples([place], plan.before)
            finish(place)
            assert files(place) == new_files
        else:
            found = {name: content for name, content in files(place).items() if not name.startswith(STAGING)}
            assert found in (old, new_files)
            if found == old:  # the same command again
                migrate(place, change)
                assert files(place) == new_files
        if not died:
            break
        step += 1
    assert half > 5
    assert step > 20


def test_a_full_disk_leaves_the_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(folder)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        migrate(folder, RENAME)
    monkeypatch.undo()
    assert files(folder) == before


WORDS = """
[labels]
single = "mood"
multi = "topic"
[sides.north]
ahead = "rise"
name = ["Arlen"]
[sides.south]
ahead = "fall"
name = ["Borva"]
[words]
thing = ["rise"]
[labelled.field]
"" = ["trade"]
metals = ["zinc"]
[[frame]]
text = ["it is said that {clause}"]
[[joint]]
decides = 2
text = ["{clause1}, but {clause2}"]
"""
PATTERNS = """
[[pattern]]
stance = "first"
topics = ["metals"]
text = ["{1.name} sells more {field} than {2.name}, a rise"]
[[pattern]]
stance = "rise"
text = ["{1.name} leads in {field}"]
"""


def test_the_grammar_goes_along(folder: Path) -> None:
    from train.grammar import read_grammar

    (folder / "grammar").mkdir()
    (folder / "grammar" / "words.toml").write_text(WORDS)
    (folder / "grammar" / "p.toml").write_text(PATTERNS)
    changes = ("mood=tone", "tone:rise=ascent", "topic:metals=metal goods")
    migrate(folder, *(read_change("rename", value) for value in changes))
    grammar = read_grammar(folder / "grammar", read_schema(folder / "schema.toml"))
    assert (grammar.single, grammar.ahead["north"]) == ("tone", "ascent")
    assert grammar.patterns[1].value == "ascent"
    assert grammar.patterns[0].labels == ("metal goods",)
    assert grammar.words == {"thing": ["rise"]}
    assert [*grammar.labelled["field"]] == ["", "metal goods"]
    before = files(folder)
    with pytest.raises(DataError, match=r"the grammar would no longer fit.*grammar: expected known labels"):
        migrate(folder, read_change("drop", "tone:ascent"))
    assert files(folder) == before


def test_a_mark_before_the_schema_stays(folder: Path) -> None:
    text = SCHEMA.removeprefix("# Ours.\n")
    (folder / "schema.toml").write_text(text, encoding="utf-8-sig")
    migrate(folder, RENAME)
    assert (folder / "schema.toml").read_bytes() == b"\xef\xbb\xbf" + text.replace('"rise"', '"ascent"').encode()


def test_a_label_with_an_equals_sign_in_all_files(folder: Path) -> None:
    migrate(folder, read_change("rename", "mood:rise=x = y"))
    plan = migrate(folder, read_change("rename", "mood:x = y=ascent"))
    assert rows(folder / "sentences" / "a.jsonl")[0]["labels"]["mood"] == "ascent"
    assert read_schema(folder / "schema.toml")["mood"].labels == ("ascent", "fall", "flat")
    assert plan.note == "--rename mood:x = y=ascent"
