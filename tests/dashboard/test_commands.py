"""What the owning services answer, in the four words that the page knows."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.dashboard.senders.owners import Answer, Away, Done, Owners, Refused, Stale

NO_REASON = "It was refused, without a reason."


async def asked(answer: httpx2.Response | Exception) -> Answer:
    """What comes of a command that is answered so."""

    def reply(_: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx2.MockTransport(reply)
    async with httpx2.AsyncClient(transport=transport, base_url="http://owner.test") as http:
        return await Owners(http, http).decide("token", uuid4(), {"status": "renewed"}, key="k")


def said(status: int, body: Any = None, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (said(200, {"a": 1}, ETag='"7"'), Done(7, {"a": 1})),
        (said(201, ["no object"]), Done(0, {})),
        (httpx2.Response(204), Done(0, {})),
        (said(412, {}, ETag='"9"'), Stale(9)),
        (said(412, {}), Stale(0)),
        (
            said(409, {"detail": "Too late.", "errors": [{"field": "deadline", "reason": "over"}]}),
            Refused({"deadline": "over"}, "Too late."),
        ),
        (said(422, {"errors": ["odd", {"field": 1}]}), Refused({"1": ""}, NO_REASON)),
        (said(422, ["odd"]), Refused({}, NO_REASON)),
        (httpx2.Response(422, text="<html>"), Refused({}, NO_REASON)),
        (said(307, Location="http://elsewhere.test"), Refused({}, NO_REASON)),
    ],
)  # fmt: skip
async def test_an_answer_is_done_refused_stale_or_away(
    answer: httpx2.Response, meant: Answer
) -> None:
    assert await asked(answer) == meant


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_who_may_not_or_asks_for_nothing_is_refused_in_words(status: int) -> None:
    answer = await asked(said(status, {"detail": "This is for admin; the caller is member."}))

    assert isinstance(answer, Refused)
    assert answer.detail.startswith("The renewals service does not")


@pytest.mark.parametrize(
    ("failure", "perhaps"),
    [
        (httpx2.ConnectError("x"), False),
        (httpx2.ConnectTimeout("x"), False),
        (httpx2.PoolTimeout("x"), False),
        (httpx2.ReadTimeout("x"), True),
        (httpx2.ReadError("x"), True),
        (httpx2.WriteError("x"), True),
        (httpx2.RemoteProtocolError("x"), True),
        (said(500), True),
        (said(504), True),
        (said(503), False),
        (said(429), False),
    ],
)
async def test_what_is_away_says_whether_it_may_have_been_done(
    failure: Exception | httpx2.Response, perhaps: bool
) -> None:
    answer = await asked(failure)

    assert isinstance(answer, Away)
    assert answer.perhaps_done is perhaps
    assert ("all the same: look again" in answer.reason) is perhaps
