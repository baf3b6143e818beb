"""Made-up tenants to look at and to try things on: fleets, drivers, tariffs, and what has been charged in the last weeks.

The same seed makes the same fleet and the same days. Stations are named like the simulator's (`SIM-0001`), so that
`manage.py simulate --tenant <slug>` brings them online.
"""
