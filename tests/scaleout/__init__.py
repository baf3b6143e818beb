"""Several processes, several data servers: what is shared, what moves, what is drained."""
