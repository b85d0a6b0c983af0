"""Tokenizers of every kind the tests meet, made once."""

from __future__ import annotations

import pytest

from crossbench.prompts.tokenizer import CanonicalTokenizer
from tests.prompts.makers import TINY, load, trained, with_bos


@pytest.fixture(scope="session")
def tiny() -> CanonicalTokenizer:
    return CanonicalTokenizer.load(TINY)


@pytest.fixture(scope="session", params=["tiny", "bytes", "metaspace", "no-bos"])
def any_tokenizer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> CanonicalTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    match request.param:
        case "bytes":
            return load(folder, with_bos(trained("bytes", 500)), bos_token="<s>")
        case "metaspace":
            return load(folder, with_bos(trained("metaspace", 300)), bos_token="<s>")
        case "no-bos":
            return load(folder, trained("bytes", 500), eos_token="</s>")
    return CanonicalTokenizer.load(TINY)
