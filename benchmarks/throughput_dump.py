"""Makes the dumps that throughput.py measures on: on-topic articles from seeds and labels, the rest of no concern.

Off-topic text comes from labels/background.jsonl, each article once, and beyond
that from templates, whose sentences hardly ever repeat. Knows no model.

    python benchmarks/throughput_dump.py mixed news.jsonl --articles 2000 --share 0.1
"""

import gzip
import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newslean.errors import DataError

ROOT = Path(__file__).resolve().parent.parent

SHORT = 4
"""Sentences of a short article."""

NAMES = "Adler Brandt Castro Demir Eriksen Fontaine Garcia Haddad Ivanov Jansen Kowalski Lindgren Moreau Novak Okafor"
TOWNS = "Arlen Borva Cimbel Dorsk Elmira Fennick Garth Holm Istra Jorvik Kellin Lorne Madrel Norby Ostrand Pellam"
GROUPS = "council;hospital board;school district;fire brigade;rowing club;orchestra;harbour office;farmers' union"
DEEDS = (
    "approved {n} million for a new bridge;lost by {n} points to the visitors;cancelled {n} trains because of snow;"
    "opened an exhibition of {n} paintings;planted {n} trees along the river;sold {n} tickets within an hour;"
    "closed {n} beaches after the storm;reported {n} cases of flu;postponed the vote by {n} days;"
    "raised the price of bread by {n} cents;rescued {n} sheep from the flooded meadow"
)
ENDS = (
    "said {name}, who has lived there for {m} years;after {m} months of rain;although only {m} people came;"
    "and nobody was hurt;as {name} had feared since {day};while the old mill stayed shut until {day};"
    "which {name} called a long overdue step;for the first time in {m} years"
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"


@dataclass(frozen=True, slots=True)
class Text:
    """An article: its title, if it has one, and its sentences."""

    title: str | None
    sentences: list[str]

    @property
    def paragraphs(self) -> list[str]:
        """Paragraphs, of three sentences each."""
        return [" ".join(self.sentences[k : k + 3]) for k in range(0, len(self.sentences), 3)]

    def row(self, number: int) -> str:
        """Give it as a line of a dump."""
        text = "\n\n".join(self.paragraphs)
        return json.dumps({"id": number, "title": self.title, "text": text}, ensure_ascii=False) + "\n"


def read_texts(paths: Iterable[Path]) -> list[Text]:
    """Read the articles of label files whose sentences stand there."""
    texts: dict[tuple[str, str], Text] = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for row in map(json.loads, file):
                if "text" not in row or row.get("furniture"):
                    continue
                key = (path.name, row["doc"])
                if row.get("title") and key not in texts:
                    texts[key] = Text(row["text"], [])
                else:
                    texts.setdefault(key, Text(None, [])).sentences.append(row["text"])
    return [text for text in texts.values() if text.sentences]


def on_topic() -> list[Text]:
    """Give the articles of the seeds and those invented for the label set."""
    folder = ROOT / "labels" / "sentences"
    texts = read_texts([*sorted(folder.glob("authored*.jsonl")), folder / "seed.jsonl"])
    if not texts:
        raise DataError(f"{folder}: expected rows with texts; found none. Restore the label files.")
    return texts


def off_topic(rng: random.Random) -> Iterator[Text]:
    """Give ordinary news without end: first the background of the labels, then what templates make."""
    path = ROOT / "labels" / "background.jsonl"
    if path.exists():
        texts = read_texts([path])
        rng.shuffle(texts)
        yield from texts
    while True:
        yield Text(invented(rng).rstrip("."), [invented(rng) for _ in range(rng.randint(8, 24))])


def invented(rng: random.Random) -> str:
    """Make a sentence of ordinary news."""
    name, town, day = (rng.choice(words.split()) for words in (NAMES, TOWNS, DAYS))
    deed = rng.choice(DEEDS.split(";")).format(n=rng.randint(2, 900))
    end = rng.choice(ENDS.split(";")).format(name=name, day=day, m=rng.randint(2, 90))
    start = f"The {rng.choice(GROUPS.split(';'))} of {town}" if rng.random() < 0.7 else f"{name} of {town}"
    return f"{start} {deed} on {rng.choice(DAYS.split())}, {end}."


def mixed(articles: int, *, share: float, seed: int) -> Iterator[Text]:
    """Mix articles, a share of them on topic; each of those comes once before any comes again."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    return _mix(on_topic(), off_topic(rng), articles, share, rng)


def short(articles: int, *, share: float, seed: int) -> Iterator[Text]:
    """Mix articles as `mixed` does, of four sentences each."""
    rng = random.Random(seed)  # noqa: S311
    parts = [Text(t.title, t.sentences[k : k + SHORT]) for t in on_topic() for k in range(0, len(t.sentences), SHORT)]
    others = (Text(None, [invented(rng) for _ in range(SHORT)]) for _ in count())
    return _mix(parts, others, articles, share, rng)


def _mix(known: list[Text], others: Iterator[Text], articles: int, share: float, rng: random.Random) -> Iterator[Text]:
    rng.shuffle(known)
    chosen, again = set(rng.sample(range(articles), round(share * articles))), cycle(known)
    for n in range(articles):
        yield next(again if n in chosen else others)


def relevant(articles: int, *, seed: int) -> list[Text]:
    """Give on-topic articles alone, none twice."""
    texts = on_topic()
    random.Random(seed).shuffle(texts)  # noqa: S311
    return texts[:articles]


def write_dump(path: Path, texts: Iterable[Text]) -> None:
    """Write articles as JSON lines."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(text.row(n) for n, text in enumerate(texts))


def write_pages(path: Path, texts: Iterable[Text], *, empty: int) -> None:
    """Write articles as web pages of a .warc.gz, with ``empty`` pages of scripts and hardly a word after each."""
    links = "".join(f'<li><a href="/{n}">Section {n}</a></li>' for n in range(30))
    with open(path, "wb") as file:
        for n, text in enumerate(texts):
            paragraphs = "".join(f"<p>{paragraph}</p>" for paragraph in text.paragraphs)
            title = text.title or "News"
            article = (
                f"<nav><ul>{links}</ul></nav><article><h1>{title}</h1>{paragraphs}</article><footer>{links}</footer>"
            )
            for m, body in enumerate([article, *["<div id='app'>Loading</div>"] * empty]):
                page = (
                    f"<!doctype html><html><head><title>{title}</title><script>{'var a = 1;' * 200}</script>"
                    f"<style>{'p {margin: 0} ' * 100}</style></head><body>{body}</body></html>"
                )
                file.write(gzip.compress(_record(f"https://news.example/{n}/{m}", page.encode()), 3))


def _record(url: str, body: bytes) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2031-04-05T12:00:00Z\r\n"
        f"WARC-Record-ID: <{url}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("kind", type=click.Choice(["mixed", "relevant", "short"]))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--articles", default=2000, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--share", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="Of articles on topic.")
@click.option("--seed", default=0, show_default=True, help="Of what is drawn.")
def main(*, kind: str, path: Path, articles: int, share: float, seed: int) -> None:
    """Write a dump of a KIND to PATH, as JSON lines."""
    if kind == "relevant":
        write_dump(path, relevant(articles, seed=seed))
    else:
        write_dump(path, (mixed if kind == "mixed" else short)(articles, share=share, seed=seed))


if __name__ == "__main__":
    main()
