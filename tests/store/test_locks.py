"""Who may be at the store: what is taken is given back, however whoever took it ends."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.unmeasured import unmeasured

INTERRUPTED = """
import json, random, signal, threading
from docent.store.locks import WriteLock

def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
turn, going, kept = WriteLock(), True, 0
def work():
    while going:
        with turn: sum(range(300))
others = [threading.Thread(target=work) for _ in range(3)]
[other.start() for other in others]
for _ in range(100):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001 + random.random() * 0.02)
        while True:
            with turn: sum(range(300))
    except KeyboardInterrupt:
        pass
    try:
        while True:
            turn.release()
            kept += 1
    except RuntimeError:
        pass
going = False
[other.join() for other in others]
print(json.dumps(kept))
"""


def test_ctrl_c_while_the_turn_is_waited_for():
    """Whoever is interrupted does not keep the turn, or closing would wait for others who wait for it.

    In the very moment of giving it back that cannot be promised: three times in a thousand.
    """
    command = [sys.executable, "-c", INTERRUPTED]
    ended = subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(ended.stdout) < 8
