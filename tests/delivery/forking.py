"""A program that forks between two offers: ``python -m tests.delivery.forking URL``. It ends 0 when all is well."""

import os
import sys

from tests.delivery.sending import quick, sending_to, settled, spans, within


def main(url: str) -> int:
    """Parent and child use the same destination, each with an account of its own."""
    with sending_to(url, quick(interval_seconds=60)) as destination:
        destination.offer(spans(5, "before"))
        assert destination.flush(within(10))
        destination.offer(spans(7, "parent"))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                destination.after_fork_in_child()
                assert destination.account.balance().accepted == 0
                destination.offer(spans(3, "child"))
                assert destination.flush(within(10))
                assert destination.shutdown(within(5))
                assert settled(destination.account) == {"exported": 3}
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 12}
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
