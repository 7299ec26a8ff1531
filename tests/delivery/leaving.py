"""A program that ends with 2,000 spans waiting: ``python -m tests.delivery.leaving URL SECONDS``.

It prints when it began to end, and what became of the spans.
"""

import json
import sys
import time

from tests.delivery.sending import quick, sending_to, settled, spans, within


def main(url: str, seconds: float) -> None:
    """Offer, and leave within the budget."""
    with sending_to(url, quick()) as destination:
        destination.offer(spans(2000))
        leaving_at = time.monotonic()
        destination.shutdown(within(seconds))
        print(json.dumps({"leaving_at": leaving_at, "ends": settled(destination.account)}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
