from collections.abc import Sequence

import pytest

from train.folds import assign_folds, hold_out
from train.labels import Example

LONG = "The harbour of {} was closed for most of a rainy week."


def rows(group: str, count: int = 4, *, source: str = "user", text: str = LONG) -> list[Example]:
    return [Example(group, n, f"{text.format(group)} {n}", False, group, source, {}) for n in range(count)]


def folds_of(examples: Sequence[Example], assigned: Sequence[int]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for example, fold in zip(examples, assigned, strict=True):
        found.setdefault(example.group, set()).add(fold)
    return found


MANY = [row for k in range(23) for row in rows(f"g{k}", 1 + k % 5)]
SEEDS = [row for k in range(4) for row in rows(f"s{k}", 10 + k, source="seed")]


def test_articles_stay_whole_and_every_fold_is_used():
    mixed = sorted(MANY + SEEDS, key=lambda e: (e.n, e.group))  # the rows of an article need not stand together
    assigned = assign_folds(mixed, folds=5, seed=0)
    assert all(len(folds) == 1 for folds in folds_of(mixed, assigned).values())
    assert set(assigned) == set(range(5))


def test_no_two_seed_articles_share_a_fold():
    for seed in range(5):
        found = folds_of(SEEDS + MANY, assign_folds(SEEDS + MANY, folds=5, seed=seed))
        assert len({fold for k in range(4) for fold in found[f"s{k}"]}) == 4


def test_more_seed_articles_than_folds_still_spread():
    found = folds_of(SEEDS, assign_folds(SEEDS, folds=2, seed=0))
    assert sorted(fold for folds in found.values() for fold in folds) == [0, 0, 1, 1]


def test_folds_are_of_like_size():
    assigned = assign_folds(MANY, folds=5, seed=0)
    sizes = [assigned.count(fold) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 5  # the largest article has five rows


def test_the_seed_decides():
    assert assign_folds(MANY, folds=5, seed=1) == assign_folds(MANY, folds=5, seed=1)
    assert assign_folds(MANY, folds=5, seed=1) != assign_folds(MANY, folds=5, seed=2)


def test_articles_with_the_same_text_move_together():
    same = "Copper and zinc climbed again as the buyers in {} paid more."
    copies = [
        Example(f"g{k}", 99, same.format("town") if k % 2 else same.format("TOWN") + " ", False, f"g{k}", "user", {})
        for k in (2, 7, 11)
    ]
    for seed in range(8):
        found = folds_of(MANY, assign_folds([*MANY, *copies], folds=5, seed=seed)[: len(MANY)])
        assert found["g2"] == found["g7"] == found["g11"]


def test_short_lines_tie_nothing_together():
    short = [Example(f"g{k}", 99, "Conclusion", False, f"g{k}", "user", {}) for k in range(23)]
    assert set(assign_folds([*MANY, *short], folds=5, seed=0)) == set(range(5))


def test_fewer_groups_than_folds():
    assert set(assign_folds(rows("a") + rows("b"), folds=5, seed=0)) == {0, 1}


@pytest.mark.parametrize("examples", [rows("a"), rows("a", text="One text for all of the groups here.") * 2, []])
def test_two_groups_at_least(examples: list[Example]):
    with pytest.raises(ValueError, match="at least two"):
        assign_folds(examples, folds=5, seed=0)


def test_copies_are_one_group():
    copies = [Example(g, n, LONG.format(n), False, g, "user", {}) for g in ("a", "b") for n in range(3)]
    with pytest.raises(ValueError, match="different texts"):
        assign_folds(copies, folds=2, seed=0)


def test_hold_out():
    training, validation = hold_out(MANY, share=0.1, seed=0)
    assert sorted([*training, *validation], key=MANY.index) == MANY
    assert not {e.group for e in training} & {e.group for e in validation}
    assert 0.03 <= len(validation) / len(MANY) <= 0.2
    assert hold_out(rows("a"), share=0.1, seed=0) == (rows("a"), [])
