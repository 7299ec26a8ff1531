"""The queue of a sender against a list: order, bounds and sizes."""

from hypothesis import given
from hypothesis import strategies as st

from otel_perf.delivery.parcels import BodyParcel, ItemParcel
from otel_perf.delivery.queues import ItemQueue, LatestSnapshot, QueueLimits

Item = tuple[int, int]
"""A number and a size."""


def size_of(item: Item) -> int:
    """The second part."""
    return item[1]


STEPS = st.lists(st.one_of(st.none(), st.lists(st.integers(0, 60), max_size=12)), max_size=40)


@given(
    steps=STEPS,
    batch_items=st.integers(1, 6),
    batch_bytes=st.integers(1, 100),
    queue_items=st.none() | st.integers(1, 20),
    queue_bytes=st.integers(0, 300),
)
def test_the_queue_is_a_bounded_list(
    steps: list[list[int] | None], batch_items: int, batch_bytes: int, queue_items: int | None, queue_bytes: int
) -> None:
    """``None`` takes a batch, a list puts items of those sizes: what comes out is what a list would give."""
    limits = QueueLimits(batch_items, batch_bytes, queue_items, queue_bytes)
    queue: ItemQueue[Item] = ItemQueue(limits, size_of, ItemParcel)
    model: list[Item] = []
    number = 0
    for step in steps:
        if step is None:
            if model:
                taken = list(queue.take().contents)
                assert taken == model[: len(taken)]
                assert 1 <= len(taken) <= batch_items
                assert len(taken) == 1 or sum(map(size_of, taken)) <= batch_bytes
                following = model[len(taken) : len(taken) + 1]
                assert len(taken) == batch_items or not following or sum(map(size_of, taken + following)) > batch_bytes
                del model[: len(taken)]
        else:
            new = [(number + index, size) for index, size in enumerate(step)]
            number += len(new)
            admission = queue.put(new)
            model += new
            dropped = admission.overflow
            del model[:dropped]
            assert sum(map(size_of, model)) <= queue_bytes
            assert queue_items is None or len(model) <= queue_items
            assert not dropped or admission.reason in {"queue_full", "byte_budget"}
        assert (queue.items, queue.size_bytes) == (len(model), sum(map(size_of, model)))
        assert queue.full() == (len(model) >= batch_items or sum(map(size_of, model)) >= batch_bytes)


def test_no_more_is_dropped_than_the_bound_asks_for() -> None:
    """Exactly as many of the oldest as it takes."""
    queue: ItemQueue[Item] = ItemQueue(QueueLimits(queue_bytes=100), size_of, ItemParcel)
    queue.put([(1, 40), (2, 40)])
    assert queue.put([(3, 21)]).overflow == 1
    assert queue.put([(4, 39)]).overflow == 0
    assert [number for number, _ in queue.take().contents] == [2, 3, 4]


def test_batches_become_smaller_when_told_and_never_larger_again() -> None:
    """Down to 16 KiB."""
    queue: ItemQueue[Item] = ItemQueue(QueueLimits(), size_of, ItemParcel)
    queue.put([(number, 10_000) for number in range(50)])
    assert queue.take().items == 50
    queue.put([(number, 10_000) for number in range(50)])
    queue.limit_batches(100_000)
    assert queue.take().items == 10
    queue.limit_batches(500_000)
    assert queue.take().items == 10
    queue.limit_batches(1)
    assert queue.take().items == 1


def test_a_newer_snapshot_takes_the_place_of_an_older_one() -> None:
    """And says how many points that spared."""
    queue = LatestSnapshot()
    assert queue.put(BodyParcel(b"1", 3)).withdrawn == 0
    assert queue.put(BodyParcel(b"2", 5)).withdrawn == 3
    taken = queue.take()
    assert (taken.body(), taken.items, queue.items) == (b"2", 5, 0)
    assert not queue.supersedes(taken)
    queue.put(BodyParcel(b"3", 1))
    assert queue.supersedes(taken)
    queue.clear()
    assert queue.items == 0


@given(st.integers(0, 300))
def test_halves_are_the_whole_in_order(count: int) -> None:
    """Nothing is lost or moved by dividing; a single item is not divided."""
    halves = ItemParcel(range(count)).halves()
    if count < 2:
        assert halves is None
    else:
        assert halves is not None
        assert [*halves[0].contents, *halves[1].contents] == list(range(count))
        assert halves[0].items
        assert halves[1].items
