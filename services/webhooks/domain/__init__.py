"""Where endpoints may be, what is sent to them, and when it is tried again."""

from services.webhooks.domain.endpoints import (
    Endpoint,
    change,
    require_active,
    require_room,
    rotate,
)
from services.webhooks.domain.messages import (
    DEFAULT_TYPES,
    PING,
    SOURCE,
    TYPES,
    over_http,
    write_ping,
)
from services.webhooks.domain.refusals import Refused
from services.webhooks.domain.schedule import Outcome, Policy, Standing, Verdict, judge, wait
from services.webhooks.domain.signing import SECRET_BYTES, sign, write_secret
from services.webhooks.domain.targets import Reach, allowed, may_connect

__all__ = [
    "DEFAULT_TYPES",
    "PING",
    "SECRET_BYTES",
    "SOURCE",
    "TYPES",
    "Endpoint",
    "Outcome",
    "Policy",
    "Reach",
    "Refused",
    "Standing",
    "Verdict",
    "allowed",
    "change",
    "judge",
    "may_connect",
    "over_http",
    "require_active",
    "require_room",
    "rotate",
    "sign",
    "wait",
    "write_ping",
    "write_secret",
]
