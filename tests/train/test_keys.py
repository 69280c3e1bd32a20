"""What is trained from a base encoder is known by its weights, not by its name alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from safetensors.torch import load_file, save_file

from train.keys import base_revision
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
