"""`unbroken init`: new secrets in .env, and those that are there stay."""

import stat

import pytest
from typer.testing import CliRunner

from unbroken.cli.app import app
from unbroken.cli.refusal import Refusal

SECRETS = ["UNBROKEN_API_KEY", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "POSTGRES_PASSWORD"]


def init(*words):
    return CliRunner().invoke(app, ["init", *map(str, words)], catch_exceptions=False)


def values(folder):
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_each_secret_is_new_and_nobody_else_can_read_it(tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    for folder in (tmp_path, others):
        found = init(folder)
        assert found.exit_code == 0
        assert not any(value in found.output for value in values(folder).values())
    assert list(values(tmp_path)) == SECRETS
    assert not set(values(tmp_path).values()) & set(values(others).values())
    assert all(len(value) >= 15 for value in values(tmp_path).values())
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_what_is_set_stays_and_what_is_missing_or_empty_is_added(tmp_path):
    theirs = "# ours\nexport POSTGRES_PASSWORD=theirs\nUNBROKEN_API_KEY=\nLIVEKIT_NODE_IP=10.0.0.1"
    (tmp_path / ".env").write_text(theirs, encoding="utf-8")
    init(tmp_path)
    text = (tmp_path / ".env").read_text(encoding="utf-8")
    assert text.startswith(theirs + "\nUNBROKEN_API_KEY=")
    assert text.count("POSTGRES_PASSWORD") == 1
    found = init(tmp_path)
    assert "nothing to do" in found.output
    assert (tmp_path / ".env").read_text(encoding="utf-8") == text


def test_a_bucket_is_added_to_an_installation_that_has_none(tmp_path):
    init(tmp_path)
    before = values(tmp_path)
    init(tmp_path, "--s3")
    now = values(tmp_path)
    assert now | before == now
    assert (now["COMPOSE_PROFILES"], now["UNBROKEN_BLOBS"]) == ("s3", "s3://unbroken")
    assert len(now["S3_SECRET_KEY"]) >= 15


def test_a_redis_is_named_where_it_is_asked_for(tmp_path):
    init(tmp_path)
    assert "UNBROKEN_REDIS" not in values(tmp_path)
    init(tmp_path, "--redis")
    now = values(tmp_path)
    assert (now["COMPOSE_PROFILES"], now["UNBROKEN_REDIS"]) == ("redis", "redis://redis:6379/0")
    found = init(tmp_path, "--redis", "--s3")
    assert "has COMPOSE_PROFILES already: see that s3,redis is in it" in found.output
    assert values(tmp_path)["COMPOSE_PROFILES"] == "redis"
    (tmp_path / ".env").unlink()
    init(tmp_path, "--redis", "--s3")
    assert values(tmp_path)["COMPOSE_PROFILES"] == "s3,redis"


@pytest.mark.parametrize("kind", ["folder", "bytes", "nowhere"])
def test_what_cannot_be_read_or_written_is_a_sentence(tmp_path, kind):
    path = tmp_path / ".env"
    if kind == "folder":
        path.mkdir()
    if kind == "bytes":
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(Refusal) as refused:
        init(tmp_path / "nowhere" if kind == "nowhere" else tmp_path)
    assert refused.value.code == 1
