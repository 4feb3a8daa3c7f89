"""The time a stage may take in one call."""

import time


class Clock:
    """Counts down from `minutes`; without them there is no end."""

    def __init__(self, minutes: float | None) -> None:
        if minutes is not None and minutes <= 0:
            raise ValueError(f"minutes must be positive, got {minutes}")
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes

    def minutes_left(self) -> float | None:
        """Return the minutes that are left, at least 0; None for no end."""
        return None if self.deadline is None else max(0.0, (self.deadline - time.monotonic()) / 60)
