from pathlib import Path

import pytest

from netra_backend.settings import Settings, SettingsError, load, masked


def told(environ: dict[str, str], tmp_path: Path) -> str:
    """The sentence about bad settings."""
    with pytest.raises(SettingsError) as caught:
        load({}, environ=environ, folder=tmp_path)
    return str(caught.value)


def test_command_line_over_environment_over_file_over_default(tmp_path: Path) -> None:
    """Field by field; an empty variable and a None do not count."""
    (tmp_path / "netra.toml").write_text('port = 1\nhost = "file"\nmodel = "file"\nissuer = "file"\n')
    environ = {"NETRA_PORT": "2", "NETRA_HOST": "env", "NETRA_MODEL": "", "NETRA_OTHER": "x", "PORT": "9"}
    found = load({"port": 3, "host": None}, environ=environ, folder=tmp_path)
    assert (found.port, found.host, found.model, found.issuer, found.audience) == (
        3,
        "env",
        "file",
        "file",
        "netra",
    )


def test_lists_come_separated_by_commas(tmp_path: Path) -> None:
    """Spaces and empty parts do not matter."""
    environ = {"NETRA_ALLOWED_ORIGINS": " https://a.example, ,https://b.example "}
    assert load({}, environ=environ, folder=tmp_path).allowed_origins == (
        "https://a.example",
        "https://b.example",
    )


def test_external_issuers_come_from_the_file(tmp_path: Path) -> None:
    """With their defaults."""
    (tmp_path / "netra.toml").write_text(
        '[[external_issuers]]\nissuer = "i"\naudience = "a"\njwks_url = "https://i.example/jwks"\n'
    )
    (issuer,) = load({}, environ={}, folder=tmp_path).external_issuers
    assert (issuer.issuer, issuer.algorithms) == ("i", ("RS256", "ES256", "EdDSA"))


def bad_values() -> list[tuple[str, str]]:
    """A value that its field cannot have, for every field that has any such value."""
    bad = []
    for name, field in Settings.model_fields.items():
        for value in ("nonsense\n", "-1"):
            try:
                Settings.model_validate({name: value})
            except ValueError:
                bad.append((name, value))
                break
        assert field.description
    return bad


@pytest.mark.parametrize(("name", "value"), bad_values())
def test_every_bad_setting_gives_one_sentence_that_names_it(name: str, value: str, tmp_path: Path) -> None:
    """With its environment name, and without the value: it may be a secret."""
    sentence = told({f"NETRA_{name.upper()}": value}, tmp_path)
    assert sentence.startswith(f"Setting {name}")
    assert f"NETRA_{name.upper()}" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "nonsense" not in sentence


def test_most_settings_have_bounds() -> None:
    """So that the test above is not empty."""
    assert len(bad_values()) >= 20


def test_an_unknown_name_in_the_file_is_told(tmp_path: Path) -> None:
    """A typing mistake must not be silent."""
    (tmp_path / "netra.toml").write_text("prot = 1\n")
    assert told({}, tmp_path) == "Setting prot is not known; see `netra config show` for the names."


@pytest.mark.parametrize("content", [b"port = \n", b"\xff\xfe"])
def test_a_broken_file_is_told(content: bytes, tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "netra.toml").write_bytes(content)
    assert told({}, tmp_path).startswith("netra.toml is not valid TOML: ")


def test_secrets_are_masked() -> None:
    """Whoever shows the settings."""
    shown = masked(
        Settings.model_validate({"signing_key": "canary", "database_url": "postgres://u:canary@h/d"})
    )
    assert "canary" not in str(shown)
    assert "canary" not in repr(Settings.model_validate({"model_api_key": "canary"}))
    assert shown["port"] == 8000
