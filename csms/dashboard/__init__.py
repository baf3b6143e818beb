"""The fleet at a glance: reads all apps through their selectors."""
