"""Alerts: values out of bounds, faults, stations that are gone, silent or wrong about the time.

`excursion`, `register`, `clock` and `rules` are pure. `watch` compares every stored value in the gateway; `incidents`
writes what it finds; `sweeps` and `receivers` find the rest; `services` is what people do; `mail` tells them.
"""
