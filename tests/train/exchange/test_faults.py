"""What is wrong with coders' files is told at once, with its row, and is no traceback."""

import json
import random

import pytest

from newslean.errors import DataError
from train.exchange.exporting import read_sentences
from train.exchange.formats import FORMATS
from train.exchange.importing import import_labels
from train.exchange.task import task_of

LABELS = {"topic": ["metals"], "mood": "rise"}
HEAD = "doc,n,text,topic,mood,coder\n"


def faults_of(load, data, **options):
    with pytest.raises(DataError) as caught:
        load(data, **options)
    return str(caught.value).splitlines()


def test_duplicates_of_rows_at_fault_come_at_once(load, tmp_path):
    lines = faults_of(
        load,
        HEAD + "d,0,One.,metals,rise,a\n"
        "d,0,One.,metal,fall,a\n"  # a label at fault, and another answer
        "d,1,Two.,metal,rise,a\n"
        "d,1,Two.,weather,rise,a\n"  # the row before it is at fault
        "d,2,Three.,metals,rise,a\n"
        "d,2,Three.,metals,rise,a\n"  # the same again
        "d,2,Other.,metals,rise,a\n"  # another text of the same number
        "d,3,,metal,rise,a\n"  # no text, and a label at fault
        "d,4,Four.,metal,rise,a\n"
        "d,4,Four.,metal,rise,a\n"  # the same fault twice is no other answer
        "d,5,Five.,metals,rise,a\n"
        "d,5,Five.,metal,rise,a\n"
        "d,5,Five.,weather,rise,a\n",  # another than the first one
        name="in.csv",
    )
    path = tmp_path / "in.csv"
    for n, expected in (
        (3, "topic: expected metals, weather; found 'metal' (did you mean 'metals'?)"),
        (3, f"found another at {path}:2: topic ['metals'] and ['metal']; mood ['rise'] and ['fall']"),
        (4, "found 'metal' (did you mean 'metals'?)"),
        (5, f"found another at {path}:4: topic ['metal'] and ['weather']"),
        (7, f"the same answer of coder 'a' as at {path}:6: counts once"),
        (8, f"found doc 'd', n 2 again, of another text (first at {path}:6)"),
        (9, "text: expected the sentence; found nothing"),
        (9, "found 'metal' (did you mean 'metals'?)"),
        (13, f"found another at {path}:12: topic ['metals'] and ['metal']"),
        (14, f"found another at {path}:13: topic ['metal'] and ['weather']"),
        (14, f"found another at {path}:12: topic ['metals'] and ['weather']"),
    ):
        assert [line for line in lines if line.startswith(f"{path}:{n}: ") and expected in line], (n, expected, lines)
    assert not [line for line in lines if line.startswith(f"{path}:11: ") and "another" in line]


def test_a_later_time_decides_between_answers_at_fault_too(load):
    row = {"text": "One.", "accept": ["mood:rise"], "answer": "accept", "_annotator_id": "a", "_timestamp": 100}
    lines = faults_of(load, [row, {**row, "accept": ["mood:rize"], "_timestamp": 200}], name="in.jsonl")
    assert ["another" in line for line in lines] == [False]


def test_a_number_that_the_label_file_has_already(load, tmp_path):
    load([{"text": "One.", "doc": "d", "n": 0, "label": ["mood:fall"]}], name="a.jsonl")
    lines = faults_of(
        load,
        [
            {"text": "Two.", "doc": "d", "n": 0, "label": ["mood:fall"]},
            {"text": "Two.", "doc": "e", "n": 0, "label": ["mood:fal"]},
            # A row that brings its context is a sample by itself.
            {"text": "Three.", "doc": "d", "n": 0, "before": "Two.", "label": ["mood:fall"]},
        ],
        name="b.jsonl",
    )
    first = (
        f"{tmp_path / 'b.jsonl'}:1: expected each sentence once; found doc 'd', n 0 again, of another text (first at "
    )
    assert lines[1:] == [f"{first}{tmp_path / 'x.jsonl'}:1)"]


def test_faults_of_all_files_at_once(tmp_path, schema):
    (tmp_path / "a.jsonl").write_text('{"other": 1}\n')
    (tmp_path / "b.csv").write_text("text,mood\nOne.,rize\n")
    paths = [tmp_path / name for name in ("none.jsonl", "a.jsonl", "b.csv")]
    with pytest.raises(DataError) as caught:
        import_labels(paths, tmp_path / "x.jsonl", schema)
    lines = str(caught.value).splitlines()
    assert [any(line.startswith(str(path)) for line in lines) for path in paths] == [True] * 3
    with pytest.raises(DataError, match=r"(?s)'rize'.*expected a file to read"):
        read_sentences([tmp_path / "b.csv", tmp_path / "none.txt"], schema)


def test_many_faults_are_all_shown_on_demand(cli, tmp_path, label_folder):
    path = tmp_path / "in.csv"
    path.write_text("text,mood\n" + "".join(f"Text {n}.,rize\n" for n in range(60)))
    command = ["labels", "import", path, "--out", tmp_path / "x.jsonl", "--schema", label_folder / "schema.toml"]
    code, _, err = cli(*command)
    assert (code, err.count("'rize'")) == (2, 50)
    assert "... and 10 more (--all-faults shows them)" in err
    code, _, err = cli(*command, "--all-faults")
    assert (code, err.count("'rize'")) == (2, 60)
    assert "more" not in err
    path.write_text("text,mood\n" + "Text.,rise\n" * 60)
    assert cli(*command, "--all-faults")[1].count("repeated: ") == 59


def test_many_repeats_are_counted(load):
    rows = [{"text": f"{n}.", "doc": "d", "n": n, "label": ["mood:fall"], "user": "a"} for n in range(23)]
    said = load(rows * 2, name="a.jsonl").said.splitlines()
    assert len([line for line in said if line.startswith("repeated: ")]) == 20
    assert "... and 3 more repeated" in said
    said = load(rows * 2, name="a.jsonl", every=True).said.splitlines()
    assert len([line for line in said if line.startswith("repeated: ")]) == 23


def test_damaged_workbooks_are_no_traceback(load, schema):
    pytest.importorskip("openpyxl")
    row = {"doc": "d", "n": 0, "text": "One.", "labels": LABELS}
    whole = FORMATS["excel"].write([task_of({**row, "n": n}, schema) for n in range(3)], schema)
    name = b"xl/worksheets/sheet1.xml"
    packed, entry = whole.index(name) + len(name) + 5, whole.rindex(name) - 46
    for place, bits in ((packed, b"\xff" * 40), (entry + 8, b"\x01")):  # the latter says "encrypted"
        with pytest.raises(DataError, match=r"in.xlsx: expected an Excel workbook .*; found another or a broken file"):
            load(whole[:place] + bits + whole[place + len(bits) :], name="in.xlsx")
    rng = random.Random(0)  # noqa: S311 - a test
    for k in range(150):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 3, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            load(bytes(data), name="in.xlsx", out=f"{k}.jsonl")
        except DataError as error:
            assert "expected" in str(error)  # noqa: PT017 - some bytes do no harm


NESTED = {"id": "1", "fields": {"text": "One."}, "metadata": {}, "responses": {}, "suggestions": {}}
FLAT = {"id": "1", "text": "One.", "mood.responses": ["rise"], "mood.responses.users": ["u"]}
RANKED = {"mood": {"value": [{"value": "rise", "rank": 1}], "score": [0.4], "agent": "m"}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (NESTED | {"suggestions": RANKED}, "prediction of 'm': mood: expected a label; found {'value': 'rise'"),
        (NESTED | {"responses": {"mood": {"value": "rise"}}}, "responses of 'mood': expected a list of objects; found"),
        (NESTED | {"responses": {"mood": ["rise"]}}, "responses of 'mood': expected a list of objects; found ['rise']"),
        (FLAT | {"mood.responses": "rise"}, "mood.responses: expected a list; found 'rise'"),
        (FLAT | {"mood.responses.users": "u"}, "mood.responses.users: expected a list; found 'u'"),
        (FLAT | {"mood.responses.users": 5}, "mood.responses.users: expected a list; found 5"),
        (FLAT | {"mood.responses.status": {"u": "draft"}}, "mood.responses.status: expected a list; found {'u'"),
        (FLAT | {"mood.responses.status": 0}, "mood.responses.status: expected a list; found 0"),
    ],
)
def test_bad_records_of_argilla(load, record, expected):
    assert [line for line in faults_of(load, [record]) if f"in.json: task 1: {expected}" in line]


@pytest.mark.parametrize("name", ["labelstudio", "doccano", "prodigy", "argilla", "csv"])
@pytest.mark.parametrize(
    "broken",
    [
        {"labels": []}, {"labels": None}, {"scores": [1, 2]}, {"scores": None}, {"scores": {"mood": [1]}},
        {"scores": {"mood": {"rise": "x"}}}, {"score": [1]}, 3,
    ],
)  # fmt: skip
def test_a_broken_prediction_carried_beside(load, schema, name, broken):
    row = {"doc": "d", "n": 0, "text": "One.", "labels": {}, "predictions": {"m": {"labels": LABELS}}}
    text = FORMATS[name].write([task_of(row, schema)], schema).decode()
    whole = json.dumps({"m": {"labels": LABELS}}, separators=(",", ":") if name in ("argilla", "csv") else None)
    part = json.dumps({"m": broken})
    for quote in ('"', '\\"', '""'):  # JSON, JSON in JSON, JSON in a table
        text = text.replace(whole.replace('"', quote), part.replace('"', quote))
    suffix = ".jsonl" if name in ("doccano", "prodigy") else FORMATS[name].suffix
    [line] = [line for line in faults_of(load, text, name=f"in{suffix}", format=name) if "newslean" in line]
    assert "newslean: predictions: expected labels and scores of model 'm', by dimension; found " in line
    assert line.split(": newslean")[0].endswith(("in.jsonl:1", "in.csv:2", "task 1") if name != "argilla" else "")


def test_other_broken_parts_carried_beside(load):
    task = {"id": 1, "data": {"text": "One.", "newslean": {"doc": "d", "n": 0, "coded": {"a": 5}}}}
    task["annotations"] = [{"completed_by": {"email": "a"}, "result": []}]
    [line] = faults_of(load, [task], format="labelstudio")
    assert "task 1: newslean: coded: expected the dimensions that coder 'a' answered; found 5" in line
    payload = json.dumps({"coded": {"half \ud83d": []}})
    with pytest.raises(DataError, match="expected"):
        load([NESTED | {"metadata": {"newslean": payload}}], format="argilla")
    with pytest.raises(DataError, match="expected doc, the article's name, and n, the sentence's number"):
        load(f"text,doc,n,mood\nOne.,d,{'9' * 5000},rise\n", name="in.csv")


def test_a_cas_with_places_that_are_no_numbers(load, schema):
    pytest.importorskip("cassis")
    data = json.loads(
        FORMATS["cas"].write([task_of({"doc": "d", "n": 0, "text": "One.", "labels": {}}, schema)], schema)
    )
    for part in data["%FEATURE_STRUCTURES"]:
        if part["%TYPE"].endswith("Sentence"):
            part["end"] = None
    with pytest.raises(DataError, match="expected UIMA CAS JSON with sentences"):
        load(data, format="cas")


def test_in_another_file_a_coder_may_say_something_else(tmp_path, schema):
    for name, mood in (("a.csv", "rise"), ("b.csv", "fall")):
        (tmp_path / name).write_text(f"{HEAD}d,0,One.,metals,{mood},a\n")
    done = import_labels([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "x.jsonl", schema)
    assert (done.notes.changes, done.notes.repeated) == (["d 0, a: mood 'rise', now 'fall'"], [])


def test_a_table_of_sentences_to_label_may_join_labels(tmp_path, schema):
    (tmp_path / "in.csv").write_text("text,topic\nOne.,metals|weather\n")
    [task] = read_sentences([tmp_path / "in.csv"], schema)
    assert task.coders == {"": {"topic": ["metals", "weather"]}}


@pytest.mark.parametrize("line", ["#T_SP=", "#T_RL=|"])
def test_a_layer_without_a_name(load, tmp_path, line):
    text = f"#FORMAT=WebAnno TSV 3.3\n{line}\n\n\n#Text=One.\n1-1\t0-4\tOne.\t\n"
    [fault] = faults_of(load, text, name="in.tsv")
    assert fault == f"{tmp_path / 'in.tsv'}:2: expected the name of a layer; found {line!r}"


def test_a_time_that_cannot_be_read(load, tmp_path, schema):
    text = "text,mood [a],coded_at [a]\nOne.,rise,31.05.2026 12:00\nTwo.,rise,\nThree.,rise,2026-05-31 12:00\n"
    [line] = faults_of(load, text, name="in.csv")
    expected = "coder 'a': coded_at: expected a time such as 2026-05-31T12:00:00Z; found '31.05.2026 12:00'"
    assert line == f"{tmp_path / 'in.csv'}:2: {expected} (--ignore-column coded_at leaves times out)"
    assert not (tmp_path / "x.jsonl").exists()
    rows = load(text, name="in.csv", judge={"ignored": ["coded_at"]}).rows
    assert [row.get("coded_at") for row in rows] == [None] * 3


def test_a_time_that_a_sheet_wrote_anew_is_the_one_that_was_exported(load, schema):
    row = {"doc": "d", "n": 0, "text": "One.", "labels": {"mood": "rise"}, "coders": {"a": {"mood": "rise"}}}
    row["coded_at"] = {"a": "2026-05-31T12:00:00Z"}
    own = FORMATS["csv"].write([task_of(row, schema)], schema).decode()
    assert own.count("2026-05-31T12:00:00Z") == 2  # once beside, for us
    found = load(own.replace("2026-05-31T12:00:00Z", "31.05.2026 12:00", 1), name="in.csv")
    assert found.rows == [row]
