"""A model that loads in milliseconds, and dumps made on the spot; every text in them is invented."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("copper", "zinc", "tin", "rain", "storms", "climbed", "slumped")
GATE = {"own": 6.0, "article": 0.5, "intercept": -2.0, "threshold": 0.5}

SENTENCES = (
    "Copper climbed in {town} as buyers paid more.",
    "Zinc then slumped in {town} when the smelter closed.",
    "Rain fell on the {town} harbour for most of the week.",
    "The mayor of {town} opened a library near the old bridge.",
    "Storms in {town} drowned the copper mine and prices slumped.",
    "Nobody in {town} had seen the café so full since the fair of 1987.",
    "市长在{town}说:“一切都好。”",
    "Share this article",
    "All rights reserved by the {town} Gazette and its owners.",
)
TOWNS = ("Arlen", "Borva", "Cimbel", "Dorsk", "Elmira", "Fennick")


def make_model(folder: Path, schema: Any, *, version: str = "1", gate: bool = True) -> Path:
    from newslean.baseline import Baseline, View, key_of
    from newslean.calibration import Calibration
    from newslean.gate import BITS, Gate, hash_texts
    from newslean.manifest import Manifest, write_manifest
    from newslean.splitting import splitter_version

    keys = np.array([key_of(word) for word in WORDS])
    view = View("word", (1, 1), False, keys, np.ones(len(WORDS), np.float32))
    topic, mood = np.zeros((2, len(WORDS)), np.float32), np.zeros((4, len(WORDS)), np.float32)
    topic[0, :3], topic[1, 3:5] = (5.0, 4.5, 4.0), (5.0, 4.0)
    mood[0, 5], mood[1, 6], mood[2, 2] = 6.0, 7.0, 1.5
    weights = {
        "topic": (topic, np.array([-2.0, -2.1], np.float32)),
        "mood": (mood, np.array([0, 0, -1, 2], np.float32)),
    }
    Baseline([view], weights).save(folder)
    files = dict.fromkeys(("weights.safetensors", "vocabulary.json"), "")
    if gate:
        columns = np.zeros(1 << BITS, np.float32)
        columns[hash_texts(WORDS).columns] = 1.0
        Gate(columns, **GATE).save(folder)
        files["gate.safetensors"] = ""
    calibration = Calibration({"topic": 1.1, "mood": 0.9}, {"topic": {"metals": 0.5, "weather": 0.5}}, {"mood": 0.3})
    manifest = Manifest(
        "baseline",
        "tiny",
        version,
        schema,
        calibration,
        splitter_version(schema.unit),
        gate=GATE if gate else {},
        files=files,
    )
    write_manifest(folder, manifest)
    return folder


def articles(number: int, *, seed: int = 1, most: int = 12) -> list[dict[str, str]]:
    """Articles that share sentences with each other, some with a title, some without any label."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    rows = []
    for n in range(number):
        text = " ".join(draw.choice(SENTENCES).format(town=draw.choice(TOWNS)) for _ in range(draw.randint(1, most)))
        row = {"id": f"a{n}", "date": f"2024-01-{n % 28 + 1:02}", "url": f"https://paper-{n % 3}.example/{n}"}
        if n % 2:
            row["title"] = f"News of {draw.choice(TOWNS)} and its zinc"
        rows.append({**row, "text": text.replace(" Share this article", "\n\nShare this article\n\n")})
    return rows


def write_lines(path: Path, rows: list[Any]) -> Path:
    """Write rows as JSON lines; a text stands as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
