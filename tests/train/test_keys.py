"""What is kept is known by its rows, and by the weights of the base encoder, not by its name alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from safetensors.torch import load_file, save_file

from train.keys import base_revision, rows_key
from train.labels import Example
from train.network import describe_base
from train.run import Run


def change_weights(folder: Path) -> None:
    """Put other weights where those of an encoder lay, as another process finds them."""
    path = folder / "model.safetensors"
    save_file({name: values + 1 for name, values in load_file(path).items()}, path, metadata={"format": "pt"})
    base_revision.cache_clear()


def test_other_weights_under_the_same_name_are_another_fit(
    make_run: Callable[..., Run], encoder: Path, params, tmp_path: Path
):
    base = Path(copytree(encoder, tmp_path / "base"))
    run = make_run(tmp_path, finetuned=replace(params, base=str(base)))
    keys = run.fit_key("baseline"), run.fit_key("transformer"), run.version_key
    assert base_revision(str(base)) == describe_base(str(base))["revision"]
    change_weights(base)
    assert run.fit_key("baseline") == keys[0]
    assert (run.fit_key("transformer"), run.version_key) != keys[1:]
    assert base_revision(str(base)) == describe_base(str(base))["revision"]


@pytest.mark.parametrize("base", ["package:no_such_package_at_all", "no/such-encoder", "."])
def test_a_base_that_is_none_is_told_by_those_who_load_it(base: str):
    assert base_revision(base) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"doc": "other"},
        {"n": 99},
        {"text": "Rain."},
        {"before": "Rain."},
        {"article_title": "Rain"},
        {"group": "other"},
        {"source": "other"},
        {"labels": {"topic": ["chips"], "stance": "closing"}},
    ],
)
def test_rows_that_are_learnt_or_measured_otherwise_have_another_key(examples: list[Example], change: dict):
    assert rows_key([*examples[:4], replace(examples[4], **change)]) != rows_key(examples[:5])


def test_the_key_of_rows_hangs_on_their_order_and_not_on_who_coded_them(examples: list[Example]):
    assert rows_key(examples[:5]) != rows_key(examples[4::-1])
    assert rows_key([replace(examples[0], coders={}, sample="window")]) == rows_key(examples[:1])
