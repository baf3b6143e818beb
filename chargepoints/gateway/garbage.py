"""Python's garbage collector, set for a process that holds thousands of sockets.

Each socket is a few hundred objects that live for days. With the default thresholds every 700 allocations may
lead to a pass over all of them: at 2,000 sockets that took half of the processor time. Reference counting frees
messages at once; the collector is only for cycles, which are rare and can wait.
"""

import gc

# New objects before a look at the young ones; looks before the middle-aged; those before a pass over all.
THRESHOLDS = (50_000, 20, 50)


def calm_collector() -> None:
    """Leave what start-up made out of all passes, and make passes rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
