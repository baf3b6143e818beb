"""A large tenant: thousands of stations and millions of sessions over years, with all that goes with them.

For looking at long lists, and for measuring pages (`scripts/bench office`). The database makes the rows up itself, set by
set (`INSERT ... SELECT generate_series`): chance is a hash of a row's number and the seed, so that the same seed makes the
same data. All is one transaction of the system role: interrupted at any instant, nothing is left.

What no list of the back office shows isn't made: curves of sessions whose readings are gone, statistics of series, the frozen
tariffs of sessions long ago.
"""
