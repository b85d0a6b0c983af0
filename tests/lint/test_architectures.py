"""The lists of models that our plugins carry, held against the engines as they are installed."""

from __future__ import annotations

import subprocess

import pytest

import crossbench_llamacpp.architectures
import crossbench_mlx.architectures
import crossbench_vllm.architectures
from tests.conftest import engine


def printed(backend: str, code: str) -> set[str]:
    """Words that a program prints in the engine's environment, without loading the engine."""
    python = str(engine(backend).python)
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


FOLDER = "import importlib.util as u, pathlib as p\nat = p.Path(u.find_spec({!r}).origin).parent\n"


@pytest.mark.engine("llamacpp")
def test_llama_cpp() -> None:
    """Its library holds each name, or one that ends in it; a list of all has no call."""
    code = FOLDER.format("llama_cpp") + (
        "held = [f.read_bytes() for f in at.rglob('libllama.*')]\n"
        f"for name in {sorted(crossbench_llamacpp.architectures.KNOWN)}:\n"
        "    if any(name.encode() + b'\\0' in each for each in held): print(name)\n"
    )
    assert printed("llamacpp", code) == crossbench_llamacpp.architectures.KNOWN


@pytest.mark.engine("vllm")
def test_vllm() -> None:
    tables = ("_TEXT_GENERATION_MODELS", "_MULTIMODAL_MODELS", "_TRANSFORMERS_SUPPORTED_MODELS")
    code = FOLDER.format("vllm") + (
        "import ast\ntext = (at / 'model_executor' / 'models' / 'registry.py').read_text()\n"
        "for node in ast.parse(text).body:\n"
        f"    if isinstance(node, ast.Assign) and node.targets[0].id in {tables}:\n"
        "        print(*(key.value for key in node.value.keys if isinstance(key, ast.Constant)))\n"
    )
    assert printed("vllm", code) == crossbench_vllm.architectures.KNOWN


@pytest.mark.engine("mlx")
def test_mlx() -> None:
    code = FOLDER.format("mlx_lm") + (
        "import ast\nmodule = ast.parse((at / 'utils.py').read_text())\n"
        "for node in module.body:\n"
        "    if isinstance(node, ast.Assign) and node.targets[0].id == 'MODEL_REMAPPING':\n"
        "        print(*ast.literal_eval(node.value))\n"
        "for file in (at / 'models').glob('*.py'):\n"
        "    names = [getattr(each, 'name', '') for each in ast.parse(file.read_text()).body]\n"
        "    names += [a.name for n in ast.parse(file.read_text()).body\n"
        "              if isinstance(n, ast.ImportFrom) for a in n.names]\n"
        "    if 'Model' in names: print(file.stem)\n"
    )
    assert printed("mlx", code) == crossbench_mlx.architectures.KNOWN
