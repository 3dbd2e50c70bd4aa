"""What keeps up what the page shows, and makes it anew."""

from services.dashboard.jobs.projecting import Projection, tidy
from services.dashboard.jobs.rebuilding import RebuildError, Watcher, rebuild

__all__ = ["Projection", "RebuildError", "Watcher", "rebuild", "tidy"]
