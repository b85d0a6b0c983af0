"""The vLLM backend as the worker makes it: prepare this process's environment, then load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossbench.api import ModelRef, Needs
from crossbench_vllm import variables
from crossbench_vllm.artifact import Artifact
from crossbench_vllm.options import VllmOptions
from crossbench_vllm.variables import Variables

if TYPE_CHECKING:
    from crossbench_vllm.session import VllmSession


class Vllm:
    """Makes sessions on vLLM's AsyncLLM."""

    async def load(self, model: ModelRef, options: VllmOptions, needs: Needs) -> VllmSession:
        """Load a model's folder, which takes from 20 seconds to minutes.

        Raises OutOfMemory, Unsupported, or EngineError with the cause from vLLM's own output.
        """
        artifact = Artifact(model.path)
        artifact.weights()  # raises for files that are broken, before any process is started
        settings = Variables()
        settings.set(variables.ALWAYS)
        from crossbench_vllm import loading  # noqa: PLC0415 - vLLM reads variables when imported

        try:
            return loading.load(artifact, options, needs, settings)
        except BaseException:
            settings.restore()
            raise
