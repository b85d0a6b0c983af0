"""Loading a GGUF: from options to a session, or to an error that carries llama.cpp's own words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import llama_cpp

from crossbench.api import EngineError, ModelRef, Needs, Unsupported
from crossbench_llamacpp import aborts, library, parameters, resolved, rpc
from crossbench_llamacpp.crowd import CrowdSession
from crossbench_llamacpp.failures import failure
from crossbench_llamacpp.loaded import LoadedModel, Parts
from crossbench_llamacpp.log import EngineLog
from crossbench_llamacpp.options import LlamaCppOptions
from crossbench_llamacpp.session import LlamaCppSession

GGUF_MAGIC = b"GGUF"


class LlamaCpp:
    """The llama.cpp backend, as the worker makes it."""

    def load(self, model: ModelRef, options: LlamaCppOptions, needs: Needs) -> LoadedModel:
        """Load a GGUF file into a context of the needed size, over RPC servers where named.

        The session is asynchronous where several requests are to run at once.

        Raises OutOfMemory, Unsupported, or EngineError with the cause from llama.cpp's log.
        """
        # Of an uncaught exception ggml would print a backtrace by a debugger, which helps nobody.
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")
        check_artifact(Path(model.path))
        parameters.check_streams(options, needs.streams)
        library.check_version()
        try:
            return aborts.guarded(lambda: _load(model, options, needs))
        except aborts.GaveUp as error:
            message = f"llama.cpp gave up on loading {model.path}: {error}"
            if options.split_mode == "tensor":
                raise Unsupported(
                    f"{message}; it may be unable to cut this model so under split_mode tensor: "
                    "try other shares, or split_mode layer"
                ) from error
            raise failure(message, "") from error


def _load(model: ModelRef, options: LlamaCppOptions, needs: Needs) -> LoadedModel:
    log = EngineLog()
    log.listen()
    llama_cpp.llama_backend_init()
    devices = (*rpc.devices(options.rpc_servers or ()), *library.devices())
    usable = library.accelerators(devices)
    parameters.check_devices(options, usable)
    weights = _load_weights(model.path, parameters.of_model(options, usable), log)
    try:
        _check_decoder(weights)
        context = _make_context(weights, options, needs, log)
    except BaseException:
        llama_cpp.llama_model_free(weights)
        raise
    parts = Parts(weights, context, options, devices, resolved.read(log), log)
    return CrowdSession(parts) if needs.streams > 1 else LlamaCppSession(parts)


def check_artifact(path: Path) -> None:
    """Raise EngineError where the path is not a readable GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError as error:
        raise EngineError(f"{path}: {error.strerror}; give the path of a GGUF file") from error
    if magic != GGUF_MAGIC:
        raise EngineError(
            f"{path} is not a GGUF file: it begins with {magic!r} instead of {GGUF_MAGIC!r}"
        )


def _load_weights(path: str, params: Any, log: EngineLog) -> Any:
    weights = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not weights:
        raise failure(f"llama.cpp could not load {path}", log.cause())
    return weights


def _make_context(weights: Any, options: LlamaCppOptions, needs: Needs, log: EngineLog) -> Any:
    params = parameters.of_context(options, needs.context_tokens, needs.streams)
    context = llama_cpp.llama_init_from_model(weights, params)
    if not context:
        raise failure(f"llama.cpp could not make a context of {params.n_ctx} tokens", log.cause())
    return context


def _check_decoder(weights: Any) -> None:
    if llama_cpp.llama_model_has_encoder(weights) or not llama_cpp.llama_model_has_decoder(weights):
        raise Unsupported("the model has an encoder; only decoders that continue text are measured")
