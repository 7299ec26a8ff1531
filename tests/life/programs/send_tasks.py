"""Sends tasks and waits for their results: ``send_tasks.py TASKS CALLS``."""

import sys

from account import say
from tasks import work

results = [work.delay(int(sys.argv[2])) for _ in range(int(sys.argv[1]))]
say(processes=[result.get(timeout=50) for result in results])
