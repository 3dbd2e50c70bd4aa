"""What the renewals service remembers; all its SQL, by what it is about."""

from services.renewals.store.restoring import lift_versions

__all__ = ["lift_versions"]
