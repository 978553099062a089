"""Kills everything at random moments under load, then accounts for every job.

`tests/system/chaos.py --seed S --kills K --seconds T`: two daemons, of different names on hosts of different names,
work on one queue through proxies that cut their connections, while workers, housekeepers and masters get SIGKILL
or SIGSTOP and Redis (append-only file, every write synced) is killed and started again. Exit status 0: no job was
lost, and none was started again without a reason. The same seed makes the same choices, as far as timing allows.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    sys.exit(importlib.import_module("tests.support.chaos.run").main(__doc__))
