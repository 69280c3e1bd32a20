"""Columns of tables, and questions of tools, that are called otherwise, stand twice or are none of ours."""

import io

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train.exchange.answers import Judge
from train.exchange.formats import FORMATS
from train.exchange.importing import import_labels
from train.exchange.task import task_of

LABELS = {"topic": ["metals"], "mood": "rise"}


def workbook(*rows: list[str]) -> bytes:
    book = pytest.importorskip("openpyxl").Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_column_of_sentences_is_no_dimension_misspelt(tmp_path):
    dims = [{"name": "stance", "kind": "single", "labels": ["for", "against"]}]  # "sentence" is near to it
    schema, path = schema_from_dict({"dimensions": dims}, where="t"), tmp_path / "in.csv"
    path.write_text("sentence,stance\nOne.,for\n")
    assert import_labels([path], tmp_path / "x.jsonl", schema).merged.added == 1


def test_our_own_columns_are_no_dimension_misspelt(tmp_path):
    dims = [{"name": "sentiment", "kind": "single", "labels": ["good", "bad"]}]  # near to "predicted sentiment"
    schema, path = schema_from_dict({"dimensions": dims}, where="t"), tmp_path / "in.csv"
    row = {"doc": "d", "n": 0, "text": "x", "labels": {}, "predictions": {"m": {"labels": {"sentiment": "good"}}}}
    path.write_bytes(FORMATS["csv"].write([task_of(row, schema)], schema))
    assert import_labels([path], tmp_path / "x.jsonl", schema).merged.added == 1


@pytest.mark.parametrize(
    ("text", "rename"),
    [
        ("text,Topic,mood\nOne.,metals,rise\n", {"Topic": "topic"}),
        ("text,subject,position\nOne.,metals,rise\n", {"subject": "topic", "position": "mood"}),
        ("line,subject [anna],mood [anna]\nOne.,metals,rise\n", {"subject": "topic"}),
        ("text,topic,mood\nOne.,rise,metals\n", {"topic": "mood", "mood": "topic"}),
        ("text,subject,mood\nOne.,Metals,rise\n", {"subject": "topic", "topic:Metals": "metals"}),
    ],
)
def test_columns_are_renamed(load, text, rename):
    [row] = load(text, name="in.csv", judge={"rename": rename}).rows
    assert (row["text"], row["labels"]) == ("One.", LABELS)


def test_a_workbook_s_columns_are_renamed(load):
    data = workbook(["text", "Topic", "mood"], ["One.", "metals", "rise"])
    [row] = load(data, name="in.xlsx", judge={"rename": {"Topic": "topic"}}).rows
    assert row["labels"] == LABELS


def test_features_of_a_layer_of_others_are_renamed(load):
    lines = [
        "#FORMAT=WebAnno TSV 3.3",
        "#T_SP=webanno.custom.Frames|feeling",
        "",
        "",
        "#Text=One.",
        "1-1\t0-4\tOne.\trise\t",
    ]
    found = load("\n".join([*lines, ""]), name="in.tsv", judge={"rename": {"feeling": "mood"}})
    assert [row["labels"] for row in found.rows] == [{"mood": "rise"}]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text,topic,mood,topic", r"in.csv:1: expected one column of 'topic'; found 'topic' \(2\) and 'topic' \(4\)"),
        ("text,Topic,mood,topic", r"in.csv:1: expected one column of 'topic'; found 'Topic' \(2\) and 'topic' \(4\)"),
        ("text,mood [a],text,mood [a]", r"(?s)of 'text'; found 'text' \(1\).*of 'mood'; found 'mood \[a\]' \(2\)"),
        ("text,coded_at [a],mood [a],coded_at [a]", r"found 'coded_at \[a\]' \(2\) and 'coded_at \[a\]' \(4\)"),
        ("text,coder,mood,coder", r"of 'coder'; found 'coder' \(2\) and 'coder' \(4\): rename or remove one"),
    ],
)
def test_a_column_that_stands_twice(load, header, expected):
    with pytest.raises(DataError, match=expected):
        load(f"{header}\nOne.,,rise,weather\n", name="in.csv", judge={"rename": {"Topic": "topic"}})


def test_columns_that_say_nothing_may_stand_twice(load):
    assert load("text,topic,mood,note,note\nOne.,metals,rise,a,b\n", name="in.csv").rows[0]["labels"] == LABELS


def test_columns_to_leave_out(load, tmp_path):
    text = "line,topics,mood,moods [a],remark\nOne.,x,rise,y,z\n"
    with pytest.raises(
        DataError, match=r"(?s)'topics' .*--ignore-column 'topics' leaves it out.*--ignore-column 'moods'"
    ):
        load(text, name="in.csv")
    [row] = load(text, name="in.csv", judge={"ignored": ["topics", "moods", "remark"]}).rows
    assert (row["text"], row["labels"]) == ("One.", {"mood": "rise"})


def test_a_dimension_is_not_left_out(schema):
    with pytest.raises(DataError, match="--ignore-column topic: expected a column of no dimension; found one"):
        Judge(schema, ignored=["topic"])


def test_questions_to_leave_out(load, cli, tmp_path, label_folder):
    answers = {name: [{"value": value, "user_id": "u"}] for name, value in (("mood", "rise"), ("comment", "Not sure."))}
    guess = {"comment": {"value": "Hm.", "agent": "m"}, "mood": {"value": "rise", "agent": "m"}}
    records = [
        {"id": "1", "fields": {"text": "One."}, "metadata": {}, "responses": answers, "suggestions": guess},
        {"id": "2", "fields": {"text": "Two."}, "metadata": {}, "responses": {"comment": answers["comment"]}},
    ]
    with pytest.raises(DataError, match=r"found dimension 'comment' .*--ignore-column 'comment' leaves it out"):
        load(records)
    found = load(records, judge={"ignored": ["comment"]})
    assert [row.get("coders") for row in found.rows] == [{"u": {"mood": "rise"}}, None]
    assert found.rows[0]["predictions"] == {"m": {"labels": {"mood": "rise"}}}
    command = ["labels", "import", tmp_path / "in.json", "--out", tmp_path / "y.jsonl"]
    command += ["--schema", label_folder / "schema.toml"]
    assert cli(*command)[0] == 2
    assert cli(*command, "--ignore-column", "comment")[0] == 0


def test_a_bar_joins_labels_in_our_own_tables_only(load, schema):
    for name in ("in.csv", "in.xlsx"):
        header, cells = ["text", "topic", "mood"], ["One.", "metals|weather", "rise"]
        text = f"{','.join(header)}\n{','.join(cells)}\n" if name == "in.csv" else workbook(header, cells)
        with pytest.raises(
            DataError, match=rf"{name}:2: topic: .*'metals\|weather': split it .*--split-on '\|' accepts"
        ):
            load(text, name=name)
        found = load(text, name=name, out=f"{name}.jsonl", judge={"split_on": ["|"]})
        assert found.rows[0]["labels"] == {"topic": ["metals", "weather"], "mood": "rise"}
    # Exported, filled in by hand, and a row added.
    own = FORMATS["csv"].write([task_of({"doc": "d", "n": 0, "text": "Two.", "labels": {}}, schema)], schema).decode()
    filled = own.replace("Two.,d,0,,,", "Two.,d,0,weather|metals,flat,") + "Three.,d,1,metals|weather,fall,,\r\n"
    assert filled != own
    assert [row["labels"]["topic"] for row in load(filled, name="own.csv", out="own.jsonl").rows] == [
        ["metals", "weather"], ["metals", "weather"],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx"])
@pytest.mark.parametrize("name", ["text", "content"])
def test_an_empty_text_takes_no_other_column(load, tmp_path, kind, name):
    rows = [["id", name, "mood"], ["16", "One.", "rise"], ["17", "", "rise"], ["", " ", "fall"]]
    joint = "\t" if kind == "tsv" else ","
    data = workbook(*rows) if kind == "xlsx" else "".join(joint.join(row) + "\n" for row in rows)
    with pytest.raises(DataError) as caught:
        load(data, name=f"in.{kind}")
    path = tmp_path / f"in.{kind}"
    assert str(caught.value).splitlines() == [
        f"{path}:3: text: expected the sentence; found nothing",
        f"{path}:4: text: expected the sentence; found ' '",
    ]
    assert not (tmp_path / "x.jsonl").exists()


def test_a_column_of_a_usual_name_that_is_empty_throughout_gives_way(load):
    rows = load("text,sentence,mood\n,One.,rise\n,Two.,fall\n", name="in.csv").rows
    assert [row["text"] for row in rows] == ["One.", "Two."]


def test_a_row_that_ends_before_its_text_has_none(load):
    with pytest.raises(DataError, match=r"in.csv:3: text: expected the sentence; found nothing"):
        load("id,mood,text\n16,rise,One.\n17,rise\n", name="in.csv")


def test_the_text_stands_in_the_same_column_of_all_rows(load):
    with pytest.raises(DataError) as caught:
        load("line,remark,mood\nOne.,,rise\n,See above.,rise\n", name="in.csv")
    told = "in.csv:1: expected the sentences in a column text, sentence, content, body, data, or in the only one left; "
    assert f"{told}found 'line', 'remark': rename one" in str(caught.value)
    # What is empty throughout, such as a column that a sheet ends in, is no text.
    [row] = load("line,remark,mood,\nOne.,,rise,\n", name="in.csv").rows
    assert row["text"] == "One."


def test_a_text_of_nothing_takes_no_other_field(load):
    studio = {"data": {"text": None, "town": "Arlen"}, "annotations": [{"result": []}]}
    prodigy = {"text": None, "accept": ["mood:rise"], "answer": "accept"}
    for data, name in (([studio], "in.json"), ([prodigy], "in.jsonl")):
        with pytest.raises(DataError, match="text: expected the sentence; found nothing"):
            load(data, name=name)
