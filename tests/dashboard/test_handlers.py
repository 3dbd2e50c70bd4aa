"""What is heard is what is shown, whatever order the topics come in."""

from shared.chassis.database import Pool


async def test_a_portfolio_is_known_whole(filled: Pool) -> None:
    counts = await filled.fetchrow(
        """
        SELECT (SELECT count(*) FROM partners) AS partners,
               (SELECT count(*) FROM clients) AS clients,
               (SELECT count(*) FROM clients WHERE serviced) AS serviced,
               (SELECT count(*) FROM renewals) AS renewals,
               (SELECT count(*) FROM stages) AS stages,
               (SELECT count(*) FROM messages) AS messages,
               (SELECT count(*) FROM dead_letters) AS dead
        """
    )

    assert counts is not None
    assert dict(counts) == {
        "partners": 2,
        "clients": 13,
        "serviced": 12,
        "renewals": 13,
        "stages": 23,
        "messages": 13,
        "dead": 0,
    }
