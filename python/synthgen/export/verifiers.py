"""Exports to verifiers: a taskset of any tasks and levels, rewarded by our scorer. Needs verifiers, and imports it.

A rollout is one reply. The harness here asks for it in this process: nothing has to be installed in a sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ..checks import extra
from ..evaluate.judging import judge
from ..evaluate.prompts import messages
from ..evaluate.questions import SEEDS, Questions
from .common import OUTCOMES, checked, given

vf: Any = extra("verifiers.v1", "harness")
openai: Any = extra("openai", "harness")
pydantic: Any = extra("pydantic", "harness")
loaders: Any = extra("verifiers.v1.utils.loaders", "harness")


class SynthgenData(vf.TaskData):  # type: ignore[misc]
    """A row."""

    task: str = ""
    difficulty: int = 1
    input_text: str = ""
    target: str = ""


class SynthgenTask(vf.Task[SynthgenData]):  # type: ignore[misc]
    """A row with its reward: 1 for a right answer, 0 for anything else."""

    @vf.reward(weight=1.0)  # type: ignore[untyped-decorator]
    async def correct(self, trace: Any) -> float:
        """Is the answer right?"""
        return float(_outcome(self.data, trace) == "correct")

    @vf.metric  # type: ignore[untyped-decorator]
    async def outcome(self, trace: Any) -> Mapping[str, float]:
        """What became of a reply, as figures whose means are shares."""
        found = _outcome(self.data, trace)
        return {name: float(found == name) for name in OUTCOMES[1:]}


def _outcome(row: Any, trace: Any) -> str:
    last = trace.assistant_messages[-1] if trace.assistant_messages else None
    said, thoughts = (getattr(last, name, None) for name in ("content", "reasoning_content"))
    return judge(row.task, said, row.input_text, row.target, thoughts=thoughts, cut=trace.is_truncated).outcome


class SynthgenTasksetConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which rows: `samples_per_combo` of each task and level."""

    tasks: list[str] = pydantic.Field(default_factory=lambda: list(SEEDS))
    difficulties: list[int] = pydantic.Field(default_factory=lambda: [1, 2, 3])
    samples_per_combo: int = 100
    seed: int = 42
    split: Literal["train", "validation", "test"] = "test"
    """Rows of different splits are disjoint: train on `train`, evaluate on another."""
    shots: int = 0
    prompt: Literal["plain", "described"] = "described"
    params: dict[str, Any] = pydantic.Field(default_factory=dict)
    """Parameters of all tasks, over those of the level."""


class SynthgenTaskset(vf.Taskset[SynthgenTask, SynthgenTasksetConfig]):  # type: ignore[misc]
    """Rows of tasks at levels."""

    def load(self) -> Iterator[Any]:
        """The rows, task by task and level by level. Raises ParamError, UnknownTaskError or SplitExhausted."""
        config = self.config
        params = {name: given(value) for name, value in config.params.items()}
        questions = Questions(
            config.tasks, config.difficulties, config.samples_per_combo, config.seed, config.split, config.shots, params
        )
        checked(questions, config.prompt)
        for question in questions:
            system, *turns = messages(question, config.prompt, questions.asked(question.task))
            data = SynthgenData(
                id=question.sample_id,
                name=f"{question.task}_{question.difficulty}",
                system_prompt=system["content"],
                prompt=turns if len(turns) > 1 else turns[0]["content"],
                task=question.task,
                difficulty=question.difficulty,
                input_text=question.input_text,
                target=question.target,
            )
            yield SynthgenTask(data, config.task)


class SynthgenHarness(vf.Harness[vf.HarnessConfig]):  # type: ignore[misc]
    """Asks once."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: Any,
        trace: Any,
        runtime: Any,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: Any,
    ) -> Any:
        """Send the messages to the server that records them."""
        system, prompt = self.resolve_prompt(data)
        turns = [{"role": "system", "content": system}] if system else []
        if isinstance(prompt, str):
            turns.append({"role": "user", "content": prompt})
        else:
            turns += [{"role": turn.role, "content": turn.content} for turn in prompt or []]
        async with openai.AsyncOpenAI(base_url=endpoint, api_key=secret, timeout=None) as client:
            try:
                await client.chat.completions.create(model=ctx.model, messages=turns)
            except openai.OpenAIError as error:
                return vf.ProgramResult(exit_code=1, stdout="", stderr=str(error))
        return vf.ProgramResult(exit_code=0, stdout="", stderr="")


class SynthgenEnvConfig(vf.EnvConfig):  # type: ignore[misc]
    """One model, which needs no sandbox."""

    agent: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())


class SynthgenEnv(vf.Env[SynthgenEnvConfig]):  # type: ignore[misc]
    """One reply for each row."""

    async def run(self, task: Any, agents: Any) -> None:
        """Play a row."""
        await agents.agent.run(task)


def environment(taskset: str, **options: Any) -> Any:
    """The environment of an exported package; `options` are fields of SynthgenTasksetConfig."""
    return loaders.load_environment(loaders.resolve_env_config({"taskset": {"id": taskset, **options}}))
