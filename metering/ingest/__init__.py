"""From readings in memory to rows on disk: group commit, spill while PostgreSQL is away, drain afterwards."""
