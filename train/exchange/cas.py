"""UIMA CAS JSON 0.4, as INCEpTION exchanges it, read and written by dkpro-cassis.

One document holds all sentences, a line each. The library turns code points into UTF-16 offsets and back.
"""

from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.schema import Schema
from train.exchange.inception import SENTENCE, layers, raw_from, spans_of
from train.exchange.raw import Raw
from train.exchange.sources import read_text
from train.exchange.spelling import Naming
from train.exchange.task import Task
from train.rows import Faults, shown

ANNOTATION, STRING = "uima.tcas.Annotation", "uima.cas.String"


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read a CAS: its sentences, with the annotations that begin in each."""
    text = read_text(path, faults)
    if text is None:
        return []
    cassis = _cassis()
    try:
        cas = cassis.load_cas_from_json(text)
        sofa = cas.sofa_string or ""
        places = sorted((int(sentence.begin), int(sentence.end)) for sentence in cas.select(SENTENCE))
        sentences = [(begin, end, sofa[begin:end]) for begin, end in places]
        others = (fs for fs in cas.select_all() if fs.type.name != SENTENCE)
        found = sorted(((int(fs.begin), fs) for fs in others), key=lambda pair: pair[0])
    except Exception as error:  # noqa: BLE001 - the library checks nothing: whatever trips it is a fault of the file
        faults.add(str(path), f"expected UIMA CAS JSON with sentences; found {shown(text[:40])} ({error!r})")
        return []
    if not sentences:
        faults.add(str(path), "expected sentences in the CAS; found none")
    raws, at = [], 0
    for n, (begin, end, sentence) in enumerate(sentences, 1):
        spans = []
        while at < len(found) and found[at][0] < end:
            place, fs = found[at]
            if place >= begin and fs.type.name != "uima.tcas.DocumentAnnotation":
                spans.append((fs.type.name, _features(fs)))
            at += 1
        raws.append(raw_from(f"{path}: sentence {n}", sentence, spans, naming))
    return raws


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write one CAS of all tasks."""
    cassis = _cassis()
    types = _types(schema)
    cas = cassis.Cas(types)
    cas.sofa_string = "\n".join(task.text for task in tasks)
    cas.sofa_mime = "text/plain"
    kinds = {name: types.get_type(name) for name in (SENTENCE, *layers(schema))}
    begin = 0
    for task in tasks:
        end = begin + len(task.text)
        cas.add(kinds[SENTENCE](begin=begin, end=end))
        for span in spans_of(task, schema):
            cas.add(kinds[span.layer](begin=begin, end=end, **span.features))
        begin = end + 1
    written: str = cas.to_json(pretty_print=False)
    return written.encode()


def setup(schema: Schema) -> bytes:
    """Write the type system (XML), to be imported as layers."""
    written: str = _types(schema).to_xml()
    return written.encode()


def _types(schema: Schema) -> Any:
    types = _cassis().TypeSystem()
    sentence = types.create_type(name=SENTENCE, supertypeName=ANNOTATION)
    types.create_feature(domainType=sentence, name="id", rangeType=STRING)
    for layer, names in layers(schema).items():
        kind = types.create_type(name=layer, supertypeName=ANNOTATION)
        for name in names:
            types.create_feature(domainType=kind, name=name, rangeType=STRING)
    return types


def _features(fs: Any) -> dict[str, Any]:
    return {feature.name: getattr(fs, feature.name, None) for feature in fs.type.all_features}


def _cassis() -> Any:
    try:
        import cassis
    except ImportError:
        raise DataError(
            "UIMA CAS JSON: expected the package dkpro-cassis; found none. Run: pip install 'newslean[labels]'"
        ) from None
    return cassis
