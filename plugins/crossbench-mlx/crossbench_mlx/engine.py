"""Loading an MLX model: from a folder and options to a session, or to a typed error."""

from __future__ import annotations

from pathlib import Path

from crossbench.api import ModelRef, Needs
from crossbench_mlx import crowd, weights
from crossbench_mlx.artifact import Artifact
from crossbench_mlx.crowd import CrowdSession
from crossbench_mlx.loaded import LoadedModel
from crossbench_mlx.options import MlxOptions
from crossbench_mlx.session import MlxSession


class Mlx:
    """The MLX backend, as the worker makes it."""

    def load(self, model: ModelRef, options: MlxOptions, needs: Needs) -> LoadedModel:
        """Load a folder. The session is asynchronous where several requests are to run at once.

        MLX sizes nothing at load, so what else the plan needs makes no difference. Raises
        OutOfMemory, Unsupported, or EngineError with MLX's own words.
        """
        artifact = Artifact(Path(model.path))
        if needs.streams == 1:
            return MlxSession(weights.load(artifact, options.dtype), artifact, options)
        crowd.check(options)
        loaded = weights.load(artifact, options.dtype)
        return CrowdSession(loaded, artifact, options, needs.streams)
