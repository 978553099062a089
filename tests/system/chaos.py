"""Kills everything at random moments under load, then accounts for every job.

`tests/system/chaos.py --seed S --kills K --seconds T`: two daemons, of different names on hosts of different names,
work on one queue through proxies that cut their connections, while workers, housekeepers and masters get SIGKILL
or SIGSTOP, some of them at once, the list of failures is a key of another type for some seconds, and Redis
(append-only file, every write synced) is killed and started again. Jobs are put to run later, too,
some of which are cancelled, moved or run at once meanwhile. Some jobs are under a limit, and hold another one in
a block. Among the jobs are such as hold the GIL, kill
their process or let it start no thread, and payloads that no honest producer writes; the application's failure backend
raises now and then. Exit status 0: no job was lost, none was started again without a reason, and none ran twice at a
time on hosts that had not stood still. The same seed makes the same choices, as far as timing allows.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    sys.exit(importlib.import_module("tests.support.chaos.run").main(__doc__))
