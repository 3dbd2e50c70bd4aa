"""A PostgreSQL cluster of CloudNativePG: a database and three roles for each service."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

API: Final = "postgresql.cnpg.io/v1"
CLUSTER: Final = "partner-tools"
IMAGE: Final = "ghcr.io/cloudnative-pg/postgresql:18-standard-trixie"
STORE: Final = "partner-tools-backups"


def cluster(services: Sequence[str]) -> dict[str, Any]:
    """The cluster: three instances, roles, and who is let into which database."""
    return {
        "apiVersion": API,
        "kind": "Cluster",
        "metadata": {"name": CLUSTER},
        "spec": {
            "instances": 3,
            "imageName": IMAGE,
            "primaryUpdateStrategy": "unsupervised",
            "enableSuperuserAccess": False,
            "storage": {"size": "50Gi"},
            "walStorage": {"size": "20Gi"},
            "resources": {
                "requests": {"cpu": "2", "memory": "4Gi"},
                "limits": {"memory": "4Gi"},
            },
            "affinity": {
                "enablePodAntiAffinity": True,
                "topologyKey": "topology.kubernetes.io/zone",
                "podAntiAffinityType": "preferred",
            },
            "postgresql": {
                # What was answered is on two machines, as long as two are there.
                "synchronous": {"method": "any", "number": 1, "dataDurability": "preferred"},
                "parameters": {
                    "max_connections": "300",
                    "shared_buffers": "1GB",
                    "idle_in_transaction_session_timeout": "60s",
                },
                "pg_hba": list(_doors(services)),
            },
            "managed": {"roles": list(_roles(services))},
            "plugins": [
                {
                    "name": "barman-cloud.cloudnative-pg.io",
                    "isWALArchiver": True,
                    "parameters": {"barmanObjectName": STORE},
                }
            ],
        },
    }


def _roles(services: Sequence[str]) -> Iterator[dict[str, Any]]:
    """As `deploy.local.databases` makes them.

    A service takes on its tenant's role for a transaction and inherits nothing from it, so
    that without that step no row of a partner is there.
    """
    for service in services:
        common = {"ensure": "present", "superuser": False, "bypassrls": False}
        tenant, owner = f"{service}_tenant", f"{service}_owner"
        yield {"name": tenant, **common, "login": False}
        yield {
            "name": service,
            **common,
            "login": True,
            "inherit": False,
            "inRoles": [tenant],
            "passwordSecret": {"name": login(service)},
        }
        yield {
            "name": owner,
            **common,
            "login": True,
            "passwordSecret": {"name": login(owner)},
        }


def login(role: str) -> str:
    """The Secret with the name and password of a role, of type kubernetes.io/basic-auth."""
    return f"database-{role.replace('_', '-')}"


def _doors(services: Sequence[str]) -> Iterator[str]:
    """Each into its own database, encrypted; by default PostgreSQL lets everybody into all."""
    for service in services:
        yield f"hostssl {service} {service},{service}_owner all scram-sha-256"
    for service in services:
        yield f"host all {service},{service}_owner all reject"


def databases(services: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A Database for each service; deleted in Kubernetes, it stays in PostgreSQL."""
    for service in services:
        yield {
            "apiVersion": API,
            "kind": "Database",
            "metadata": {"name": service},
            "spec": {
                "name": service,
                "owner": f"{service}_owner",
                "cluster": {"name": CLUSTER},
                "ensure": "present",
                "databaseReclaimPolicy": "retain",
            },
        }
