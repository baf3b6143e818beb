"""Search over everything that people know by name: stations, sessions, id tags, sites, and the pages of the menu (Ctrl-K)."""
