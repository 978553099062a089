"""Jobs that their module holds under their own names, as applications have them."""

from resqd.app import App

app = App()


@app.job
def of_function() -> None:
    """A function."""


@app.job
class OfClass:
    """A class."""

    @staticmethod
    def perform() -> None:
        """Do nothing."""
