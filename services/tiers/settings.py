"""What the tiers service reads from its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of the tiers service, all with the prefix ``TIERS_``."""

    model_config = SettingsConfigDict(env_prefix="TIERS_")

    run_days: bool = Field(
        default=True,
        description="Move partners to their next day: expiries, certifications and reviews.",
    )
    days_idle: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Seconds between two looks at whether a day began for some partner.",
    )
    import_wait: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Seconds that an import waits for partners not yet heard of from clients.",
    )
