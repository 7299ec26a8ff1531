"""What a final outcome means for the items of a parcel."""

from dataclasses import dataclass

from otel_perf.delivery.transport import Delivered, Redirected, Refused, TooLarge

__all__ = ["Final", "Settlement", "settle"]

Final = Delivered | Refused | TooLarge | Redirected


@dataclass(frozen=True, slots=True)
class Settlement:
    """How many items arrived, how many did not, and what there is to say about those.

    Attributes:
        exported: Items that the destination took.
        rejected: Items that it did not take.
        counted_as: The ledger's reason for those.
        reason: In words, safe to log; empty when all is well.
        hint: What the user can do about it.
        divisible: Whether parts of the parcel may still get through.
    """

    exported: int = 0
    rejected: int = 0
    counted_as: str = ""
    reason: str = ""
    hint: str = ""
    divisible: bool = False


def settle(outcome: Final, items: int) -> Settlement:
    """Read a final outcome of a parcel of ``items`` items."""
    match outcome:
        case Delivered(0):
            return Settlement(exported=items)
        case Delivered(rejected, message):
            rejected = min(rejected, items)
            said = f"{rejected} of {items} items were not taken"
            return Settlement(items - rejected, rejected, "partial_success", f"partial success: {message}", said)
        case TooLarge(reason):
            hint = "a single item is above the destination's size limit"
            return Settlement(0, items, "too_large", reason, hint, divisible=True)
        case Redirected(location):
            hint = "redirects are not followed: set the endpoint to the address that answers"
            return Settlement(0, items, "redirect", f"redirected to {location}", hint)
        case Refused(reason, counted_as, hint, divisible):
            return Settlement(0, items, counted_as, reason, hint or "the items are lost", divisible)
