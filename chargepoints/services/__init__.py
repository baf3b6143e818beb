"""What can be done with charge points: each module one subject, functions named verb_noun, owning their transaction."""
