"""A program that gives its calls to child processes: ``pools.py KIND START URL``. None of them flushes anything."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import otel_perf

CHILDREN, CALLS = 4, 100


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


def work(url):
    """A hundred calls."""
    otel_perf.instrument(endpoint=url)
    for number in range(CALLS):
        leaf(number)
    return CALLS


def main(kind, start, url):
    """Four times a hundred calls."""
    otel_perf.instrument(endpoint=url)
    context = multiprocessing.get_context(start)
    if kind == "process":
        children = [context.Process(target=work, args=(url,)) for _ in range(CHILDREN)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0] * CHILDREN
    elif kind == "pool":
        with context.Pool(CHILDREN) as pool:
            assert sum(pool.map(work, [url] * CHILDREN, chunksize=1)) == CHILDREN * CALLS
            pool.close()
            pool.join()
    else:
        with ProcessPoolExecutor(CHILDREN, mp_context=context) as executor:
            assert sum(executor.map(work, [url] * CHILDREN)) == CHILDREN * CALLS


if __name__ == "__main__":
    main(*sys.argv[1:])
