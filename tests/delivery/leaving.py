"""A program that ends with 2,000 spans waiting: ``python -m tests.delivery.leaving URL SECONDS``.

It prints how long it took to get as far as the end, and what became of the spans.
"""

import json
import sys
import time

STARTED = time.monotonic()

from tests.delivery.sending import quick, sending_to, settled, spans, within  # noqa: E402 -- the imports are timed


def main(url: str, seconds: float) -> None:
    """Offer, and leave within the budget."""
    with sending_to(url, quick()) as destination:
        destination.offer(spans(2000))
        started = time.monotonic() - STARTED
        destination.shutdown(within(seconds))
        print(json.dumps({"started": started, "ends": settled(destination.account)}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
