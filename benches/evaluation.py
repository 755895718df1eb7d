"""What `synthgen evaluate` itself costs: processor time a request, and memory, against a server that answers at once.

`python -m benches.evaluation [REQUESTS]` prints both for a tenth of the requests and for all (10,000). The server is a
process of its own; waiting for it is no cost. The rate of a bare client, which sends the same requests and does nothing
else, stands beside it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from synthgen.evaluate import Evaluation, Pace, Questions, evaluate

AT_A_TIME = 32
SERVER = """
import sys
from tests.evaluation_server import reply, serving
said = reply("I follow the gates.\\nANSWER: 1")
with serving(lambda *_: said) as running:
    running.keep = False
    print(running.url, flush=True)
    sys.stdin.read()
"""


def costs(requests: int) -> int:
    """Evaluate once, in a process of its own, and print what it cost."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    evaluation = Evaluation("stub", url, questions=Questions(("logic",), (1,), requests), prompt="plain")
    with tempfile.TemporaryDirectory() as folder:
        evaluate(
            Evaluation("stub", url, questions=Questions(("logic",), (1,), 64), prompt="plain"),
            f"{folder}/warm",
            pace=_pace(),
        )
        began, spent = time.perf_counter(), time.process_time()
        result = evaluate(evaluation, f"{folder}/run", pace=_pace())
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        assert result.summary["overall"]["total_samples"] == requests
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        prompts = [json.dumps({"model": "stub", "messages": evaluation.prompt_of(one)}) for one in evaluation.questions]
        spent_bare = time.process_time()
        asyncio.run(_bare(f"{url}/chat/completions", prompts))
        bare = time.process_time() - spent_bare
    server.kill()
    print(
        f"{requests:>7,} requests: {cpu / requests * 1e3:.3f} ms of processor a request (a bare client "
        f"{bare / requests * 1e3:.3f}), {requests / wall:,.0f} requests/s, most memory {memory:.0f} MiB"
    )
    return 0


def _pace() -> Pace:
    return Pace(requests_per_minute=0, max_concurrent=AT_A_TIME)


async def _bare(url: str, prompts: list[str]) -> None:
    waiting = iter(prompts)
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:

        async def work() -> None:
            for prompt in waiting:
                async with session.post(url, data=prompt) as response:
                    await response.json()

        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))


def main() -> int:
    """Measure a tenth, and all; each in a new process, so that memory is its own."""
    if len(sys.argv) > 2:
        return costs(int(sys.argv[2]))
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for count in (requests // 10, requests):
        subprocess.run([sys.executable, "-m", "benches.evaluation", "one", str(count)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
