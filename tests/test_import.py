"""What a fresh process loads."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
TRAINING = {"torch", "transformers", "datasets", "optuna", "sklearn", "scipy", "train", "onnx", "matplotlib"}


def loaded(code: str, *arguments: str) -> set[str]:
    """Top-level modules that are loaded after the code has run in a process of its own."""
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    command = [sys.executable, "-c", program, *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    [line] = result.stdout.splitlines()  # importing prints nothing
    return set(json.loads(line))


def test_the_package_alone_loads_no_library():
    found = loaded("import newslean; newslean.__version__; dir(newslean)")
    assert not found & (TRAINING | {"numpy", "onnxruntime", "tokenizers", "sentencex", "click"})


def test_tagging_loads_nothing_of_training(trained: SimpleNamespace):
    code = (
        "from newslean import Tagger\n"
        "article = Tagger.load(sys.argv[1]).tag_text('Zinc then slumped in Holm. Rain fell.')\n"
        "assert len(article.sentences) == 2"
    )
    found = loaded(code, str(trained.path))
    assert not found & TRAINING
    assert {"onnxruntime", "tokenizers"} <= found


def test_the_baseline_needs_neither_onnx_runtime_nor_scikit_learn(trained: SimpleNamespace):
    code = "from newslean import Tagger; Tagger.load(sys.argv[1]).tag_text('Zinc then slumped in Holm.')"
    found = loaded(code, str(trained.baseline))
    assert not found & (TRAINING | {"onnxruntime"})


def test_every_public_name_is_there():
    code = "import newslean; assert all(getattr(newslean, name).__name__ == name for name in newslean.__all__)"
    assert "train" not in loaded(code)


def test_no_module_of_the_library_names_the_training_side():
    for path in (ROOT / "newslean").rglob("*.py"):
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        found = [line for line in lines if line.startswith(("import ", "from "))]
        assert not [line for line in found if line.split()[1].partition(".")[0] in {"torch", "transformers", "train"}]
