"""``resolve``: what given keywords amount to, by the defaults and presets written out by hand in the kits."""

from typing import Any

from tests.kits import KITS


def resolve(task: str, difficulty: int | None = None, **given: Any) -> dict[str, Any]:
    """Give every param of the task: defaults, then the preset, then ``given``; lone values become pairs."""
    kit = KITS[task]
    params = dict(kit.DEFAULTS)
    if difficulty is not None:
        params.update(kit.PRESETS[difficulty])
    unknown = set(given) - set(params)
    if unknown:
        raise KeyError(f"{task} has no params {sorted(unknown)}")
    params.update(given)
    for name in kit.RANGES:
        if isinstance(params.get(name), int):
            params[name] = (params[name], params[name])
    return params
