"""The demo data: there after the first start, and the same after the next."""

from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from scripts.setup.demo import ADMIN, demo_packages, load_demo
from tests.py.support.database import Database


def test_the_demo_is_loaded_once_however_often_it_is_asked_for(fresh_database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        logins = list(pool.map(load_demo, [fresh_database.url("postgres")] * 2))
    logins.append(load_demo(fresh_database.url("postgres")))
    assert len(set(logins)) == 1
    email, password = logins[0]

    user_id, password_hash = fresh_database.rows(
        "select user_id, password_hash from api.get_credentials(%s)", [email], role="scrip_gateway"
    )[0]
    PasswordHasher().verify(password_hash, password)
    amounts = fresh_database.rows(
        "select type, amount from playground.transactions where account_id = %s order by number", [user_id]
    )
    assert amounts == [("signup", 5), ("bonus", 100)]
    people = fresh_database.rows("select email, is_admin from playground.users order by email")
    assert people == [(ADMIN.email, True), (email, False)]

    listed = fresh_database.value("select api.list_packages(%s)", [user_id], role="scrip_gateway")["packages"]
    assert [package["name"] for package in listed] == ["@scrip/commit-message-coach", "@scrip/plain-words"]
    fresh_database.assert_ledger_holds()


def test_the_demo_packages_are_real_prompts() -> None:
    packages = demo_packages()
    assert len(packages) == 2
    for package in packages:
        octets = sum(len(file.content.encode()) for file in package.files)
        assert 1_000 < octets < 4_000, package.manifest.name
