"""What stops a start, in one sentence for the person at the terminal."""


class StartProblem(Exception):
    """Shown as one line, without a traceback."""
