"""Where the statistics lie in Redis, and the scripts that change them. One hash tag: one slot of a Redis Cluster."""

import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

WINDOW_S = 24 * 3600
BUCKET_S = 4 * 3600
BUCKETS = WINDOW_S // BUCKET_S + 1
# From the making of an epoch to its T: every gateway merges, and so learns of it, more often than that.
AHEAD_S = 10
# From T to the reading of the base: longer than a message can be under way to the table or the stream.
SETTLE_S = 20

EPOCH = "{csms:live}:epoch"
# The epoch whose base is complete.
BUILT = "{csms:live}:built"
# Before a field's name: it belongs to the base.
BASE = "="

# [min, max, sum, count, last, at (epoch seconds), unit]
Statistics = list[Any]

# A hash names its epoch in the field ''; one of another epoch starts anew.
_FRESH = """
local function fresh(key, epoch)
  if redis.call('HGET', key, '') ~= epoch then
    redis.call('DEL', key)
    redis.call('HSET', key, '', epoch)
  end
end
"""
# KEYS: the epoch, then hashes. ARGV: the epoch that the caller knows, then {field: statistics} and expiry of each hash.
# Returns the current epoch ('' for none); nothing is merged unless that is the caller's.
MERGE = (
    _FRESH
    + """
local epoch = redis.call('GET', KEYS[1]) or ''
if epoch == '' or epoch ~= ARGV[1] then return epoch end
for i = 2, #KEYS do
  local key = KEYS[i]
  fresh(key, epoch)
  for field, new in pairs(cjson.decode(ARGV[i * 2 - 2])) do
    local stored = redis.call('HGET', key, field)
    if stored then
      local old = cjson.decode(stored)
      new[1] = math.min(new[1], old[1])
      new[2] = math.max(new[2], old[2])
      new[3] = new[3] + old[3]
      new[4] = new[4] + old[4]
      if old[6] > new[6] then new[5] = old[5]; new[6] = old[6] end
    end
    redis.call('HSET', key, field, cjson.encode(new))
  end
  redis.call('EXPIREAT', key, ARGV[i * 2 - 1])
end
return epoch
"""
)
# As MERGE, but the fields come as text and take the place of what is there.
WRITE = (
    _FRESH
    + """
local epoch = redis.call('GET', KEYS[1]) or ''
if epoch == '' or epoch ~= ARGV[1] then return epoch end
for i = 2, #KEYS do
  fresh(KEYS[i], epoch)
  for field, packed in pairs(cjson.decode(ARGV[i * 2 - 2])) do redis.call('HSET', KEYS[i], field, packed) end
  redis.call('EXPIREAT', KEYS[i], ARGV[i * 2 - 1])
end
return epoch
"""
)
# ARGV: the epoch that the caller knows ('' for none), a new one. Returns the current epoch afterwards: compare-and-set.
BEGIN = """
local epoch = redis.call('GET', KEYS[1]) or ''
if epoch ~= ARGV[1] then return epoch end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"""


class Epoch(NamedTuple):
    """`text` is what Redis holds: T, the Redis process under which the epoch began, something unique."""

    text: str
    since: datetime
    run_id: str

    @classmethod
    def read(cls, text: str) -> Self:
        """From Redis."""
        since, run_id, _ = text.split("|")
        return cls(text, datetime.fromisoformat(since), run_id)

    @classmethod
    def begin(cls, now: datetime, run_id: str) -> Self:
        """A new one."""
        return cls.read(f"{(now + timedelta(seconds=AHEAD_S)).isoformat()}|{run_id}|{uuid.uuid4().hex}")


def hash_key(charge_point_id: int, bucket: int) -> str:
    """The hash of one charge point and four hours (`bucket`: epoch seconds // BUCKET_S)."""
    return f"{{csms:live}}:{charge_point_id}:{bucket}"


def expiry(bucket: int) -> int:
    """When a bucket has left the window, in epoch seconds."""
    return (bucket + 1) * BUCKET_S + WINDOW_S


def field_name(evse_number: int, measurand: str, phase: str, location: str, unit: str) -> str:
    return f"{evse_number}|{measurand}|{phase}|{location}|{unit}"
