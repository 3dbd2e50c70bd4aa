"""A courier in a process of its own, to be killed: the settings come from the environment."""

import asyncio

from prometheus_client import CollectorRegistry

from services.webhooks import jobs, senders
from services.webhooks.settings import Settings
from shared.chassis import clock, database


async def main() -> None:
    settings = Settings()
    async with database.open_pool(settings.database_url) as pool:
        figures = jobs.Figures(CollectorRegistry())
        poster = senders.Poster(settings)
        await jobs.Courier(pool, clock.from_settings(settings), poster, settings, figures).run()


if __name__ == "__main__":
    asyncio.run(main())
