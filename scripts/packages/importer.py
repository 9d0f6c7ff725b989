"""Hands checked packages to `admin.import_package`, which publishes them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from scripts.packages.limits import PackageRefused
from scripts.packages.package import Package

# Our own refusals: SC, a subject, a number. Anything else from the server is a fault, not a property of the package.
REFUSAL_PREFIX = "SC"

IMPORT = """
    select created
    from admin.import_package(
      p_name => %(name)s, p_version => %(version)s, p_description => %(description)s, p_format => %(format)s,
      p_subtype => %(subtype)s, p_files => %(files)s, p_manifest => %(manifest)s, p_author_id => %(author_id)s,
      p_organization_id => %(organization_id)s, p_is_private => %(is_private)s
    )
"""


@dataclass(frozen=True)
class Owner:
    """Whose packages are imported. Nobody's are public."""

    author_id: UUID | None = None
    organization_id: UUID | None = None
    is_private: bool = False


def publish(connection: psycopg.Connection[Any], package: Package, owner: Owner) -> bool:
    """Publish one version; False when it was there with the same content.

    One statement, so that nothing is left of a refused package on an autocommit connection. Raises PackageRefused when
    the database refuses it (other content under this version, another owner), psycopg.Error when it cannot answer.
    """
    manifest = package.manifest
    arguments = {
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "format": manifest.format,
        "subtype": manifest.subtype,
        "files": Jsonb([{"path": file.path, "content": file.content} for file in package.files]),
        "manifest": Jsonb(manifest.raw),
        "author_id": owner.author_id,
        "organization_id": owner.organization_id,
        "is_private": owner.is_private,
    }
    try:
        row = connection.execute(IMPORT, arguments).fetchone()
    except psycopg.Error as error:
        if error.sqlstate is not None and error.sqlstate.startswith(REFUSAL_PREFIX):
            raise PackageRefused(error.diag.message_primary or error.sqlstate) from error
        raise
    if row is None:
        raise RuntimeError("admin.import_package answered without a row")
    return bool(row[0])


def find_author(connection: psycopg.Connection[Any], email: str) -> UUID | None:
    """The id of the person with this e-mail address; None when there is none."""
    row = connection.execute("select admin.find_user(p_email => %s)", (email,)).fetchone()
    return row[0] if row else None
