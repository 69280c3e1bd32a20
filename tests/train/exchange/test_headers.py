"""How tables' headers are read and told: sentences, coders, labels, and what is left out."""

import pytest

from newslean.errors import DataError
from train.exchange.exporting import read_sentences
from train.exchange.formats import FORMATS
from train.exchange.importing import import_labels, render_import
from train.exchange.task import Task


def told(found):
    [line] = [line for line in found.said.splitlines() if ": columns: " in line]
    return line.partition(": columns: ")[2]


def test_labels_under_no_dimension_are_a_fault(load, tmp_path):
    with pytest.raises(DataError) as caught:
        load("id,text,label\n1,One.,rise\n2,Two.,fall\n", name="in.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'in.csv'}:1: expected a column of topic or mood; found none, but 'id', 'label' "
        "(--rename 'COLUMN=DIMENSION' takes one as a dimension)"
    )
    assert not (tmp_path / "x.jsonl").exists()
    found = load("id,text,label\n1,One.,rise\n", name="in.csv", judge={"rename": {"label": "mood"}})
    assert found.rows[0]["labels"] == {"mood": "rise"}
    assert told(found) == "text, mood from 'label'; left out: 'id'"


def test_a_column_that_is_nearly_a_dimension_is_told_once(load):
    with pytest.raises(DataError) as caught:
        load("text,topik\nOne.,metals\n", name="in.csv")
    assert len(str(caught.value).splitlines()) == 1


def test_sentences_to_label_need_no_labels(load, tmp_path, schema):
    (tmp_path / "in.csv").write_text("id,text\n1,One.\n")
    assert [task.text for task in read_sentences([tmp_path / "in.csv"], schema)] == ["One."]
    found = load(FORMATS["csv"].write([Task("a", 0, "One.")], schema), name="own.csv")
    assert told(found) == "text, doc, n, topic, mood, coded_at"
    bare = '\r\ntext,newslean\r\nOne.,"{""doc"":""a"",""n"":0}"\r\n'
    assert load(bare, name="bare.csv", out="y.jsonl").rows[0]["labels"] == {}


def test_columns_that_are_left_out_are_told(load):
    found = load("sentence,mood [anna],metals,tone\nOne.,rise,1,dry\n", name="in.csv")
    assert told(found) == "text from 'sentence', mood [anna]; left out: 'metals', 'tone'"


def test_the_author_of_a_text_is_not_its_coder(load):
    text = "user,created_at,text,mood\n@a,2024-05-01T10:00:00Z,One.,rise\n"
    found = load(text, name="in.csv", coder="anna")
    assert (found.rows[0]["coders"], found.rows[0].get("coded_at")) == ({"anna": {"mood": "rise"}}, None)
    assert told(found) == "text, mood; left out: 'user', 'created_at'"
    assert "coders" not in load(text, name="in.csv", out="y.jsonl").rows[0]
    found = load(text, name="in.csv", out="z.jsonl", judge={"rename": {"user": "coder"}})
    assert found.rows[0]["coded_at"] == {"@a": "2024-05-01T10:00:00Z"}
    assert told(found) == "text, coded_at from 'created_at', mood, coder from 'user'"


def test_a_coder_named_by_the_user_counts_more_than_a_guessed_column(load):
    text = "text,mood,annotator,created_at\nOne.,rise,1,2024-05-01T10:00:00Z\n"
    found = load(text, name="in.csv")
    assert found.rows[0]["coded_at"] == {"1": "2024-05-01T10:00:00Z"}
    assert "coder from 'annotator'" in told(found)
    found = load(text, name="in.csv", out="y.jsonl", coder="anna")
    assert found.rows[0]["coders"] == {"anna": {"mood": "rise"}}
    assert "coder as --coder says, not from 'annotator'" in told(found)
    [row] = load(text, name="in.csv", out="z.jsonl", coder="anna", coders={"1": "ben"}).rows
    assert [*row["coders"]] == ["ben"]
    # A column that says it is the coder's, in so many words, is believed.
    found = load("text,mood,coder\nOne.,rise,ben\nTwo.,fall,\n", name="in.csv", out="c.jsonl", coder="anna")
    assert [[*row["coders"]] for row in found.rows] == [["ben"], ["anna"]]
    assert told(found) == "text, mood, coder"


def test_two_files_of_nobody_by_name_do_not_overrule_each_other(tmp_path, schema):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, mood in zip(paths, ("rise", "fall"), strict=True):
        path.write_text(f"text,mood\nOne.,{mood}\nTwo.,flat\n")
    expected = r"b.csv:2: expected one answer of coder ''; found another at .*a.csv:2: mood 'rise' and 'fall'; if two"
    with pytest.raises(DataError, match=f"{expected} people coded, import each one's with its own --coder"):
        import_labels(paths, tmp_path / "x.jsonl", schema)
    paths[1].write_text("text,mood\nThree.,fall\nTwo.,flat\n")
    done = import_labels(paths, tmp_path / "x.jsonl", schema)
    assert done.rows == 3
    assert "1 answers stood twice, the same" in render_import(done, tmp_path / "x.jsonl")


@pytest.mark.parametrize("name", ["data", "content", "body"])
def test_a_name_that_means_other_things_is_the_text_only_if_nothing_else_is(load, name):
    text = f"{name},tweet,mood\n01/05/2024,One.,rise\n"
    with pytest.raises(DataError, match=f"in.csv:1: expected the sentences .* found '{name}', 'tweet': rename one"):
        load(text, name="in.csv")
    assert load(text, name="in.csv", judge={"rename": {"tweet": "text"}}).rows[0]["text"] == "One."
    # Numbers, and what is called so, are no sentences.
    text = f"id,{name},likes,mood\na1,One.,3,rise\n"
    assert load(text, name="in.csv", out="y.jsonl").rows[0]["text"] == "One."


def test_blank_cells_are_no_label_or_open(load, schema):
    text = "text,topic,mood\nOne.,,rise\nTwo.,metals,fall\nThree.,,\n"
    found = load(text, name="in.csv")
    assert [row["labels"].get("topic") for row in found.rows] == [[], ["metals"], None]
    assert "in.csv: 1 blank cells of topic taken as no label (--partial leaves them open)\n" in found.said
    found = load(text, name="in.csv", out="y.jsonl", judge={"partial": True})
    assert [row["labels"] for row in found.rows] == [{"mood": "rise"}, {"topic": ["metals"], "mood": "fall"}, {}]
    assert "blank cells" not in found.said
    # All was confirmed: then a blank is an answer, whatever else may be missing.
    found = load(text, name="in.csv", out="z.jsonl", judge={"partial": True}, confirmed=True)
    assert [row["labels"]["topic"] for row in found.rows] == [[], ["metals"], []]
    # Another tool's tasks are confirmed one by one: no label is an answer there.
    rows = [
        {"text": "One.", "label": ["rise"], "user": "a"},
        {"text": "Two.", "label": ["metals", "fall"], "user": "a"},
    ]
    found = load(rows, name="in.jsonl", out="d.jsonl", judge={"partial": True})
    assert found.rows[0]["labels"] == {"topic": [], "mood": "rise"}


@pytest.mark.parametrize(
    ("cell", "separator"),
    [
        ("metals;weather;", ";"),
        ("metals; weather", "; "),
        ("metals;weather", "; "),
        ("metals und weather", " und "),
        ("metals und weather", "und"),
        (";metals;weather", ";"),
    ],
)
def test_what_parts_labels(load, cell, separator):
    text = f"text,topic\nOne.,{cell}\n"
    with pytest.raises(DataError, match="topic: expected"):
        load(text, name="in.csv")
    assert load(text, name="in.csv", judge={"split_on": [separator]}).rows[0]["labels"] == {
        "topic": ["metals", "weather"]
    }


def test_a_separator_behind_one_label(load):
    with pytest.raises(DataError, match=r"found 'metals;': split it into 'metals' \(--split-on ';' accepts it\)"):
        load("text,topic\nOne.,metals;\n", name="in.csv")
    found = load("text,topic\nOne.,metals;\n", name="in.csv", judge={"split_on": [";"]})
    assert found.rows[0]["labels"] == {"topic": ["metals"]}
    with pytest.raises(DataError, match="--split-on: expected what stands between two labels; found nothing"):
        load("text,topic\nOne.,metals;\n", name="in.csv", judge={"split_on": [""]})


def test_a_column_a_coder(load):
    text = "text,mood (anna),mood (ben)\nOne.,rise,fall\n"
    with pytest.raises(DataError, match=r"it is called 'mood \[anna\]' \(--rename 'mood \(anna\)=mood \[anna\]'\)"):
        load(text, name="in.csv")
    both = {"mood (anna)": "mood", "mood (ben)": "mood"}
    with pytest.raises(DataError, match=r"rename or remove one; if two people coded, as 'mood \[NAME\]'"):
        load(text, name="in.csv", judge={"rename": both})
    rename = {f"mood ({who})": f"mood [{who}]" for who in ("anna", "ben")}
    [row] = load(text, name="in.csv", judge={"rename": rename}).rows
    assert row["coders"] == {"anna": {"mood": "rise"}, "ben": {"mood": "fall"}}


def test_articles_and_coders_under_other_names(load):
    rename = {"tweet": "text", "thread": "doc", "who": "coder"}
    found = load("tweet,thread,who,mood\nOne.,d1,anna,rise\n", name="in.csv", judge={"rename": rename})
    assert [(row["doc"], row["text"], [*row["coders"]]) for row in found.rows] == [("d1", "One.", ["anna"])]
    assert told(found) == "text from 'tweet', doc from 'thread', mood, coder from 'who'"


def test_an_export_does_what_its_faults_say(cli, label_folder, tmp_path):
    (tmp_path / "in.csv").write_text("text,topics,moods\nOne.,metals;weather,x\n")
    command = ["labels", "export", "--to", "doccano", "--schema", label_folder / "schema.toml"]
    command += ["--out", tmp_path / "out.jsonl"]
    options = ["--rename", "topics=topic", "--ignore-column", "moods", "--split-on", ";"]
    assert cli(*command, "--from", tmp_path / "in.csv")[0] == 2
    assert cli(*command, *options, "--labels", label_folder)[0] == 2
    assert not (tmp_path / "out.jsonl").exists()
    assert cli(*command, *options, "--from", tmp_path / "in.csv")[0] == 0
    assert '["topic:metals", "topic:weather"]' in (tmp_path / "out.jsonl").read_text()
