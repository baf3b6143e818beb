"""From samples to hours, days, weeks and months. Set-based SQL over all charge points at once.

Knows samples, series and time zones; nothing of sessions, prices or sockets.
"""
