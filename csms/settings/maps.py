"""The map of the live board: Leaflet's files, and where its tiles come from; unset, it has none."""

from importlib.util import find_spec
from pathlib import Path

from csms.settings.runtime import env

PLACES = ("{z}", "{x}", "{y}")


def tiles_url(url: str) -> str:
    """An address with places for zoom, column and row; a wrong one stops the start with the variable's name."""
    if url and not (url.startswith(("https://", "http://", "/")) and all(place in url for place in PLACES)):
        raise SystemExit("CSMS_MAP_TILES_URL must be an address like https://tiles.example.com/{z}/{x}/{y}.png")
    return url


def leaflet_files() -> Path:
    """Those of django-leaflet. Its app isn't installed: only the files are needed, and it would look for GDAL."""
    spec = find_spec("leaflet")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("django-leaflet is not installed: install the requirements.")
    return Path(spec.submodule_search_locations[0]) / "static" / "leaflet"


MAP_TILES_URL = tiles_url(env("CSMS_MAP_TILES_URL"))
MAP_TILES_ATTRIBUTION = env("CSMS_MAP_TILES_ATTRIBUTION")
STATICFILES_DIRS = [("leaflet", leaflet_files())]
