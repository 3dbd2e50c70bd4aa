"""The last of these tests: what is left once it is all ended."""

from typing import Any

import asyncpg

from tests.containers.people import Visitor
from tests.containers.quiet import calm
from tests.containers.stack import Stack, docker


async def test_up_again_undoes_nothing_that_people_did_and_tells_nobody(
    stack: Stack, visitor: Visitor
) -> None:
    [client] = (await visitor.ask("clients", "/clients", limit="1")).json()["items"]
    body = {"reason": "They have a team of their own now.", "confirm": True}
    path = f"/clients/{client['client_id']}/services/end"
    await visitor.command("POST", "clients", path, body, f'"{client["version"]}"')
    await calm(stack, later=60)
    before = await standing(stack)
    again = stack.compose("up", "--wait")
    assert again.returncode == 0, again.stderr
    await calm(stack, later=60)
    assert await standing(stack) == before


async def standing(stack: Stack) -> dict[str, Any]:
    """How often each client and each user changed, and how many messages there are."""
    dsns = stack.databases()
    found = {}
    for service, query in (
        ("clients", "SELECT client_id, version FROM clients ORDER BY client_id"),
        ("clients", "SELECT partner_id, version FROM partners ORDER BY partner_id"),
        ("notifications", "SELECT message_id, state FROM messages ORDER BY message_id"),
    ):
        connection = await asyncpg.connect(dsns[service])
        found[query] = [tuple(row) for row in await connection.fetch(query)]
        await connection.close()
    return found


def test_down_with_volumes_leaves_nothing(stack: Stack) -> None:
    label = f"label=com.docker.compose.project={stack.project}"

    def left() -> dict[str, list[str]]:
        return {
            "containers": docker("ps", "--all", "--quiet", "--filter", label).split(),
            "volumes": docker("volume", "ls", "--quiet", "--filter", label).split(),
            "networks": docker("network", "ls", "--quiet", "--filter", label).split(),
        }

    assert all(left().values())
    anonymous = set(docker("volume", "ls", "--quiet", "--filter", "dangling=true").split())
    done = stack.compose("down", "--volumes")
    assert done.returncode == 0, done.stderr
    assert left() == {"containers": [], "volumes": [], "networks": []}
    assert set(docker("volume", "ls", "--quiet", "--filter", "dangling=true").split()) <= anonymous
