"""What the renewals service reads from its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of the renewals service, all with the prefix ``RENEWALS_``."""

    model_config = SettingsConfigDict(env_prefix="RENEWALS_")

    run_sweep: bool = Field(
        default=True, description="Tell what falls due, and settle what passed its deadline."
    )
    sweep_idle: float = Field(
        default=0.25, gt=0, le=60, description="Seconds between two looks at what is due."
    )
    sweep_batch: int = Field(
        default=500, ge=1, le=5000, description="The most renewals of one transaction of the sweep."
    )
    import_wait: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Seconds that an import waits for clients not yet heard of.",
    )
    import_ahead: bool = Field(
        default=False,
        description="Let an import set owners and quotes of clients that are imported afterwards, "
        "so that nobody is told by another policy in between.",
    )
