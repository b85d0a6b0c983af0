"""The defects of six broken plugins, each planted in a scaffold that works."""

from __future__ import annotations

from typing import NamedTuple

from tests.plugins.conftest import Edits

SECRET = "sk-never-in-a-file-0123456789"  # made up
VARIABLE = "ELSEWHERE_API_KEY"


class Defect(NamedTuple):
    """What is wrong, and where a user is told of it."""

    edits: Edits
    names: str
    """Words of the message that names it."""


BEFORE_TOKENS = "        self._model.read(request.prompt_ids)\n"
DEFECTS = {
    "later": Defect(
        {"pyproject.toml": ('"crossbench.v1"', '"crossbench.v2"')},
        "is left out at stage 'contract': it is built for contract v2; this crossbench speaks v1",
    ),
    "factoryless": Defect(
        {"MODULE/engine.py": ("class Engine:", "class Motor:")},
        "factory 'crossbench_factoryless.engine:Engine': module "
        "'crossbench_factoryless.engine' has no 'Engine'",
    ),
    "misfit": Defect(
        {
            "MODULE/options.py": (
                "class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):",
                "class Options:",
            )
        },
        "its options crossbench_misfit.options:Options are no msgspec Struct",
    ),
    "leaky": Defect(
        {
            "MODULE/engine.py": (
                BEFORE_TOKENS,
                "        import subprocess, sys\n"
                "        napping = [sys.executable, '-c', 'import time; time.sleep(300)']\n"
                f"        subprocess.Popen(napping, start_new_session=True)\n{BEFORE_TOKENS}",
            )
        },
        "Processes outlived their worker, and were ended",
    ),
    "late": Defect(
        {"MODULE/engine.py": (BEFORE_TOKENS, f"        time.sleep(300)\n{BEFORE_TOKENS}")},
        "no sign of life for 3 s, the deadline of first token",
    ),
    "gossip": Defect(
        {
            "MODULE/engine.py": (
                BEFORE_TOKENS,
                "        import os\n"
                "        print(dict(os.environ), flush=True)\n"
                f"        raise RequestError('I know ' + os.environ['{VARIABLE}'])\n",
            )
        },
        "I know *****",
    ),
}
"""Name of the plugin -> its defect."""
