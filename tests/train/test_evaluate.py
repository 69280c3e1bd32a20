import json
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from newslean.schema import Dimension, Schema
from train import bootstrap
from train.evaluate import Predictions, evaluate, readme_table, render_report, write_report
from train.labels import Example
from train.plots import draw_all

TONE = Dimension("tone", "single", ("warm", "cold", "flat"), neutral="flat")
THEME = Dimension("theme", "multi", ("rain", "snow|ice"))
SCHEMA = Schema((TONE, THEME))


def make_examples(n=90, articles=12, seed=0):
    rng = np.random.default_rng(seed)
    examples = []
    for place in range(n):
        labels = {"tone": str(rng.choice(TONE.labels)), "theme": [x for x in THEME.labels if rng.random() < 0.4]}
        group = f"article-{place % articles}"
        examples.append(Example(group, place, f"Sentence {place}.", False, group, "seed", labels))
    return examples


def make_predictions(name, examples, accuracy, seed=1):
    """A model that knows the gold label so often, and else draws; its scores favour its answers."""
    rng = np.random.default_rng(seed)
    labels, scores = [], []
    for example in examples:
        gold = {"tone": "flat", "theme": [], **example.labels}
        tone = gold["tone"] if rng.random() < accuracy else str(rng.choice(TONE.labels))
        theme = gold["theme"] if rng.random() < accuracy else [x for x in THEME.labels if rng.random() < 0.4]
        labels.append({"tone": tone, "theme": theme})
        sure = rng.uniform(0.5, 0.9)
        tones = {x: sure if x == tone else (1 - sure) / 2 for x in TONE.labels}
        scores.append({"tone": tones, "theme": {x: sure if x in theme else 1 - sure for x in THEME.labels}})
    return Predictions(name, labels, scores)


@pytest.fixture
def examples():
    return make_examples()


@pytest.fixture
def predictions(examples):
    return [make_predictions("baseline", examples, 0.3), make_predictions("transformer", examples, 0.8, seed=2)]


def test_points_are_those_of_scikit_learn(examples, predictions):
    report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=200)
    gold, answers = ([row["tone"] for row in rows] for rows in ([e.labels for e in examples], predictions[0].labels))
    found = report["dimensions"]["tone"]["models"]["baseline"]
    expected = f1_score(gold, answers, labels=TONE.labels, average=None)
    assert [found["labels"][label]["f1"] for label in TONE.labels] == pytest.approx(expected, abs=1e-6)
    assert found["macro_f1"] == pytest.approx(expected.mean(), abs=1e-6)
    assert found["accuracy"] == found["micro_f1"] == pytest.approx(np.mean(np.equal(gold, answers)), abs=1e-6)
    assert report["dimensions"]["tone"]["support"] == {label: gold.count(label) for label in TONE.labels}


def test_small_case_by_hand():
    rows = [("a", "warm", "warm"), ("a", "cold", "warm"), ("b", "cold", "cold"), ("b", "flat", "flat")]
    examples = [Example(g, n, "x", False, g, "seed", {"tone": gold}) for n, (g, gold, _) in enumerate(rows)]
    scores = [{"tone": {x: 0.8 if x == answer else 0.1 for x in TONE.labels}} for *_, answer in rows]
    model = Predictions("m", [{"tone": answer} for *_, answer in rows], scores)
    found = evaluate(SCHEMA, examples, [model], seed=1, replicates=50)["dimensions"]["tone"]["models"]["m"]
    assert found["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3, abs=1e-6)
    cold = found["labels"]["cold"]
    assert (cold["precision"], cold["recall"], cold["support"], cold["predicted"]) == (1, 0.5, 2, 1)
    assert found["calibration"]["ece"] == pytest.approx(0.05)
    assert found["calibration"]["brier"] == pytest.approx((3 * 0.06 + 0.64 + 0.81 + 0.01) / 4)
    assert found["calibration"]["log_loss"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.1)) / 4, abs=1e-6)
    assert found["selective"][0]["claim_precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["selective"][0]["claim_recall"] == pytest.approx(2 / 3, abs=1e-6)


def test_several_labels_are_judged_one_by_one(examples, predictions):
    found = evaluate(SCHEMA, examples, predictions, seed=1, replicates=50)["dimensions"]["theme"]["models"]["baseline"]
    for label, table in found["confusion"].items():
        row = found["labels"][label]
        assert table[1][1] + table[1][0] == row["support"]
        assert table[1][1] + table[0][1] == row["predicted"]
        assert np.sum(table) == len(examples)
    assert list(found["calibration"]["labels"]) == list(THEME.labels)
    means = np.mean([row["ece"] for row in found["calibration"]["labels"].values()])
    assert found["calibration"]["ece"] == pytest.approx(means, abs=1e-6)
    pairs = zip((e.labels["theme"] for e in examples), (row["theme"] for row in predictions[0].labels), strict=True)
    assert found["exact_match"] == pytest.approx(np.mean([gold == answer for gold, answer in pairs]), abs=1e-6)


def test_intervals_hold_the_point_and_the_better_model_is_seen(examples, predictions):
    report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=500)
    for dimension in report["dimensions"].values():
        for model in dimension["models"].values():
            low, high = model["macro_f1_interval"]
            assert 0 <= low < model["macro_f1"] < high <= 1
        (difference,) = dimension["differences"]
        assert (difference["model"], difference["against"]) == ("transformer", "baseline")
        first, second = (dimension["models"][name]["macro_f1"] for name in ("baseline", "transformer"))
        assert difference["macro_f1"] == pytest.approx(second - first, abs=2e-6)
        assert difference["interval"][0] > 0
        assert difference["share_above_zero"] == 1


def test_a_model_does_not_differ_from_itself(examples, predictions):
    pair = [predictions[0], replace(predictions[0], name="again")]
    (difference,) = evaluate(SCHEMA, examples, pair, seed=1, replicates=100)["dimensions"]["tone"]["differences"]
    assert (difference["macro_f1"], difference["interval"], difference["share_above_zero"]) == (0, [0, 0], 0)


def test_more_articles_narrow_the_interval_more_sentences_of_the_same_do_not(examples, predictions):
    def width(examples, model):
        model = evaluate(SCHEMA, examples, [model], seed=1)["dimensions"]["tone"]["models"]["baseline"]
        return model["macro_f1_interval"][1] - model["macro_f1_interval"][0]

    model = predictions[0]
    doubled = Predictions("baseline", model.labels * 2, model.scores * 2)
    renamed = [replace(e, group=f"{e.group}-copy") for e in examples]
    same = width(examples, model)
    assert width(examples * 2, doubled) == pytest.approx(same, abs=1e-6)
    assert width(examples + renamed, doubled) < 0.85 * same


def test_seed_decides_and_order_does_not(examples, predictions):
    first = evaluate(SCHEMA, examples, predictions, seed=1, replicates=100)
    assert evaluate(SCHEMA, examples, predictions, seed=1, replicates=100) == first
    turned = [Predictions(p.name, p.labels[::-1], p.scores[::-1]) for p in predictions]
    assert evaluate(SCHEMA, examples[::-1], turned, seed=1, replicates=100) == first
    other = evaluate(SCHEMA, examples, predictions, seed=2, replicates=100)["dimensions"]["tone"]["models"]["baseline"]
    assert other["macro_f1_interval"] != first["dimensions"]["tone"]["models"]["baseline"]["macro_f1_interval"]


def test_examples_without_a_dimension_are_left_out_of_it(examples, predictions):
    partial = [replace(e, labels={"theme": e.labels["theme"]}) if n % 3 == 0 else e for n, e in enumerate(examples)]
    kept = [n for n in range(len(examples)) if n % 3]
    thinned = [Predictions(p.name, [p.labels[n] for n in kept], [p.scores[n] for n in kept]) for p in predictions]
    found = evaluate(SCHEMA, partial, predictions, seed=1, replicates=50)["dimensions"]
    expected = evaluate(SCHEMA, [examples[n] for n in kept], thinned, seed=1, replicates=50)["dimensions"]
    assert found["tone"] == expected["tone"]
    assert found["tone"]["sentences"] == 60
    assert found["theme"]["sentences"] == 90


def test_one_article_has_no_interval_and_says_why(examples, predictions):
    alone = [replace(e, group="only") for e in examples]
    report = evaluate(SCHEMA, alone, predictions, seed=1)
    tone = report["dimensions"]["tone"]
    assert tone["models"]["baseline"]["macro_f1_interval"] is None
    assert tone["models"]["baseline"]["labels"]["warm"]["f1_interval"] is None
    assert tone["differences"][0]["interval"] is None
    assert any("one article" in note for note in tone["notes"])
    assert tone["notes"][0] in render_report(report)


def test_the_report_says_how_many_replicates_were_drawn(examples, predictions, monkeypatch):
    """Of very many articles there are fewer than were asked for."""
    monkeypatch.setattr(bootstrap, "MAX_WEIGHTS", 12 * 300)
    for asked, drawn in ((2000, 300), (250, 250)):
        assert len(bootstrap.resampling_weights(12, seed=1, replicates=asked)) == drawn
        report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=asked)
        assert f"over articles ({drawn} replicates, seed 1)" in render_report(report)


def test_few_articles_and_rare_labels_are_noted():
    examples = make_examples(articles=5)
    examples = [replace(e, labels={"tone": "warm" if e.group == "article-0" else "flat"}) for e in examples]
    notes = " ".join(evaluate(SCHEMA, examples, [], seed=1)["dimensions"]["tone"]["notes"])
    assert "5 articles are few" in notes
    assert "No gold sentence has cold:" in notes
    assert "Fewer than four articles have warm:" in notes


def test_a_dimension_that_nobody_has(examples, predictions, tmp_path):
    schema = Schema((THEME,))
    bare = [replace(e, labels={}) for e in examples]
    report = evaluate(schema, bare, predictions, seed=1, replicates=50)
    theme = report["dimensions"]["theme"]
    assert (theme["sentences"], theme["articles"], theme["models"], theme["differences"]) == (0, 0, {}, [])
    assert "| baseline | no data |" in readme_table(report)
    write_report(report, bare, predictions, schema, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md"}
    assert "No example has this dimension." in (tmp_path / "report.md").read_text()


def test_no_examples_at_all():
    report = evaluate(SCHEMA, [], [Predictions("m", [], [])], seed=1)
    assert report["sentences"] == 0
    assert render_report(report)


def test_one_label_throughout_gives_numbers_and_none_but_never_nan():
    coders = {name: {"tone": "flat", "theme": []} for name in "ab"}
    examples = [replace(e, labels=coders["a"], coders=coders) for e in make_examples(n=24)]
    model = make_predictions("m", examples, 1.0)
    report = evaluate(SCHEMA, examples, [model], seed=1, replicates=50)
    json.dumps(report, allow_nan=False)
    assert report["dimensions"]["tone"]["models"]["m"]["labels"]["flat"]["f1"] == 1
    assert report["dimensions"]["tone"]["models"]["m"]["macro_f1"] == pytest.approx(1 / 3, abs=1e-6)
    assert report["dimensions"]["tone"]["models"]["m"]["selective"][0]["claim_precision"] is None
    assert report["dimensions"]["theme"]["models"]["m"]["macro_f1"] == 0
    assert report["dimensions"]["tone"]["agreement"][0]["between_coders"]["kappa"] is None
    assert all(content for _, content in draw_all({"dimensions": {"tone": report["dimensions"]["tone"]}}))


def test_models_and_coders_are_compared_on_the_rows_that_both_coders_have(examples, predictions):
    def coded(n, example):
        coders = {"a": {"tone": example.labels["tone"]}, "adjudicated": example.labels}
        return coders | ({"b": {"tone": "flat" if n % 4 else "warm"}} if n < 40 else {})

    examples = [replace(e, coders=coded(n, e)) for n, e in enumerate(examples)]
    report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=50)
    (pair,) = report["dimensions"]["tone"]["agreement"]
    a, b = ([e.coders[name]["tone"] for e in examples[:40]] for name in "ab")
    model = [row["tone"] for row in predictions[1].labels[:40]]
    assert (pair["coders"], pair["sentences"]) == (["a", "b"], 40)
    assert pair["between_coders"]["kappa"] == pytest.approx(cohen_kappa_score(a, b), abs=1e-6)
    assert pair["models"]["transformer"]["a"]["kappa"] == pytest.approx(cohen_kappa_score(model, a), abs=1e-6)
    assert pair["models"]["transformer"]["b"]["kappa"] == pytest.approx(cohen_kappa_score(model, b), abs=1e-6)
    assert report["dimensions"]["theme"]["agreement"] == []
    assert "| a and b | 40 |" in render_report(report)
    assert "disputes that are open are not among them" in render_report(report)


def test_sources_are_broken_down_where_there_are_several(examples, predictions):
    assert evaluate(SCHEMA, examples, predictions, seed=1)["dimensions"]["tone"]["models"]["baseline"]["sources"] == {}
    mixed = [replace(e, source="user" if n < 30 else "seed") for n, e in enumerate(examples)]
    sources = evaluate(SCHEMA, mixed, predictions, seed=1)["dimensions"]["tone"]["models"]["baseline"]["sources"]
    gold, answers = [e.labels["tone"] for e in mixed[:30]], [row["tone"] for row in predictions[0].labels[:30]]
    assert sources["user"]["macro_f1"] == pytest.approx(f1_score(gold, answers, average="macro"), abs=1e-6)
    assert [(name, row["sentences"], row["labels_seen"]) for name, row in sources.items()] == [
        ("seed", 60, 3),
        ("user", 30, 3),
    ]


def test_collections_are_broken_down_and_say_how_claims_fare(examples, predictions):
    names = {"a": 45, "b": 44, "c": 1}  # of 90 rows
    docs = [
        f"{name}-{k}-times" if name == "a" else f"{k}-{name}-post" for name, size in names.items() for k in range(size)
    ]
    rows = [replace(e, doc=doc) for e, doc in zip(examples, docs, strict=True)]
    assert evaluate(SCHEMA, rows, predictions, seed=1)["dimensions"]["tone"]["models"]["baseline"]["collections"] == {}
    many, said = rows * 3, [replace(p, labels=p.labels * 3, scores=p.scores * 3) for p in predictions]
    many[-1] = replace(many[-1], doc="17")  # no word at all
    report = evaluate(SCHEMA, many, said, seed=1)
    found = report["dimensions"]["tone"]["models"]["transformer"]["collections"]
    assert {name: row["sentences"] for name, row in found.items()} == {"others": 1, "post": 134, "times": 135}
    gold = [e.labels["tone"] for e in many]
    neutral = SCHEMA["tone"].neutral
    pairs = [(g, p["tone"]) for e, g, p in zip(many, gold, said[1].labels, strict=True) if e.collection == "times"]
    right = sum(g == p != neutral for g, p in pairs)
    row = found["times"]
    assert row["claims_in_gold"] == sum(g != neutral for g, _ in pairs)
    assert row["claim_precision"] == pytest.approx(right / sum(p != neutral for _, p in pairs), abs=1e-6)
    assert row["claim_recall"] == pytest.approx(right / row["claims_in_gold"], abs=1e-6)
    text = render_report(report)
    assert "By collection" in text
    assert f"| transformer | times | 135 | 3 | {row['macro_f1']:.2f} | {row['claims_in_gold']} |" in text
    del report["dimensions"]["tone"]["models"]["transformer"]["collections"]  # of an older report
    assert "By collection" in render_report(report)


def test_calibration_and_confident_answers_have_intervals_over_articles(examples, predictions):
    """Replicate by replicate those of the articles written out."""
    report = evaluate(SCHEMA, examples, predictions[1:], seed=1, replicates=60)
    found = {d.name: report["dimensions"][d.name]["models"]["transformer"] for d in SCHEMA.dimensions}
    index = np.array([sorted({e.group for e in examples}).index(e.group) for e in examples])
    weights = bootstrap.resampling_weights(12, seed=1, replicates=60).astype(int)
    eces, shares = {d.name: [] for d in SCHEMA.dimensions}, []
    for weight in weights:
        rows = np.repeat(np.arange(len(examples)), weight[index])
        model = predictions[1]
        drawn = Predictions("m", [model.labels[n] for n in rows], [model.scores[n] for n in rows])
        one = evaluate(SCHEMA, [examples[n] for n in rows], [drawn], seed=1, replicates=2)["dimensions"]
        for name, values in eces.items():
            values.append(one[name]["models"]["m"]["calibration"]["ece"])
        shares.append([(row["precision"], row["claim_precision"]) for row in one["tone"]["models"]["m"]["selective"]])
    for name, values in eces.items():
        assert found[name]["calibration"]["ece_interval"] == pytest.approx(
            bootstrap.interval(np.array(values)), abs=2e-6
        )
    for n, row in enumerate(found["tone"]["selective"]):
        for place, key in enumerate(("precision", "claim_precision")):
            values = np.array([share[n][place] for share in shares if share[n][place] is not None])
            expected = bootstrap.interval(values) if len(values) else None
            assert row[f"{key}_interval"] == (expected and pytest.approx(expected, abs=2e-6))
    low, high = found["tone"]["selective"][3]["claim_precision_interval"]
    share = found["tone"]["selective"][3]["claim_precision"]
    assert f" {share:.2f} ({low:.2f} to {high:.2f}) |" in render_report(report)
    alone = evaluate(SCHEMA, [replace(e, group="only") for e in examples], predictions, seed=1)["dimensions"]["tone"]
    assert alone["models"]["baseline"]["calibration"]["ece_interval"] is None
    assert alone["models"]["baseline"]["selective"][0]["precision_interval"] is None


def test_a_report_of_an_older_version_is_shown(examples, predictions):
    report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=50)
    del report["unknown_words"]
    for dimension in report["dimensions"].values():
        for model in dimension["models"].values():
            del model["calibration"]["ece_interval"], model["calibration"]["confidence"]
            for row in model["selective"]:
                del row["precision_interval"], row["claim_precision_interval"]
    assert f"{report['dimensions']['tone']['models']['baseline']['calibration']['ece']:.3f} |" in render_report(report)


def test_how_sure_a_model_is_of_several_labels_is_counted_label_by_label():
    """Not bin by bin: one bin holds probabilities on both sides of 0.5."""
    examples = make_examples(n=4, articles=4)
    scores = [
        {"tone": dict.fromkeys(TONE.labels, 1 / 3), "theme": dict.fromkeys(THEME.labels, p)} for p in (0.48, 0.52)
    ]
    model = Predictions("m", [{"tone": "flat", "theme": []}] * 4, scores * 2)
    found = evaluate(SCHEMA, examples, [model], seed=1, replicates=10)["dimensions"]
    assert found["theme"]["models"]["m"]["calibration"]["confidence"] == pytest.approx(0.52)
    assert found["tone"]["models"]["m"]["calibration"]["confidence"] == pytest.approx(1 / 3, abs=1e-6)


def test_written_report_is_whole(examples, predictions, tmp_path):
    schema = Schema((THEME,))
    report = evaluate(schema, examples, predictions, seed=1, replicates=50)
    folder = tmp_path / "new" / "report"
    write_report(report, examples, predictions, schema, folder)
    plots = {
        f"{kind}-{model}-theme.{suffix}"
        for kind in ("confusion", "reliability")
        for model in ("baseline", "transformer")
        for suffix in ("png", "svg")
    }
    assert {path.name for path in folder.iterdir()} == plots | {"report.json", "report.md"}
    assert json.loads((folder / "report.json").read_text()) == report
    text = (folder / "report.md").read_text()
    assert text == render_report(report)
    assert {*re.findall(r"\]\(([^)]+)\)", text)} == {name for name in plots if name.endswith(".png")}
    assert "snow\\|ice" in text  # a label must not break a table


def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head(examples, predictions):
    examples = [replace(e, coders={"a": e.labels, "b": e.labels}, source="su"[n % 2]) for n, e in enumerate(examples)]
    text = render_report(evaluate(SCHEMA, examples, predictions, seed=1, replicates=50))
    tables = re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE)
    assert len(tables) == 10  # one for all; five for tone; four for theme, which has no selective prediction
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_readme_table_shows_macro_f1_with_its_interval(examples, predictions):
    report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=50)
    head, _, baseline, transformer = readme_table(report).splitlines()
    assert "tone (90 sentences, 12 articles)" in head
    found = report["dimensions"]["tone"]["models"]["transformer"]
    low, high = found["macro_f1_interval"]
    assert f"| transformer | {found['macro_f1']:.2f} ({low:.2f} to {high:.2f}) |" in transformer
    assert baseline.startswith("| baseline |")


def test_predictions_must_fit(examples, predictions):
    short = Predictions("short", predictions[0].labels[1:], predictions[0].scores)
    with pytest.raises(ValueError, match="short: expected predictions of 90 examples; found 89 labels and 90 scores"):
        evaluate(SCHEMA, examples, [short], seed=1)
    with pytest.raises(ValueError, match="different names"):
        evaluate(SCHEMA, examples, [predictions[0]] * 2, seed=1)
    report = evaluate(SCHEMA, examples, predictions, seed=1, replicates=50)
    with pytest.raises(ValueError, match="Evaluate again"):
        write_report(report, examples, predictions[:1], SCHEMA, "unused")
