"""A run in a process of its own: `python -m tests.training_run DEVICES [key=value ...]`; prints its losses."""

import json
import os
import sys

os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={sys.argv[1]}"

from synthgen.train.loop import train

from tests.training_records import losses

result = train(sys.argv[2:])
print(json.dumps(losses(result.directory)))
