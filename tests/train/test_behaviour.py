import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from newslean.errors import DataError
from newslean.schema import Schema, read_schema
from newslean.tagger import Tagger
from train.behaviour import ALL, Case, pass_rates, read_cases, render_rates
from train.draw import generate
from train.grammar import SLOT, Grammar, range_of, read_grammar
from train.rows import digest

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "tests" / "data" / "behaviour.jsonl"
CASE = {"id": "a", "capability": "rain", "rule": "r", "before": "", "text": "Rain.", "labels": {"topic": ["weather"]}}


def write(path: Path, *cases: object) -> Path:
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    return path


def test_a_case_is_passed_where_the_tagger_says_what_it_expects(trained: SimpleNamespace):
    tagger = Tagger.load(trained.path)
    texts = [e.text for e in trained.run.examples[:6]]
    said = [sentence.labels for sentence in tagger.tag_sentences(texts)]
    wrong = {"mood": "rise" if said[0]["mood"] != "rise" else "fall"}
    cases = [Case(f"c{n}", f"kind {n % 2}", "r", text, "", said[n], f"p{n // 2}") for n, text in enumerate(texts)]
    cases.append(Case("bad", "kind 0", "r", texts[0], "", wrong, "p0"))
    report = pass_rates(cases, {"tiny": tagger})
    found = report["tiny"]["capabilities"]
    assert found[ALL] == {"cases": 7, "passed": 6, "share": 6 / 7, "pairs": 3, "pairs_passed": 2}
    assert (found["kind 0"]["passed"], found["kind 0"]["cases"], found["kind 1"]["share"]) == (3, 4, 1.0)
    assert report["tiny"]["failed"] == [
        {"id": "bad", "text": texts[0], "rule": "r", "expected": wrong, "found": {"mood": said[0]["mood"]}}
    ]
    assert "| kind 0 | 4 | 75% (2 of 3 pairs) |" in render_rates(report)


def test_faults_are_reported_all_at_once(tmp_path: Path, schema: Schema):
    cases = (CASE, CASE, {**CASE, "id": "b", "labels": {"topic": ["rain"]}}, {**CASE, "id": " ", "before": None})
    with pytest.raises(DataError) as error:
        read_cases(write(tmp_path / "cases.jsonl", *cases), schema)
    lines = str(error.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4", "4"]
    assert [word in line for word, line in zip(("'a' again", "'rain'", "id", "before"), lines, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"labels": {}}, "at least one dimension"),
        ({"capability": "all"}, "other than 'all'"),
        ({"capability": "a|b"}, "without '|'"),
        ({"text": " "}, "text under text"),
        ({"before": "\ud800"}, "UTF-8 can hold"),
        ({"id": "\ud800"}, "UTF-8 can hold"),
        ({"pair": 3}, "text under pair"),
        ({"stance": "none"}, "found 'stance'"),
    ],
)
def test_a_malformed_case(tmp_path: Path, schema: Schema, change: dict[str, object], expected: str):
    with pytest.raises(DataError) as error:
        read_cases(write(tmp_path / "cases.jsonl", {**CASE, **change}), schema)
    assert expected in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_without_cases(tmp_path: Path, schema: Schema):
    with pytest.raises(DataError, match="at least one case"):
        read_cases(write(tmp_path / "cases.jsonl"), schema)


def test_the_shipped_model_passes_what_it_passed():
    """The floor: `python -m train behaviour` gave 91 %, and 79 % for the worst capability."""
    tagger = Tagger.load(ROOT / "models" / "current")
    found = pass_rates(read_cases(SHIPPED, tagger.schema), {"shipped": tagger})["shipped"]["capabilities"]
    assert found[ALL]["share"] >= 0.90
    assert {name: count for name, count in found.items() if count["share"] < 0.75} == {}


def test_the_shipped_cases_cover_what_they_should():
    cases = read_cases(SHIPPED, read_schema(ROOT / "labels" / "schema.toml"))
    assert len(cases) >= 300
    assert len({case.capability for case in cases}) >= 12
    rows = [
        json.loads(line)
        for path in (ROOT / "labels" / "sentences").glob("*.jsonl")
        for line in path.open(encoding="utf-8")
    ]
    trained_on = {row["sha256"] if "sha256" in row else digest(row["text"]) for row in rows}
    assert [case.id for case in cases if digest(case.text) in trained_on] == []


def test_no_shipped_case_can_be_drawn_for_training():
    """By any seed: no text of the grammar, filled with any of its words, is a case."""
    schema = read_schema(ROOT / "labels" / "schema.toml")
    grammar = read_grammar(ROOT / "labels" / "grammar", schema)
    filled = [re.compile(rf"^(?:{_filled(grammar, text)})$", re.M) for p in grammar.patterns for text in p.texts]
    cases = "\n".join(case.text.casefold().rstrip(".?!") for case in read_cases(SHIPPED, schema))
    assert [match[0] for expression in filled for match in expression.finditer(cases)] == []
    # The expressions find what is drawn: nearly all that stands neither in a frame nor beside another clause.
    drawn = "\n".join(e.text.casefold().rstrip(".?!") for e in generate(grammar, schema, 300, seed=0))
    assert sum(len(expression.findall(drawn)) for expression in filled) > 100


def _filled(grammar: Grammar, text: str) -> str:
    """Regular expression of all that a text may become, in lower case."""

    def words(match: re.Match[str]) -> list[str]:
        side, name = match[1], match[2]
        if range_of(name) in grammar.ranges:
            return []
        if side in ("1", "2", "own"):
            return [word for words in grammar.sides.values() for word in words[name]]
        if side:
            return grammar.sides[side][name]
        return [w for words in grammar.labelled.get(name, {"": grammar.words.get(name, [])}).values() for w in words]

    end, parts = 0, list[str]()
    for match in SLOT.finditer(text):
        choices = "|".join(_filled(grammar, word) for word in words(match)) or r"[\d.,]+"
        parts += [re.escape(text[end : match.start()].casefold()), f"(?:{choices})"]
        end = match.end()
    return "".join(parts) + re.escape(text[end:].casefold().rstrip(".?!"))


def test_cases_of_another_label_set(tmp_path: Path, schema: Schema):
    path = write(tmp_path / "cases.jsonl", *({**CASE, "id": f"{n}", "labels": {"stance": "none"}} for n in range(9)))
    with pytest.raises(
        DataError, match=r"expected cases of topic, mood; found those of another label set \(stance\)"
    ) as told:
        read_cases(path, schema)
    assert str(told.value).count("\n") == 0
