"""What the gadgets service reads from its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="GADGETS_")

    run_failing: bool = Field(default=False, description="Have a job that ends by itself.")
