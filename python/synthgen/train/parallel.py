"""How a step runs on several devices: one program over a mesh, or a program a device. Both give the same numbers.

Parameters are on every device, rows are divided. Since JAX 0.8 `pmap` is `jit` with `shard_map` underneath; it stays
for those who think in it, and as a check on the other.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from ..errors import param_error
from .config import TrainConfig
from .feed import Arrays

AXIS = "data"
PART = 2048
"""Tokens of a part on a CPU: what is kept of more for the backward pass fits no cache, and its memory is asked of the
system anew at every step."""
Sum = Callable[[Any], Any]


class Parallel(ABC):
    """Devices of all hosts, and how a step is spread over them."""

    def __init__(self, devices: list[jax.Device]) -> None:
        self.devices = devices
        self.local = [device for device in devices if device.process_index == jax.process_index()]
        self.host, self.hosts = jax.process_index(), jax.process_count()

    @abstractmethod
    def place(self, state: Any) -> Any:
        """Put the same state on every device."""

    @abstractmethod
    def shard(self, rows: Arrays) -> Any:
        """Divide this host's rows among its devices, without waiting."""

    @abstractmethod
    def step(self, update: Callable[[Any, Any, Sum], Any]) -> Callable[[Any, Any], Any]:
        """Compile `update(state, rows, total) -> (state, figures)`; `total` sums over devices. State is given up."""

    @abstractmethod
    def apply(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Arrays], Any]:
        """Compile `function(state, rows) -> arrays by row`; every host gives all rows and gets all arrays, as NumPy."""

    @abstractmethod
    def whole(self, state: Any) -> Any:
        """One copy of the state, that all hosts hold together: what a checkpoint is made of and read into."""


class Mesh(Parallel):
    """`jit` over a ("data",) mesh: XLA divides one program."""

    def __init__(self, devices: list[jax.Device]) -> None:
        super().__init__(devices)
        self.mesh = jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)
        self.everywhere = NamedSharding(self.mesh, PartitionSpec())
        self.divided = NamedSharding(self.mesh, PartitionSpec(AXIS))

    def place(self, state: Any) -> Any:
        """See Parallel."""
        return jax.device_put(state, self.everywhere)

    def shard(self, rows: Arrays) -> Any:
        """See Parallel."""
        if self.hosts == 1:
            return jax.device_put(rows, self.divided)
        return {name: jax.make_array_from_process_local_data(self.divided, one) for name, one in rows.items()}

    def step(self, update: Callable[[Any, Any, Sum], Any]) -> Callable[[Any, Any], Any]:
        """See Parallel."""
        compiled: Callable[[Any, Any], Any] = jax.jit(
            lambda state, rows: update(state, rows, lambda value: value),
            donate_argnums=0,
            out_shardings=self.everywhere,
        )
        return compiled

    def apply(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Arrays], Any]:
        """See Parallel."""
        compiled = jax.jit(function, out_shardings=self.everywhere)
        share = len(self.devices) // self.hosts

        def run(state: Any, rows: Arrays) -> Any:
            count = len(next(iter(rows.values())))
            # As many rows as the devices divide evenly; the last is repeated and its results are cut off.
            short = -count % len(self.devices)
            rows = {name: np.pad(one, ((0, short), (0, 0)), mode="edge") for name, one in rows.items()}
            part = (count + short) // len(self.devices) * share
            mine = slice(self.host * part, (self.host + 1) * part)
            found = compiled(state, self.shard({name: one[mine] for name, one in rows.items()}))
            return jax.tree.map(lambda one: np.asarray(one)[:count], found)

        return run

    def whole(self, state: Any) -> Any:
        """See Parallel."""
        return state


class PMap(Parallel):
    """`pmap`: the same program on every device, with sums over the axis "data"."""

    def __init__(self, devices: list[jax.Device]) -> None:
        super().__init__(devices)
        here, all_of_them = (
            jax.make_mesh((len(some),), (AXIS,), axis_types=(AxisType.Auto,), devices=some)
            for some in (self.local, devices)
        )
        self.divided = NamedSharding(here, PartitionSpec(AXIS))
        self.everywhere = NamedSharding(all_of_them, PartitionSpec())

    def place(self, state: Any) -> Any:
        """See Parallel."""
        return self._put(jax.tree.map(lambda one: np.broadcast_to(one, (len(self.local), *np.shape(one))), state))

    def shard(self, rows: Arrays) -> Any:
        """See Parallel."""
        return self._put({name: one.reshape(len(self.local), -1, one.shape[1]) for name, one in rows.items()})

    def _put(self, stacked: Any) -> Any:
        # Of several hosts each gives `pmap` its own rows, as NumPy.
        return jax.device_put(stacked, self.divided) if self.hosts == 1 else stacked

    def step(self, update: Callable[[Any, Any, Sum], Any]) -> Callable[[Any, Any], Any]:
        """See Parallel."""
        compiled = jax.pmap(
            lambda state, rows: update(state, rows, lambda value: jax.lax.psum(value, AXIS)),
            AXIS,
            devices=self.devices,
            donate_argnums=0,
        )

        def run(state: Any, rows: Any) -> Any:
            state, figures = compiled(state, rows)
            return state, _first(figures)

        return run

    def apply(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Arrays], Any]:
        """See Parallel."""
        compiled = jax.jit(function)

        def run(state: Any, rows: Arrays) -> Any:
            return jax.tree.map(np.asarray, compiled(_first(state), jax.device_put(rows, self.local[0])))

        return run

    def whole(self, state: Any) -> Any:
        """See Parallel."""
        if self.hosts == 1:
            return _first(state)
        return jax.tree.map(
            lambda one: jax.make_array_from_process_local_data(self.everywhere, np.asarray(one)), _first(state)
        )


def _first(stacked: Any) -> Any:
    """What the first of this host's devices has."""
    return jax.tree.map(lambda one: one.addressable_shards[0].data[0], stacked)


def connect(config: TrainConfig) -> None:
    """Join the other hosts, before any device is used. One host alone needs nothing."""
    if config.coordinator is not None:
        jax.distributed.initialize(config.coordinator, config.num_processes, config.process_id)


def parallel(config: TrainConfig) -> Parallel:
    """The devices that a run asks for. Raises ParamError where they do not divide its batch."""
    devices = jax.devices()
    if config.devices is not None:
        if config.devices > len(devices):
            raise param_error(None, "train.devices", config.devices, f"allowed: 1..={len(devices)}, as are here")
        devices = devices[: config.devices]
    accumulate = config.accumulate or 1
    if config.batch_size // accumulate % len(devices):
        allowed = f"allowed: with train.accumulate = {accumulate}, a multiple of {len(devices)} devices"
        raise param_error(None, "train.batch_size", config.batch_size, allowed)
    return (Mesh if config.parallel == "jit" else PMap)(devices)


def parts(config: TrainConfig, devices: list[jax.Device], seq_len: int) -> int:
    """Parts that a step's batch is worked through in: as asked, or on a CPU such that each has about `PART` tokens."""
    if config.accumulate is not None or devices[0].platform != "cpu":
        return config.accumulate or 1
    rows = config.batch_size // len(devices)
    even = (count for count in range(1, rows + 1) if rows % count == 0)
    return min(even, key=lambda count: abs(math.log(rows * seq_len / (count * PART))))
