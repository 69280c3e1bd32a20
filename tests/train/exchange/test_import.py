"""What coders' files may hold, and what an import says and does."""

import csv
import json
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from train.exchange.answers import Judge
from train.exchange.formats import FORMATS
from train.exchange.importing import import_labels
from train.exchange.task import task_of
from train.exchange_commands import FORMATS as NAMES
from train.rows import row_faults

ROOT = Path(__file__).resolve().parent.parent.parent.parent
LABELS = {"topic": ["metals"], "mood": "rise"}


def studio(*annotations: dict[str, Any], text: Any = "Copper rose.", **more: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"text": text}, "annotations": [*annotations], **more}


def choice(mood: list[str] | None = None, topic: list[str] | None = None, **more: Any) -> dict[str, Any]:
    chosen = {"mood": mood, "topic": topic}
    results = [
        {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": values}}
        for name, values in chosen.items()
        if values
    ]
    return {"completed_by": {"id": 1, "email": "anna"}, "result": results, **more}


def test_what_was_written_while_an_import_read_is_not_lost(load, tmp_path, monkeypatch):
    """By another name of the file, say, which has another lock."""
    from train.exchange import importing

    out, gather = load([studio(choice(["rise"]))]).out, importing.gather

    def slow(*given):
        out.write_text(out.read_text() + "\n")
        return gather(*given)

    monkeypatch.setattr(importing, "gather", slow)
    with pytest.raises(DataError, match=r"x\.jsonl: expected it unchanged while it was read; found it changed"):
        load([studio(choice(["fall"]), text="Two.")])
    assert out.read_text().endswith("}\n\n")


def test_times_of_a_tool_without_columns_are_left_out_as_asked(load):
    tasks = [studio(choice(["rise"], created_at="at noon"))]
    with pytest.raises(DataError, match="coded_at: expected a time"):
        load(tasks)
    [row] = load(tasks, judge={"ignored": ["coded_at"]}).rows
    assert "coded_at" not in row


def test_label_studio(load):
    found = load(
        [
            studio(
                choice(["rise"], ["metals"], created_at="2026-01-01T10:00:00Z", updated_at="2026-01-02T10:00:00Z"),
                choice(["fall"], completed_by=12),
                choice(["flat"], was_cancelled=True, completed_by=13),
                predictions=[{"model_version": "v1", "score": 0.7, **choice(["rise"])}],
            )
        ]
    )
    [row] = found.rows
    assert row["doc"].startswith("text-")
    assert row["coders"] == {"anna": LABELS, "12": {"topic": [], "mood": "fall"}}
    assert row["labels"] == {}  # both are in dispute
    assert row["coded_at"] == {"anna": "2026-01-02T10:00:00Z"}
    assert row["predictions"] == {"v1": {"labels": {"mood": "rise"}, "score": 0.7}}
    assert "labelstudio (guessed)" in found.said
    assert "1 annotations were cancelled" in found.said


def test_every_fault_at_once(load, tmp_path):
    data = [
        studio(choice(["rize"], ["metals|weather", "metal"]), id=1),
        studio(choice(["rise", "fall"]), id=2, text="Two."),
        studio(choice(None, ["weather"]), id=3, text="Three."),
        studio(choice(["rise"]), id=4, text=" "),
        studio(choice(["rise"]), id=5, text=None),
        studio(choice(["rise"]), choice(["fall"]), id=6, text="Six."),
        studio({**choice(["rise"]), "result": [{"from_name": "moood", "type": "choices", "value": {"choices": [3]}}]}),
        studio(choice(["flat"], ["metals, wether"]), id=8, text="Eight."),
        studio(choice(), id=90, text="Nine."),  # the task's own number, where it has one
        {"id": 10, "text": "flat export"},
        "text",
    ]
    with pytest.raises(DataError) as caught:
        load(data)
    lines = str(caught.value).splitlines()
    place = f"{tmp_path / 'in.json'}: task"
    for n, expected in (
        (1, "coder 'anna': mood: expected rise, fall, mixed, flat; found 'rize' (did you mean 'rise'?)"),
        (1, "topic: expected one label a choice; found 'metals|weather': split it into 'metals', 'weather' "),
        (1, "(--split-on '|' accepts it)"),
        (1, "topic: expected metals, weather; found 'metal' (did you mean 'metals'?)"),
        (2, "mood: expected one label; found 2: 'rise', 'fall'"),
        (3, "mood: expected one label; found none (--partial leaves it open)"),
        (4, "text: expected the sentence; found ' '"),
        (5, "text: expected the sentence; found nothing"),
        (6, "expected one answer of coder 'anna'; found another at"),
        (7, "expected topic, mood; found dimension 'moood' (did you mean 'mood'?)"),
        (8, "split it into 'metals', 'wether', unknown (did you mean 'weather'?)"),
        (90, "mood: expected one label; found none"),
        (10, "expected data, an object with the text"),
        (11, "expected an object; found 'text'"),
    ):
        assert [line for line in lines if line.startswith(f"{place} {n}: ") and expected in line], (n, expected, lines)
    assert not (tmp_path / "x.jsonl").exists()


def test_faults_may_be_allowed_or_mended(load):
    rows = [
        {"text": "One.", "accept": ["topic:metals|weather", "mood:up"], "answer": "accept", "_session_id": "s-1"},
        {"text": "Two.", "accept": ["weather"], "answer": "accept", "_annotator_id": "b", "_timestamp": 1700000000},
        {"text": "Three.", "accept": ["mood:rise"], "answer": "reject"},
        {"text": "Four.", "accept": [], "answer": "ignore"},
    ]
    with pytest.raises(DataError, match=r"(?s)'metals\|weather': split it.*'up'.*mood: expected one label; found none"):
        load(rows, name="p.jsonl")
    judge = {"rename": {"up": "rise"}, "split_on": ["|"], "partial": True}
    found = load(rows, name="p.jsonl", judge=judge, coders={"s-1": "anna"})
    assert [row.get("coders") for row in found.rows] == [
        {"anna": {"topic": ["metals", "weather"], "mood": "rise"}}, {"b": {"topic": ["weather"]}}, None, None,
    ]  # fmt: skip
    assert found.rows[1]["coded_at"] == {"b": "2023-11-14T22:13:20+00:00"}
    assert "2 annotations were cancelled, skipped" in found.said


def test_a_rename_to_nothing_known(schema):
    with pytest.raises(DataError, match=r"--rename up=rize: .* found 'rize' \(did you mean 'rise'"):
        Judge(schema, rename={"up": "rize"})


def test_doccano(load):
    rows = [
        {"id": 1, "text": "One.", "label": ["topic:metals", "mood:rise"], "Comments": []},
        {"id": 2, "data": "Two.", "label": ["flat"]},
        {"id": 3, "text": "Three.", "label": []},
    ]
    found = load(rows, name="anna.jsonl", coder="anna")
    assert [row.get("coders") for row in found.rows] == [
        {"anna": LABELS}, {"anna": {"topic": [], "mood": "flat"}}, None,
    ]  # fmt: skip
    assert "1 sentences without a coder's answer" in found.said
    with pytest.raises(DataError, match=r"anna.jsonl:3: coder 'anna': mood: expected one label; found none"):
        load(rows, name="anna.jsonl", coder="anna", confirmed=True)
    with pytest.raises(DataError, match=r"found \[0, 5, 'mood:rise'\]"):
        load([{"id": 1, "text": "One.", "label": [[0, 5, "mood:rise"]]}], name="spans.jsonl")


def test_a_suggestion_as_it_was_is_an_answer_only_if_confirmed(load, schema):
    row = {"doc": "d", "n": 0, "text": "One.", "labels": {}, "predictions": {"m": {"labels": LABELS}}}
    [line] = FORMATS["doccano"].write([task_of(row, schema)], schema).decode().splitlines()
    assert json.loads(line)["label"] == ["topic:metals", "mood:rise"]
    assert load(line, name="a.jsonl", coder="anna").rows == [row]
    back = {"id": 12, **json.loads(line), "label": ["mood:rise", "topic:metals"]}
    assert not load(json.dumps(back), name="b.jsonl", coder="anna").done.wrote
    found = load(json.dumps(back), name="b.jsonl", coder="anna", confirmed=True)
    assert found.rows == [{**row, "labels": LABELS, "coders": {"anna": LABELS}}]


def test_labels_taken_away_are_no_answer_where_one_is_needed(load, schema):
    for labels, coders in (({"topic": ["metals"]}, {"a": {"topic": []}}), (LABELS, None)):
        row = {"doc": "d", "n": 0, "text": "One.", "labels": labels, "coders": {"a": labels}}
        [line] = FORMATS["doccano"].write([task_of(row, schema)], schema).decode().splitlines()
        data = json.dumps({**json.loads(line), "label": []})
        found = load(data, name="a.jsonl", out=f"{len(labels)}.jsonl")
        assert [row.get("coders") for row in found.rows] == [coders]


def test_argilla_flat_and_nested(load):
    flat = {
        "id": "1", "status": "completed", "_server_id": "x", "text": "One.",
        "topic.responses": [["metals"], ["weather"]], "topic.responses.users": ["u1", "u2"],
        "topic.responses.status": ["submitted", "discarded"],
        "mood.responses": ["rise", "fall"], "mood.responses.users": ["u1", "u2"],
        "mood.responses.status": ["submitted", "discarded"],
        "mood.suggestion": "rise", "mood.suggestion.score": 0.5, "mood.suggestion.agent": "m",
    }  # fmt: skip
    found = load([flat], name="flat.jsonl", coders={"u1": "anna"})
    [row] = found.rows
    assert row["coders"] == {"anna": LABELS}
    assert row["predictions"] == {"m": {"labels": {"mood": "rise"}, "scores": {"mood": {"rise": 0.5}}}}
    assert "1 annotations were cancelled" in found.said
    nested = {"id": "1", "fields": {"text": "One."}, "metadata": {}, "suggestions": {}}
    nested["responses"] = {"mood": [{"value": "fall", "user_id": "u2"}]}
    found = load([nested], coders={"u2": "ben"}, judge={"partial": True})
    assert found.rows[0]["coders"] == {"anna": LABELS, "ben": {"mood": "fall"}}
    assert found.rows[0]["labels"] == {"topic": ["metals"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text,topic,mood\nOne.,metals,rise\nTwo.,,flat\n", LABELS),
        ("sentence;mood;topic;note\r\nOne.;rise;metals;x\r\nTwo.;flat;;\r\n", LABELS),
        ("mood\ttopic\ttext\nrise\tmetals\tOne.\nflat\t\tTwo.\n", LABELS),
        ('\ufefftext,topic,mood,coder\n"One.",metals,rise,anna\nTwo.,,flat,anna\n', LABELS),
        ("text,topic [anna],mood [anna],mood [b]\nOne.,metals,rise,\nTwo.,,flat,\n", LABELS),
    ],
)
def test_tables_of_others(load, text, expected):
    found = load(text, name="in.csv", coder="anna")
    assert [row["coders"] for row in found.rows] == [{"anna": expected}, {"anna": {"topic": [], "mood": "flat"}}]


def test_a_column_without_a_name_is_no_coder(load):
    """pandas writes its index so."""
    found = load(",n,text,topic,mood\n0,7,One.,metals,rise\n1,8,Two.,,flat\n", name="in.csv", coder="anna")
    assert [row["coders"] for row in found.rows] == [{"anna": LABELS}, {"anna": {"topic": [], "mood": "flat"}}]
    assert "columns: text, topic, mood; left out: '(without a name)', 'n'" in found.said


def test_labels_that_stay_against_a_coder_are_told(load):
    table = "text,topic,mood\nOne.,metals,{}\n"
    load(table.format("rise"), name="in.csv")
    found = load(table.format("fall"), name="in2.csv", coder="anna")
    assert (found.rows[0]["labels"], found.rows[0]["coders"]["anna"]["mood"]) == (LABELS, "fall")
    assert "kept as it stood: " in found.said
    assert "mood 'rise', though its coders say 'fall'" in found.said


def test_a_label_file_is_told_apart_from_what_tools_give(load):
    with pytest.raises(DataError, match="found rows of a label file"):
        load([{"doc": "d", "n": 0, "text": "One.", "labels": LABELS}], name="in.jsonl")
    with pytest.raises(DataError, match="found rows of a label file"):
        load([{"doc": "d", "n": 0, "text": "One.", "coders": {"a": LABELS}}], name="in.jsonl")
    assert load([studio(choice(["rise"], ["metals"]), labels={}, doc="x")]).rows


def test_separators_within_quotes_part_no_columns(load):
    found = load('"Note, a, b, c";text;topic;mood\nx;One.;metals;rise\n', name="in.csv")
    assert [row["labels"] for row in found.rows] == [LABELS]


def test_sheets_that_are_not_read_are_named(load, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for name, text in (("Jan", "One."), ("Feb", "Two.")):
        sheet = book.create_sheet(name)
        for row in (["text", "topic", "mood"], [text, "metals", "rise"]):
            sheet.append(row)
    del book["Sheet"]
    book.save(tmp_path / "book.xlsx")
    found = load((tmp_path / "book.xlsx").read_bytes(), name="in.xlsx")
    assert [row["text"] for row in found.rows] == ["One."]
    assert "left out: 'sheet Feb'" in found.said


def test_only_our_own_tables_lose_an_apostrophe(load, schema):
    assert load("text,mood\n'-1,rise\n", name="in.csv").rows[0]["text"] == "'-1"
    own = FORMATS["csv"].write([task_of({"doc": "d", "n": 0, "text": "-1", "labels": LABELS}, schema)], schema)
    assert b"'-1" in own
    assert load(own, name="in.csv", out="y.jsonl").rows[0]["text"] == "-1"


def test_utf_16_that_says_so(load):
    found = load("text,topic,mood\nKupfer für 3 €.,metals,rise\n".encode("utf-16"), name="in.csv")
    assert [(row["text"], row["labels"]) for row in found.rows] == [("Kupfer für 3 €.", LABELS)]


def test_bad_tables(load, tmp_path):
    for text, expected in (
        ("text,topik,mood\nOne.,metals,rise\n", r"found 'topik' \(did you mean 'topic'"),
        ("text,topic,mood\nOne, two.,metals,rise\n", ":2: expected 3 columns; found 4: put texts with ','"),
        ("text,topic,mood,colour [anna]\nOne.,metals,rise,red\n", r":1: .*found 'colour \[anna\]'"),
        ('text,topic,mood\n"One.,metals,rise\n', "broken one"),
        ("text,topic,mood\n", "expected rows under the header; found none"),
        ('text,topic,mood\n=1,"metals;weather",rise\n', "'metals;weather': split it into 'metals', 'weather'"),
        ("text,topic,mood\nOne.,metals,rise|fall\n", "'rise|fall': split it into 'rise', 'fall'"),
        ("text,topic,mood,coder\nOne.,metals,rise,a\nOne.,metals,fall,a\n", "found another at .*in.csv:2: mood 'rise'"),
    ):
        with pytest.raises(DataError, match=expected):
            load(text, name="in.csv")
    assert not (tmp_path / "x.jsonl").exists()


def test_tables_leave_the_limit_of_cells_as_it_was(load):
    before = csv.field_size_limit()
    long = "x" * (before + 1)
    assert load(f"text,topic,mood\n{long},metals,rise\n", name="in.csv").rows[0]["text"] == long
    with pytest.raises(DataError, match="broken one"):
        load('text,topic,mood\n"One.,metals,rise\n', name="in.csv")
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"\x89PNG\r\n\0\x1a", "naïve".encode("latin-1"), b"{", b"[1, 2", b"[]", b"{}", b"[{}]", b"null"],
)
def test_bytes_of_any_kind_are_no_traceback(load, kind, data):
    pytest.importorskip({"excel": "openpyxl", "cas": "cassis"}.get(kind, "json"))
    suffix = ".jsonl" if kind in ("doccano", "prodigy") else FORMATS[kind].suffix
    if (kind, data) in {("argilla", b"[]"), ("labelstudio", b"[]")}:
        assert not load(data, name=f"in{suffix}", format=kind).done.wrote
        return
    with pytest.raises(DataError, match="expected"):
        load(data, name=f"in{suffix}", format=kind)


def test_cut_files_are_no_traceback(load, tmp_path, schema):
    row = {"doc": "d", "n": 0, "text": "One.", "labels": LABELS, "coders": {"anna": LABELS}}
    for name, kind in FORMATS.items():
        if name in ("excel", "cas"):
            pytest.importorskip({"excel": "openpyxl", "cas": "cassis"}[name])
        whole = kind.write([task_of({**row, "n": n}, schema) for n in range(3)], schema)
        for cut in range(1, len(whole), max(1, len(whole) // 15)):
            with suppress(DataError):  # a table without its last rows is still a table
                load(whole[:cut], name=f"in{kind.suffix}", out=f"{name}{cut}.jsonl", format=name)


def test_a_missing_file_and_an_unknown_kind(load, tmp_path, schema):
    for name in ("none.json", "none.csv", "none.xlsx", "none.jsonl"):
        if name.endswith("xlsx"):
            pytest.importorskip("openpyxl")
        with pytest.raises(DataError, match="expected a file to read"):
            import_labels([tmp_path / name], tmp_path / "x.jsonl", schema)
    with pytest.raises(DataError, match="expected a file that shows its format"):
        load([{"a": 1}])


def test_coders_come_together_and_change_their_minds(load, schema):
    first = [{"text": "One.", "accept": ["mood:rise"], "answer": "accept", "_annotator_id": "a", "_timestamp": 100}]
    assert load(first, name="a.jsonl").rows[0]["labels"] == {"mood": "rise"}
    second = [{**first[0], "_annotator_id": "b", "accept": ["mood:fall"]}]
    row = load(second, name="b.jsonl").rows[0]
    assert (row["labels"], [*row["coders"]]) == ({}, ["a", "b"])
    later = [{**second[0], "accept": ["mood:rise"], "_timestamp": 200}]
    found = load(later, name="b.jsonl")
    assert found.rows[0]["labels"] == {"mood": "rise"}
    assert "b: mood 'fall', now 'rise'" in found.said
    # The older file again, and the newer one: neither changes anything.
    assert not load(second, name="b.jsonl").done.wrote
    assert not load(later, name="b.jsonl").done.wrote
    assert found.done.merged.updated == 1


def test_within_one_file_the_later_answer_counts(load, tmp_path):
    row = {"text": "One.", "accept": ["mood:rise"], "answer": "accept", "_annotator_id": "a", "_timestamp": 100}
    found = load([row, {**row, "accept": ["mood:fall"], "_timestamp": 50}, row], name="a.jsonl")
    assert found.rows[0]["coders"] == {"a": {"mood": "rise"}}
    assert "changed: " in found.said
    assert "1 answers stood twice" in found.said
    assert (
        f"repeated: {tmp_path / 'a.jsonl'}:3: the same answer of coder 'a' as at {tmp_path / 'a.jsonl'}:2" in found.said
    )


def test_rows_keep_what_they_have(load, tmp_path, schema):
    out = tmp_path / "x.jsonl"
    old = [
        {"doc": "d", "n": 0, "text": "One.", "labels": {"mood": "rise"}, "coders": {"a": {"mood": "rise"}}, "extra": 1},
        {"doc": "d", "n": 3, "text": "Four.", "source": "user", "labels": {"topic": [], "mood": "flat"}},
        {"doc": "e", "n": 0, "sha256": "2" * 64, "labels": {"mood": "flat"}},
    ]
    lines = [json.dumps(old[0]), json.dumps(old[1], separators=(",", ":")), json.dumps(old[2])]
    out.write_text("\n".join(lines), encoding="utf-8")
    data = [
        {"text": text, "doc": doc, "n": n, "label": labels, "user": "b"}
        for text, doc, n, labels in (
            ("One.", "d", 0, ["topic:metals", "mood:rise"]),
            ("Three.", "d", 2, ["mood:fall"]),
            ("New.", "f", None, ["mood:fall"]),
            ("Two.", "d", 1, ["mood:fall"]),
        )
    ]
    found = load(data, name="in.jsonl")
    rows = found.rows
    assert [(row["doc"], row["n"]) for row in rows] == [("d", 0), ("d", 1), ("d", 2), ("d", 3), ("e", 0), ("f", 0)]
    assert rows[0] == old[0] | {
        "labels": LABELS, "coders": {"a": {"mood": "rise"}, "b": LABELS},
    }  # fmt: skip
    assert rows[3] == old[1]
    assert lines[1] in out.read_text(encoding="utf-8")  # an unchanged row keeps its bytes
    # Labels that no coder is named for do not override coders'.
    with pytest.raises(DataError, match=r"in.jsonl:1: expected labels with a coder: a, b coded this sentence"):
        load([{"text": "One.", "doc": "d", "n": 0, "label": ["mood:fall"]}], name="in.jsonl")


def test_a_sentence_without_a_number_keeps_the_one_it_has(load):
    first = [
        {"text": text, "doc": "d", "n": n, "label": ["mood:fall"], "user": "a"} for n, text in ((3, "A."), (5, "B."))
    ]
    load(first, name="a.jsonl")
    second = [{"text": text, "doc": "d", "label": ["mood:fall"], "user": "b"} for text in ("B.", "New.", "A.")]
    found = load(second, name="b.jsonl")
    assert [(row["n"], row["text"], [*row["coders"]]) for row in found.rows] == [
        (3, "A.", ["a", "b"]), (5, "B.", ["a", "b"]), (6, "New.", ["b"]),
    ]  # fmt: skip


def test_many_changes_are_counted(load):
    for mood in ("rise", "fall"):
        rows = [{"text": f"{n}.", "doc": "d", "n": n, "label": [f"mood:{mood}"], "user": "a"} for n in range(23)]
        said = load(rows, name="a.jsonl").said.splitlines()
    assert len([line for line in said if line.startswith("changed: ")]) == 20
    assert "... and 3 more changed" in said


def test_a_sentence_of_another_label_file_is_not_added_twice(load, tmp_path):
    folder = tmp_path / "sentences"
    folder.mkdir()
    (folder / "a.jsonl").write_text(json.dumps({"doc": "d", "n": 0, "text": "One.", "labels": {}}) + "\n")
    with pytest.raises(DataError, match=r"in.jsonl:1: .*a.jsonl:1: name that --out"):
        load([{"text": "One.", "doc": "d", "n": 0, "label": ["mood:fall"]}], name="in.jsonl", out="sentences/b.jsonl")
    assert not (folder / "b.jsonl").exists()


def test_what_training_would_refuse_is_not_written(load, tmp_path):
    rows = [{"text": text, "doc": "d", "n": 0, "label": ["mood:fall"]} for text in ("One.", "Another.")]
    with pytest.raises(DataError, match=r"in.jsonl:2: expected each sentence once; .* \(first at .*in.jsonl:1\)"):
        load(rows, name="in.jsonl")
    rows = [{"text": f"{n}.", "doc": "d", "n": n, "source": "seed", "label": ["mood:fall"]} for n in (0, 2)]
    with pytest.raises(DataError, match=r"in.jsonl:2: expected n 1 of doc 'd'; found 2: a row is missing"):
        load(rows, name="in.jsonl")
    assert not (tmp_path / "x.jsonl").exists()
    with pytest.raises(DataError, match="expected text that UTF-8 can hold"):
        load('{"text": "half \\ud83d", "label": ["mood:fall"]}', name="in.jsonl")


def test_rows_may_hold_times_and_predictions(schema):
    good = {"doc": "d", "n": 0, "text": "x", "labels": {}, "coded_at": {"a": "2026-05-01T10:00:00Z"}}
    assert not row_faults(good | {"predictions": {"m": {"labels": {"gone": "x"}}}}, schema)
    for bad in (
        {"coded_at": {"a": "yesterday"}}, {"coded_at": {"a": 3}}, {"coded_at": "x"},
        {"predictions": []}, {"predictions": {"m": 3}}, {"predictions": {"m": {"labels": []}}},
    ):  # fmt: skip
        assert row_faults(good | bad, schema), bad


def test_names_in_the_help_are_those_of_the_registry():
    assert tuple(FORMATS) == NAMES


KILLED = """
import os, random, signal, sys
from pathlib import Path
from newslean.schema import read_schema
from train.exchange.importing import import_labels

schema, out, sources = read_schema(sys.argv[1]), Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]]
import_labels(sources[:1], out, schema)
old = out.read_bytes()

def run(moment):
    # Import in a process of its own that is killed at its nth line; gives the lines run if it lives.
    pid = os.fork()
    if not pid:
        steps = 0
        def trace(frame, event, argument):
            nonlocal steps
            steps += event == "line"
            if steps == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        import_labels(sources, out, schema, append=True)
        sys.settrace(None)
        Path(f"{out}.steps").write_text(str(steps))
        os._exit(0)
    return os.waitpid(pid, 0)[1]

assert run(-1) == 0
new, steps = out.read_bytes(), int(Path(f"{out}.steps").read_text())
assert new.count(b"u1") and not old.count(b"u1")
rng, found = random.Random(0), []
for moment in [rng.randrange(1, steps) for _ in range(10)] + [steps - n for n in range(60)]:
    out.write_bytes(old)
    assert os.WTERMSIG(run(moment)) == signal.SIGKILL
    found.append([old, new].index(out.read_bytes()))  # anything else is no label file
    import_labels(sources, out, schema, append=True)
    assert out.read_bytes() == new  # again, after the kill: nothing lost, nothing twice
print(found.count(0), found.count(1))
"""


def test_killed_at_any_moment_it_leaves_the_old_or_the_new_file(label_folder, tmp_path):
    sources = []
    for k, mood in enumerate(("rise", "fall")):
        rows = [
            {"text": f"Text {n}.", "doc": "d", "n": n, "label": [f"mood:{mood}"], "user": f"u{k}"} for n in range(9)
        ]
        sources.append(tmp_path / f"{k}.jsonl")
        sources[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-c", KILLED, str(label_folder / "schema.toml"), str(tmp_path / "x.jsonl")]
    done = subprocess.run(
        [*command, *map(str, sources)], cwd=ROOT, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert before > 10
    assert after > 1


def test_out_and_in_again_by_command(cli, label_folder, tmp_path):
    (tmp_path / "new.txt").write_text("Copper climbed.\n\nIt rained.\nCopper climbed.\n")
    code, out, err = cli(
        "labels", "export", "--to", "labelstudio", "--labels", label_folder, "--out", tmp_path / "t.json",
        "--setup", tmp_path / "t.xml",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "54 tasks for labelstudio" in out
    assert '<Choices name="mood"' in (tmp_path / "t.xml").read_text()
    (tmp_path / "sentences").mkdir()
    (tmp_path / "schema.toml").write_bytes((label_folder / "schema.toml").read_bytes())
    target = tmp_path / "sentences" / "x.jsonl"
    code, out, err = cli("labels", "import", tmp_path / "t.json", "--out", target)
    assert (code, err) == (0, "")
    assert "54 rows added" in out
    rows = [json.loads(line) for line in (label_folder / "sentences" / "tiny.jsonl").open()]
    assert [json.loads(line) for line in target.open()] == rows
    code, _, err = cli("labels", "import", tmp_path / "t.json", "--out", target)
    assert code == 2
    assert "Add --append to merge into it" in err
    code, out, _ = cli("labels", "import", tmp_path / "t.json", "--out", target, "--append")
    assert code == 0
    assert "nothing to write" in out
    code, out, _ = cli(
        "labels", "export", "--to", "csv", "--from", tmp_path / "new.txt", "--schema", tmp_path / "schema.toml",
        "--out", tmp_path / "t.csv",
    )  # fmt: skip
    assert code == 0
    assert "2 tasks for csv" in out
    assert (tmp_path / "t.csv").read_text("utf-8-sig").startswith("text,doc,n,topic,mood,coded_at,newslean")


def test_commands_tell_what_is_wrong(cli, label_folder, tmp_path):
    for arguments, expected in (
        (["export", "--to", "csv", "--labels", label_folder], "expected --out, --setup or both"),
        (["export", "--to", "csv", "--labels", label_folder, "--setup", tmp_path / "x"], "found csv, which needs none"),
        (["export", "--to", "csv", "--labels", label_folder, "--out", "x.csv", "--coder", "z"], "found none so named"),
        (["export", "--to", "csv", "--from", tmp_path / "no.txt", "--out", "x.csv"], "expected a file to read"),
        (["export", "--to", "csv", "--from", label_folder / "schema.toml", "--out", "x.csv"], "found another kind"),
        (["import", tmp_path / "no.csv", "--out", tmp_path / "x.jsonl"], "expected a file to read"),
        (["import", tmp_path / "no.csv", "--out", tmp_path / "x.csv"], "expected a label file, .jsonl"),
        (["import", "x", "--out", tmp_path / "x.jsonl", "--rename", "a"], "--rename a: expected OLD=NEW"),
        (["import", "x", "--out", tmp_path / "x.jsonl", "--coder", "a", "--coder", "b"], "expected one name"),
    ):
        code, _, err = cli("labels", *arguments)
        assert code == 2, arguments
        assert expected in err
        assert "Traceback" not in err


def test_blind_tasks_show_no_labels(cli, tmp_path, schema, label_folder):
    row = {"doc": "d", "n": 0, "text": "x", "labels": LABELS, "coders": {"a": LABELS, "b": LABELS}, "reason": "r"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    common = ("--labels", tmp_path / "x.jsonl", "--schema", label_folder / "schema.toml", "--out", tmp_path / "t.jsonl")
    assert cli("labels", "export", "--to", "prodigy", "--blind", *common)[0] == 0
    [task] = map(json.loads, (tmp_path / "t.jsonl").open())
    assert (task["accept"], "answer" in task, "reason" in json.dumps(task)) == ([], False, False)
    (tmp_path / "t.jsonl").unlink()
    assert cli("labels", "export", "--to", "prodigy", "--coder", "b", *common)[0] == 0
    [task] = map(json.loads, (tmp_path / "t.jsonl").open())
    assert task["_annotator_id"] == "b"


def test_predictions_of_a_model(cli, label_folder, trained, tmp_path):
    out = tmp_path / "t.jsonl"
    code, said, err = cli(
        "labels",
        "export",
        "--to",
        "prodigy",
        "--labels",
        label_folder,
        "--model",
        trained.baseline,
        "--blind",
        "--out",
        out,
    )
    assert (code, err) == (0, ""), said
    first = json.loads(out.open().readline())
    [(model, prediction)] = first["newslean"]["predictions"].items()
    assert model.split()  # name and version
    assert prediction["labels"]["mood"] in prediction["scores"]["mood"]
    assert f"mood:{prediction['labels']['mood']}" in first["accept"]


def test_no_label_is_an_answer_where_others_gave_bare_labels_that_are_renamed_or_split(load):
    for name, given, judge in (
        ("r.jsonl", ["Metal", "rise"], {"rename": {"Metal": "metals"}}),
        ("s.jsonl", ["metals|rise"], {"split_on": ["|"]}),
    ):
        rows = [{"text": "One.", "label": given, "user": "a"}, {"text": "Two.", "label": ["fall"], "user": "a"}]
        found = load(rows, name=name, out=f"out-{name}", judge=judge)
        assert [row["coders"]["a"] for row in found.rows] == [LABELS, {"topic": [], "mood": "fall"}]
        assert "nobody answers" not in found.said


def test_a_dimension_before_the_colon_is_renamed(load):
    rows = [{"text": "One.", "label": ["Top:metals", "Top:Rain", "mood:rise"], "user": "a"}]
    judge = {"rename": {"Top": "topic", "Top:Rain": "weather"}}
    assert load(rows, name="a.jsonl", judge=judge).rows[0]["labels"] == {"topic": ["metals", "weather"], "mood": "rise"}
    with pytest.raises(DataError, match="found 'Top:metals'"):
        load(rows, name="a.jsonl")


def test_a_group_may_be_a_number(load):
    rows = [{"text": "One.", "group": 7, "label": ["fall"]}, {"text": "Two.", "group": True, "label": ["fall"]}]
    assert [row.get("group") for row in load(rows, name="a.jsonl").rows] == ["7", None]


@pytest.mark.parametrize("head", ["\n", "\r\n;;\r\n", " \n\n"])
def test_blank_rows_above_the_header(load, tmp_path, head):
    text = f"{head}text;topic;mood\nOne.;metals;rise\n"
    assert load(text, name="in.csv").rows[0]["labels"] == LABELS
    with pytest.raises(DataError, match=rf"in.csv:{head.count(chr(10)) + 1}: expected columns"):
        load(text.replace("topic", "topik"), name="in.csv")
    with pytest.raises(DataError, match="expected rows under the header; found none"):
        load(";;\n", name="in.csv")


def test_export_writes_over_nothing_that_may_hold_work(cli, label_folder, tmp_path):
    from newslean.files import sha256

    labels, plain = tmp_path / "l.jsonl", tmp_path / "new.txt"
    labels.write_bytes((label_folder / "sentences" / "tiny.jsonl").read_bytes())
    plain.write_text("Copper climbed.\n")
    (tmp_path / "coded.csv").write_text("text,mood\n")
    before = {path: sha256(path) for path in tmp_path.iterdir()}
    common = ("labels", "export", "--labels", labels, "--from", plain, "--schema", label_folder / "schema.toml", "--to")
    for more, expected in (
        (("doccano", "--out", labels), "l.jsonl: expected a new file, since tasks may have been coded there"),
        (("csv", "--out", tmp_path / "coded.csv"), "coded.csv: expected a new file"),
        (("excel", "--out", tmp_path / "z.csv"), "expected a .xlsx file in a folder that exists"),
        (("csv", "--out", tmp_path / "none" / "z.csv"), "give its --to"),
        (("argilla", "--out", tmp_path / "t.json", "--setup", tmp_path / "t.json"), "--setup .* a file of its own"),
        (("argilla", "--setup", labels), "found one that this command reads or writes"),
        (("argilla", "--setup", plain), "found one that this command reads or writes"),
    ):
        code, _, err = cli(*common, *more)
        assert code == 2
        assert re.search(expected, err), err
    assert {path: sha256(path) for path in tmp_path.iterdir()} == before
    for name in ("one.json", "two.json"):  # what sets a tool up holds no work
        assert cli(*common, "argilla", "--out", tmp_path / name, "--setup", tmp_path / "setup.json")[0] == 0


def test_the_label_set_beside_a_folder_that_is_a_link(cli, tmp_path):
    folder = tmp_path / "mine"
    (tmp_path / "far" / "there").mkdir(parents=True)
    folder.mkdir()
    (folder / "schema.toml").write_text('[[dimensions]]\nname = "own"\nkind = "multi"\nlabels = ["x", "y"]\n')
    (folder / "sentences").symlink_to(tmp_path / "far" / "there")
    (tmp_path / "in.csv").write_text("text,own\nOne.,x\n")
    code, _, err = cli("labels", "import", tmp_path / "in.csv", "--out", folder / "sentences" / "a.jsonl")
    assert (code, err) == (0, "")
    assert '"own": ["x"]' in (tmp_path / "far" / "there" / "a.jsonl").read_text()
