"""Live statistics: minimum, maximum, mean, sum, count and last value of the past 24 hours.

Per EVSE, measurand, phase and location, off the reply path. They live in Redis and may be lost; then they are
rebuilt from the samples. A hash holds four hours of one charge point, so that old extremes fall out by TTL while
the station goes on reporting. What a flush gathered is merged by a few script calls in one round trip.

**Epochs: nothing lost, nothing doubled.** One key names the epoch, and the instant T from which on it counts by
merging. A hash has two kinds of fields: what gateways merge on top (readings received at T or later), and a base
that the rebuild writes (readings received before T, from the samples). `received_at` is stamped once, by one clock,
and stored with the sample: so each reading is on exactly one side of T, however the clocks of the hosts differ.
- The key is gone (flushed, restarted empty), or Redis has restarted (it may have come back with older data): whoever
  sees it first begins an epoch whose T lies AHEAD_S in the future. The merge script takes nothing under an
  epoch that is not the current one, and starts a hash of an older epoch anew.
- A gateway that meets an epoch with T ahead of all it has noted drops what it gathered: the base counts that. Where
  T lies amid what it noted (it learnt of it late), it can't tell the two apart and begins another epoch.
- A merge whose answer was lost may have been made or not: that gateway begins another epoch when Redis is back.
- The base is read SETTLE_S after T, when all that was received before T is committed, refused or in the spill
  stream (a batch is given up on after 5 + 10 s), and not before the stream's entries of that time are drained.
- The base is written in place of the epoch's older one, under the current epoch only: a rebuild that died half-way is
  done again; one that was overtaken by a newer epoch ends.

What may be missing: two seconds of a gateway that was killed, and messages that waited for longer than SETTLE_S for
room in a process. A message that a station sends twice after a broken connection counts twice.
"""

from metering.live.gather import LiveStatistics
from metering.live.keys import BUCKET_S, WINDOW_S
from metering.live.read import live_statistics, live_statistics_of
from metering.live.rebuild import rebuild_live_statistics

__all__ = [
    "BUCKET_S",
    "WINDOW_S",
    "LiveStatistics",
    "live_statistics",
    "live_statistics_of",
    "rebuild_live_statistics",
]
