"""Model folders: the manifest, the folder of a baseline, and publishing it whole.

Knows a run, logits and the model folder's contract; imports no torch.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newslean import __version__
from newslean.baseline import BASELINE_FILES, Baseline
from newslean.calibration import Calibration
from newslean.manifest import Manifest, read_manifest, write_manifest
from newslean.splitting import splitter_version
from newslean.tagger import Logits
from train.assess import headline
from train.calibrate import calibrate, natural_rows
from train.folders import replace_folder
from train.measure import Predictions
from train.record import RECORD, Record, make_record, write_record
from train.run import Run

Report = dict[str, Any]


def calibrate_on(run: Run, logits: Logits) -> Calibration:
    """Fit the calibration on logits of a run's examples, out of fold."""
    gold = [e.labels for e in run.examples]
    return calibrate(logits, gold, run.schema, natural=natural_rows(run.examples, run.schema))


def new_manifest(run: Run, calibration: Calibration, *, key: str, base: dict[str, str]) -> Manifest:
    """Describe a model of a run; its version is the day and the beginning of a key."""
    return Manifest(
        kind="finetuned",
        name="newslean",
        version=f"{datetime.now(UTC):%Y.%m.%d}-{key[:6]}",
        schema=run.schema,
        calibration=calibration,
        splitter=splitter_version(run.schema.unit),
        max_length=run.finetuned.max_length,
        context=run.finetuned.context,
        late_context=run.finetuned.late_context,
        base=base,
        data={**run.files.hashes, **({"grammar": run.grammar_hash} if run.grammar_hash else {})},
        code_version=__version__,
        seed=run.seed,
        params={"finetuned": asdict(run.finetuned), "baseline": asdict(run.baseline)},
    )


def publish_baseline(
    run: Run,
    manifest: Manifest,
    oof: dict[str, Logits],
    answers: dict[str, Predictions],
    baseline: Baseline,
    report: Report | None = None,
    *,
    own: Sequence[bool] | None = None,
    earlier: Record | None = None,
) -> Path:
    """Write the folder of a baseline; with its own report where it is made alone.

    ``own`` and ``earlier`` are given for an update, as `train.record.make_record` takes them.
    """
    folder = run.fits("baseline") / "model"
    folder.mkdir(parents=True, exist_ok=True)
    baseline.save(folder)
    logits = {"baseline": oof["baseline"]}
    learnt, found = [*run.examples, *run.first], answers["baseline"].labels
    write_record(folder, make_record(run.examples, learnt, found, logits, run.schema, own=own, earlier=earlier))
    write_manifest(
        folder,
        replace(
            manifest,
            kind="baseline",
            name="newslean-baseline",
            calibration=calibrate_on(run, oof["baseline"]),
            context="none",
            late_context=False,
            mix={},
            base={} if earlier is None else {"updated_from": run.start},
            params={"baseline": asdict(run.baseline)},
            metrics={"macro_f1": {part: headline(found) for part, found in report.items()}} if report else {},
            files=dict.fromkeys(BASELINE_FILES, ""),
            optional_files={RECORD: ""},
        ),
    )
    path = run.models / f"{manifest.version}-baseline"
    return publish(folder, path, reports=[run.reports(oof) / part for part in report or ()])


def publish(source: Path, path: Path, *, reports: Sequence[Path] = ()) -> Path:
    """Copy a finished model's files to its place, where the folder appears whole, its reports in ``evaluation/``.

    Also after a power cut; a folder of that name is replaced, on Linux in one step.
    """
    manifest = read_manifest(source)
    partial = path.with_name(f".{path.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.mkdir()
    for name in (*manifest.files, *manifest.optional_files, "manifest.json"):
        shutil.copyfile(source / name, partial / name)
    for folder in reports:
        shutil.copytree(folder, partial / "evaluation" / folder.name)
    replace_folder(partial, path)
    return path
