"""The back office's admin site."""

from unfold.sites import UnfoldAdminSite


class BackOfficeSite(UnfoldAdminSite):
    """Unfold's site; people enter when they belong to a tenant."""
