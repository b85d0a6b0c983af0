"""Loading an MLX model: from a folder and options to a session, or to a typed error."""

from __future__ import annotations

from pathlib import Path

from crossbench.api import ModelRef, Needs
from crossbench_mlx import weights
from crossbench_mlx.artifact import Artifact
from crossbench_mlx.options import MlxOptions
from crossbench_mlx.session import MlxSession


class Mlx:
    """The MLX backend, as the worker makes it."""

    def load(self, model: ModelRef, options: MlxOptions, needs: Needs) -> MlxSession:  # noqa: ARG002
        """Load a folder. MLX sizes nothing at load, so what the plan needs makes no difference.

        Raises OutOfMemory, Unsupported, or EngineError with MLX's own words.
        """
        artifact = Artifact(Path(model.path))
        return MlxSession(weights.load(artifact, options.dtype), artifact, options)
