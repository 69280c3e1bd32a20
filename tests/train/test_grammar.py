"""Sentences drawn from a grammar, and an encoder warmed up with them."""

import re
from collections import Counter
from dataclasses import replace
from functools import wraps
from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file

from newslean.errors import DataError
from newslean.schema import Schema, read_schema
from tests.train.test_keys import change_weights
from train.draw import generate
from train.finetune import finetune
from train.grammar import Grammar, read_grammar
from train.network import HEADS, Network, load_base
from train.warm import warm_up

ROOT = Path(__file__).resolve().parent.parent.parent
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
mine = ["a mine near {own.name}"]
[words]
who = ["the clerk"]
[ranges]
load = {least = 3, most = 4000, ratio = 1.2, decimals = 1}
[labelled.thing]
"" = ["trade"]
metals = ["zinc"]
[[frame]]
text = ["{who} says {clause}"]
[[joint]]
decides = 2
text = ["although {clause1}, {clause2}"]
"""
PATTERNS = """
[[pattern]]
stance = "first"
text = ["{1.name} beats {2.name} in {thing}"]
[[pattern]]
stance = "flat"
topics = ["weather"]
text = ["rain fell on {south.mine}"]
[[pattern]]
stance = "second"
before = ["{1.name} sold tin."]
text = ["It trails {2.name}."]
"""


def grammar_of(folder: Path, schema: Schema, words: str = WORDS, patterns: str = PATTERNS) -> Grammar:
    folder.mkdir(exist_ok=True)
    (folder / "words.toml").write_text(words, encoding="utf-8")
    (folder / "patterns.toml").write_text(patterns, encoding="utf-8")
    return read_grammar(folder, schema)


@pytest.fixture
def grammar(tmp_path: Path, schema: Schema) -> Grammar:
    return grammar_of(tmp_path / "grammar", schema)


def test_labels_follow_what_fills_the_slots(grammar: Grammar, schema: Schema):
    found = {e.text: e for e in generate(grammar, schema, 400, seed=0)}
    assert found["Arlen beats Borva in zinc."].labels == {"mood": "rise", "topic": ["metals"]}
    assert found["Borva beats Arlen in trade."].labels == {"mood": "fall", "topic": []}
    assert found["Rain fell on a mine near Borva."].labels == {"mood": "flat", "topic": ["weather"]}
    pronoun = found["It trails Borva."]
    assert (pronoun.before, pronoun.labels["mood"]) == ("Arlen sold tin.", "fall")
    assert found["The clerk says Arlen beats Borva in zinc."].labels["mood"] == "rise"


def test_of_two_clauses_the_named_one_decides_unless_it_says_nothing(grammar: Grammar, schema: Schema):
    found = {e.text: e.labels for e in generate(grammar, schema, 2000, seed=0)}
    last = found["Although Arlen beats Borva in zinc, Borva beats Arlen in trade."]
    assert last == {"mood": "fall", "topic": ["metals"]}
    silent = found["Although Arlen beats Borva in trade, rain fell on a mine near Borva."]
    assert silent == {"mood": "rise", "topic": ["weather"]}
    assert "Although Arlen beats Borva in zinc, Arlen beats Borva in trade." not in found


def test_a_seed_gives_the_same_sentences(grammar: Grammar, schema: Schema):
    first, again, other = (generate(grammar, schema, 50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("words", "patterns", "message"),
    [
        (WORDS, PATTERNS.replace("{thing}", "{thong}"), "slot '{thong}'"),
        (WORDS, PATTERNS.replace("{south.mine}", "{1.mine}"), "slot '{1.mine}'"),
        (WORDS, PATTERNS.replace('"flat"', '"even"'), "stance 'even'"),
        (WORDS, PATTERNS.replace('"weather"', '"wind"'), "topic 'wind'"),
        (WORDS.replace("metals", "wood"), PATTERNS, "label 'wood'"),
        (WORDS.replace('"mood"', '"frame"'), PATTERNS, "found 'frame'"),
        (WORDS.replace('"mood"', '"topic"'), PATTERNS, "expected a single dimension"),
        (WORDS.replace('"rise"', '"risen"'), PATTERNS, "label 'risen'"),
        (WORDS.replace("= 2", "= 3"), PATTERNS, "decides 3"),
        (WORDS.replace("{who} says", "{whose} says"), PATTERNS, "slot '{whose}'"),
        (WORDS.replace("{own.name}", "{own.town}"), PATTERNS, "slot '{own.town}'"),
        (WORDS.replace("the clerk", "the {who}"), PATTERNS, "slot '{who}'"),
        (WORDS.replace('["Arlen"]', '"Arlen"'), PATTERNS, "expected a list of strings"),
        (WORDS, PATTERNS.replace('["It trails {2.name}."]', '"It trails."'), "expected a list of strings"),
        (WORDS.replace("[[joint]]", "[[joined]]"), PATTERNS, "KeyError('joint') is amiss"),
        (WORDS, PATTERNS.replace("before", "ahead"), "found ahead"),
        (WORDS, PATTERNS.replace("{thing}", "{load_low}"), "slot '{load_low}'"),
        (WORDS.replace("ratio = 1.2", "ratio = 1.0"), PATTERNS, "found ranges.load"),
        (WORDS.replace("most = 4000", "most = 3"), PATTERNS, "found ranges.load"),
        (WORDS.replace("least = 3", "least = 0"), PATTERNS, "found ranges.load"),
        (WORDS.replace("decimals = 1", "decimals = 4"), PATTERNS, "found ranges.load"),
        (WORDS.replace("decimals = 1", "decimals = 1.5"), PATTERNS, "found ranges.load"),
        (WORDS.replace("decimals = 1", "decimals = true"), PATTERNS, "found ranges.load"),
        (WORDS.replace("most = 4000", "most = inf"), PATTERNS, "found ranges.load"),
        (WORDS.replace("least = 3", "least = nan"), PATTERNS, "found ranges.load"),
        (WORDS.replace("ratio = 1.2, ", ""), PATTERNS, "ratio"),
        (WORDS, PATTERNS.replace('"flat"', '"flat"\nweight = 0'), "expected weight"),
        (WORDS, PATTERNS.replace('"flat"', '"flat"\nweight = true'), "expected weight"),
        (WORDS, "", "0 patterns"),
        (WORDS, "text = [", "expected a TOML file"),
        (WORDS, '[[pattern]]\nstance = "flat"', "expected a list of strings"),
        (WORDS, '[[pattern]]\ntext = ["It rains"]', "expected stance"),
    ],
)
def test_a_faulty_grammar_is_refused(words: str, patterns: str, message: str, tmp_path: Path, schema: Schema):
    with pytest.raises(DataError, match=re.escape(message)):
        grammar_of(tmp_path / "grammar", schema, words, patterns)


NUMBERS = """
[[pattern]]
stance = "first"
alone = true
text = ["{2.name}: {load_lo}. {1.name}: {load_hi}, not {load_lo}."]
"""


def test_two_numbers_are_drawn_together(tmp_path: Path, schema: Schema):
    grammar = grammar_of(tmp_path / "grammar", schema, patterns=PATTERNS + NUMBERS)
    found = [re.findall(r"[\d,.]*\d", e.text) for e in generate(grammar, schema, 2000, seed=0) if "not" in e.text]
    pairs = [tuple(float(number.replace(",", "")) for number in numbers) for numbers in found]
    assert len({*pairs}) > 300
    assert all(3 <= low < high <= 4000 and again == low for low, high, again in pairs)
    assert min(high / low for low, high, _ in pairs) >= 1.1  # 1.2, but for rounding
    assert {0, 1} == {len(number.partition(".")[2]) for numbers in found for number in numbers}
    lows, highs = ([pair[k] for pair in pairs] for k in (0, 1))
    assert max(lows) > 10 * min(highs), "no number is always the larger or always the smaller"


@pytest.mark.parametrize("bounds", ["101, most = 104, ratio = 1.01", "0.5, most = 1.4, ratio = 1.1"])
def test_numbers_that_are_the_same_once_rounded(tmp_path: Path, schema: Schema, bounds: str):
    words = WORDS.replace("3, most = 4000, ratio = 1.2", bounds)
    grammar = grammar_of(tmp_path / "grammar", schema, words, PATTERNS + NUMBERS)
    with pytest.raises(DataError, match="load: expected numbers that differ when rounded"):
        generate(grammar, schema, 100, seed=0)


def test_a_text_counts_as_its_pattern_says(tmp_path: Path, schema: Schema):
    """Of texts that numbers make different, one counts four times as much as the other."""
    heavy = NUMBERS.replace("{2.name}:", "Load of {2.name}:").replace("alone", "weight = 4\nalone")
    grammar = grammar_of(tmp_path / "grammar", schema, patterns=PATTERNS + NUMBERS + heavy)
    found = Counter(e.text.startswith("Load of") for e in generate(grammar, schema, 2000, seed=0) if "not" in e.text)
    assert 3 < found[True] / found[False] < 5


def test_the_projects_own_grammar():
    label_set = read_schema(ROOT / "labels" / "schema.toml")
    found = generate(read_grammar(ROOT / "labels" / "grammar", label_set), label_set, 3000, seed=0)
    assert len(found) > 2800
    for e in found:
        assert not re.search(r"[{}]|  | [,.]|,,", e.text), e.text
        assert e.text[0] in "“\"'" or not e.text[0].islower(), e.text
    shares = Counter(e.labels["stance"] for e in found)
    assert min(shares.values()) > 300, shares
    topics = Counter(label for e in found for label in e.labels["topic"])
    assert min(topics[label] for label in label_set["topic"].labels) > 150, topics


def test_the_base_is_warmed_up_once(grammar: Grammar, schema: Schema, params, tmp_path: Path):
    said: list[str] = []
    wanted = replace(params, warm_sentences=40, mixed_sentences=5)
    warm, mixed = warm_up(wanted, grammar, schema, seed=0, place=tmp_path, say=said.append)
    sharper = replace(wanted, sharpness_radius=0.1)  # is for what follows
    again, _ = warm_up(sharper, grammar, schema, seed=0, place=tmp_path, say=said.append)
    assert warm == replace(again, sharpness_radius=0.0)
    assert len(said) == 1
    assert 0 < len(mixed) <= 5
    before, after = (load_base(base)[0].state_dict() for base in (params.base, warm.base))
    assert any(not torch.equal(values, after[name]) for name, values in before.items())
    assert (Path(warm.base) / HEADS).is_file()
    two = replace(wanted, warm_networks=2)
    mean, others = warm_up(two, grammar, schema, seed=0, place=tmp_path, say=said.append)
    other, found = warm_up(wanted, grammar, schema, seed=1, place=tmp_path, say=said.append)
    assert len(said) == 2  # the second of two is what another seed gives, and the first was there
    assert found == others != mixed  # what is mixed in is drawn by a seed that no warm network has
    assert warm_up(two, grammar, schema, seed=0, place=tmp_path, say=said.append) == (mean, others)
    for name in ("model.safetensors", HEADS):
        first, second, both = (load_file(Path(p.base, name)) for p in (warm, other, mean))
        assert any(not torch.equal(values, second[key]) for key, values in first.items())
        for key, values in both.items():
            torch.testing.assert_close(values, (first[key] + second[key]) / 2)
    assert warm_up(params, grammar, schema, seed=0, place=tmp_path, say=said.append) == (params, [])
    assert warm_up(wanted, None, schema, seed=0, place=tmp_path, say=said.append) == (wanted, [])


def test_a_base_with_other_weights_is_warmed_up_anew(schema: Schema, examples, encoder: Path, params, tmp_path: Path):
    base = copytree(encoder, tmp_path / "base")
    wanted, said = replace(params, base=str(base), warm_epochs=1), list[str]()
    warm = [warm_up(wanted, None, schema, examples[:6], seed=0, place=tmp_path, say=said.append) for _ in range(2)]
    assert warm[0] == warm[1]
    change_weights(base)
    assert warm_up(wanted, None, schema, examples[:6], seed=0, place=tmp_path, say=said.append) != warm[0]
    assert len(said) == 2


def test_a_stopped_warm_start_goes_on_and_ends_the_same(
    schema: Schema, examples, params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wanted = replace(params, warm_epochs=3, batch_size=4, check_steps=1)
    rows, forward, steps = examples[:8], Network.forward, list[int]()
    warm_up(wanted, None, schema, rows, seed=0, place=tmp_path / "whole", say=print)

    @wraps(forward)
    def stopped(network: Network, *args: object, **others: object) -> object:
        steps.append(len(steps) + 1)
        if len(steps) == 4:  # in the second of three epochs of two steps
            raise KeyboardInterrupt
        return forward(network, *args, **others)

    monkeypatch.setattr(Network, "forward", stopped)
    with pytest.raises(KeyboardInterrupt):
        warm_up(wanted, None, schema, rows, seed=0, place=tmp_path / "stopped", say=print)
    assert not [*(tmp_path / "stopped").glob("warm-*")]
    warm_up(wanted, None, schema, rows, seed=0, place=tmp_path / "stopped", say=print)
    assert len(steps) == 4 + 4  # the first epoch is not learnt again
    one, other = (load_file(next((tmp_path / name).glob("warm-*/model.safetensors"))) for name in ("whole", "stopped"))
    for name, values in one.items():
        torch.testing.assert_close(values, other[name])
    assert {path.name for path in next((tmp_path / "stopped").glob(".warm-*")).iterdir()} <= {".lock"}


@pytest.mark.parametrize("context", ["none", "before"])
def test_what_hangs_on_the_sentence_before_is_left_out_without_it(
    context: str, grammar: Grammar, schema: Schema, params, tmp_path: Path
):
    wanted = replace(params, context=context, mixed_sentences=200)
    _, mixed = warm_up(wanted, grammar, schema, seed=0, place=tmp_path, say=print)
    assert any(e.before for e in mixed) == (context == "before")
    assert any(not e.before for e in mixed)


def test_frozen_layers_stay_as_they_are(examples, schema: Schema, params, tmp_path: Path):
    frozen = replace(params, epochs=1, frozen_layers=1, layer_decay=0.5)
    fit = finetune(examples, [], schema, frozen, seed=0, folder=tmp_path / "c")
    before, after = load_base(params.base)[0].state_dict(), fit.network.encoder.state_dict()
    moved = {name for name, values in before.items() if not torch.equal(values, after[name])}
    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)
