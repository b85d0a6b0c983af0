"""What only the engine's interpreter can do: `python -m tests.openai.probes BASE_URL ARTIFACT`."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from crossbench.api import ModelRef, Needs, Request
from crossbench_openai.engine import OpenAI
from crossbench_openai.options import OpenAIOptions


async def abandoned(base_url: str, artifact: str) -> dict[str, object]:
    """Take one chunk, close the stream, close the session twice; the seconds that took."""
    options = OpenAIOptions(base_url=base_url)
    model = ModelRef(path=artifact, name="tiny")
    session = await OpenAI().load(model, options, Needs(context_tokens=64))
    stream = session.generate(Request(id="r", prompt_ids=(0, 296, 297), max_tokens=400))
    first = await anext(stream)
    begin = time.perf_counter()
    await stream.aclose()
    seconds = time.perf_counter() - begin
    await session.close()
    await session.close()
    return {"text": first.text, "seconds": seconds, "memory": dict(session.memory())}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(abandoned(*sys.argv[1:]))))  # noqa: T201
