"""How fast: charging profiles, the composite schedule, circuits."""
