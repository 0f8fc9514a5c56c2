"""How a Redis is named: read without a server and without its driver."""

import pytest

from unbroken import redis_url
from unbroken.errors import SettingsInvalid
from unbroken.redis_client import MasterClient, client_at
from unbroken.redis_url import RedisUrl


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://h:1/2", RedisUrl("one", "redis://h:1/2")),
        ("unix:///tmp/s?db=1", RedisUrl("one", "unix:///tmp/s?db=1")),
        ("rediss-cluster://u:p@h:1", RedisUrl("cluster", "rediss://u:p@h:1")),
        (
            "redis+sentinel://u:p@a:1,b/mine/3?sentinel_password=s&socket_keepalive=1",
            RedisUrl(
                "sentinel",
                "redis://u:p@a:1/3?socket_keepalive=1",
                (("a", 1), ("b", 26_379)),
                "mine",
                (("sentinel_password", "s"),),
            ),
        ),
        (
            "rediss+sentinel://[::1]:7/mine",
            RedisUrl("sentinel", "rediss://[::1]:7/0", (("::1", 7),), "mine"),
        ),
    ],
)
def test_each_form_is_read(url, found):
    assert redis_url.parse(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:6379",
        "http://:secret@h",
        "redis://:secret@h:port",
        "redis+sentinel://:secret@h:1",
        "redis+sentinel://:secret@h:port/mine",
        "redis+sentinel://:secret@,/mine",
        "redis+sentinel://:secret@h/mine/db",
    ],
)
def test_what_is_none_is_said_without_its_password(url):
    with pytest.raises(SettingsInvalid) as raised:
        client_at(url, answer_s=1)
    assert "secret" not in str(raised.value)


async def test_each_has_a_user_of_its_own_and_tls_is_for_both():
    url = "rediss+sentinel://u:p%40@a:1/mine/3?sentinel_username=v&sentinel_password=s"
    client = client_at(url, answer_s=1)
    assert isinstance(client, MasterClient)
    pool = client.connection_pool
    (sentinel,) = pool.sentinel_manager.sentinels
    asked = sentinel.connection_pool
    assert [pool.connection_kwargs[k] for k in ("username", "password", "db")] == ["u", "p@", 3]
    assert [asked.connection_kwargs[k] for k in ("username", "password")] == ["v", "s"]
    for one in (pool, asked):
        assert "SSL" in one.connection_class.__name__
    await client.aclose()
