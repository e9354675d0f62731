"""Users, keys, attempts and the secret: in PostgreSQL they are the same for all machines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docent.errors import InputError
from docent.settings import Settings
from docent.web.accounts.api_keys import ApiKey, ApiKeys
from docent.web.accounts.key_rates import open_rate_limiter
from docent.web.accounts.login import FREE_TRIES, Authenticator, LoginOrigin
from docent.web.accounts.login_throttle import TooManyAttempts
from docent.web.accounts.users import Users
from docent.web.storage_files import installation_secret
from tests.fakes.postgres_server import execute

GOOD = "a long password"
BUSY = 60.0
NAMES = [f"person{n}" for n in range(4)]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def machines(request, tmp_path):
    """Two processes: with a file they share storage/, with a database each has its own."""
    if request.param == "SQLite":
        return [(tmp_path / "storage", ""), (tmp_path / "storage", "")]
    url = request.getfixturevalue("postgres_url")
    return [(tmp_path / "first", url), (tmp_path / "second", url)]


@pytest.fixture
def users(machines):
    return [Users(storage, cost=4, database_url=url) for storage, url in machines]


def test_a_user_logs_in_everywhere(users):
    """An account that one process adds or changes is the same for another, which ends older logins."""
    here, there = users
    account = here.add("Ann", role="admin", password=GOOD)
    assert there.verify(" ann ", GOOD) == account
    assert there.verify("ann", "another password") is None
    assert there.is_logged_in("ann", stamp=account.stamp, session="s")
    here.end_session("s", until=time.time() + 60)
    here.end_session("s", until=time.time() + 60)
    assert not there.is_logged_in("ann", stamp=account.stamp, session="s")
    there.set_password("ann", "another password")
    assert not here.is_logged_in("ann", stamp=account.stamp, session="other")
    with pytest.raises(InputError, match="already"):
        there.add("ann", role="member", password=GOOD)
    assert [(one.name, one.role, one.has_password) for one in here.all()] == [("ann", "admin", True)]
    there.remove("ann")
    assert here.find("ann") is None
    with pytest.raises(InputError, match="no user"):
        here.set_password("ann", GOOD)


def test_two_administrators_do_not_remove_each_other(users):
    """One of both is left, also when they do it at the same time on two machines."""
    for name in ("ann", "ben"):
        users[0].add(name, role="admin", password=None)
    refused: list[str] = []

    def remove(machine: Users, name: str, by: str) -> None:
        try:
            machine.remove(name, by=by)
        except InputError as error:
            refused.append(str(error))

    threads = [
        threading.Thread(target=remove, args=(machine, name, by))
        for machine, name, by in zip(users, ("ann", "ben"), ("ben", "ann"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY)
    assert len(refused) == len(users[0].all()) == 1


def test_a_key_is_good_everywhere(machines):
    """A key that one process adds is found by another until one of them removes it."""
    here, there = (ApiKeys(storage, database_url=url) for storage, url in machines)
    secret = here.add("editor", libraries=["cats"], expires="2099-01-31", rate=5, read_only=True)
    key = there.find(secret)
    assert key is not None
    assert (key.name, key.libraries, key.expires, key.rate, key.read_only) == (
        "editor", ("cats",), "2099-01-31", 5, True,
    )  # fmt: skip
    assert there.find(secret + "x") is None
    with pytest.raises(InputError, match="already"):
        there.add("editor", libraries=[], expires="", rate=0)
    assert there.all() == [key]
    there.remove("editor")
    assert here.find(secret) is None


def test_one_secret_signs_on_all_machines(machines):
    """Processes that start at once sign with the same secret, and so do those that start later."""
    made: list[bytes] = []

    def start(storage: Path, url: str) -> None:
        made.append(installation_secret(storage, database_url=url))

    threads = [threading.Thread(target=start, args=machine) for machine in machines * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY)
    assert len(made) == 6
    assert {len(secret) for secret in made} == {32}
    assert len({*made, installation_secret(machines[0][0], database_url=machines[0][1])}) == 1


def authenticators(url: str, folder: Path, *, count: int = 3) -> list[Authenticator]:
    """Return those of machines, each with connections of its own, on a database that has the user ann."""
    machines = []
    for number in range(count):
        own = f"{url}?application_name=machine{number}"
        settings = Settings.read(
            environ={
                "DOCENT_STORAGE": str(folder / str(number)),
                "DOCENT_LOGIN": "on",
                "DOCENT_DATABASE_URL": own,
            },
            folder=folder / "none",
        )
        users = Users(settings.storage, cost=4, database_url=own)
        machines.append(Authenticator(settings, secret=b"s" * 32, users=users))
    machines[0].users.add("ann", role="member", password=GOOD)
    return machines


async def test_several_machines_allow_as_many_attempts_as_one(postgres_url, tmp_path):
    """Wrong passwords are counted together; the right one afterwards frees the name on all of them."""
    machines = authenticators(postgres_url, tmp_path)
    known = dict([machines[0].known_cookie("ann")])
    for number in range(FREE_TRIES):
        assert await machines[number % 3].by_password("ann", "a wrong password") is None
    for machine in machines:
        with pytest.raises(TooManyAttempts) as refused:
            await machine.by_password("ann", GOOD)
        assert refused.value.reason == "name"
        assert 0 < refused.value.seconds <= 30
    # A browser in which she has logged in before has attempts of its own.
    for machine in machines:
        assert await machine.by_password("ann", GOOD, LoginOrigin(cookies=known)) is not None


def test_attempts_at_the_same_time_are_counted_together(postgres_url, tmp_path):
    """Of attempts that begin at once on several machines, as many are checked as on one."""
    machines = authenticators(postgres_url, tmp_path)
    together = threading.Barrier(len(machines))

    def try_all(machine: Authenticator) -> list[str]:
        """Try each name once more than is free in all: the last ones at the same moment as the others."""
        tried = []
        for name in NAMES:
            together.wait(BUSY)
            for _ in range(FREE_TRIES):
                try:
                    asyncio.run(machine.by_password(name, "a wrong password"))
                    tried.append(name)
                except TooManyAttempts:
                    pass
        return tried

    with ThreadPoolExecutor(len(machines)) as crowd:
        tried = Counter(name for names in crowd.map(try_all, machines) for name in names)
    assert tried == dict.fromkeys(NAMES, FREE_TRIES)


def test_several_machines_share_the_rate_of_a_key(postgres_url, tmp_path):
    """A key may ask as often at all machines together as at one, also at once, and waits as long."""
    machines = [open_rate_limiter(f"{postgres_url}?application_name=machine{n}") for n in range(3)]
    key = ApiKey("editor", (), "", 10, "")
    with ThreadPoolExecutor(9) as crowd:
        waits = list(crowd.map(lambda n: machines[n % 3].seconds_to_wait(key), range(60)))
    assert waits.count(0.0) == 10
    assert all(0 < wait <= 6 for wait in waits if wait)
    earlier = "UPDATE accounts.attempts SET last = last - 12 WHERE reason = 'rate'"  # two requests' time
    execute(postgres_url, earlier)
    waits = [machine.seconds_to_wait(key) for machine in machines]
    assert [wait > 0 for wait in waits] == [False, False, True]
    assert machines[0].seconds_to_wait(ApiKey("other", (), "", 1, "")) == 0
    assert machines[0].seconds_to_wait(ApiKey("free", (), "", 0, "")) == 0
