"""The settings: one list, from which the README and the proposals for misspelt ones come."""

import re
from pathlib import Path

from unbroken.cli.variables import PRIVATE, VARIABLES, misspelt, table
from unbroken.service.settings import Settings

ROOT = Path(__file__).parents[2]
KNOWN = {variable.name for variable in VARIABLES}


def test_every_setting_of_the_service_is_in_the_list():
    fields = Settings.model_fields.items()
    named = {field.validation_alias or f"UNBROKEN_{name.upper()}" for name, field in fields}
    assert named <= KNOWN


def test_the_list_is_what_the_code_reads():
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "agents").rglob("*.py")]
    texts = [path.read_text() for path in sources if path.name != "variables.py"]
    read = {name for text in texts for name in re.findall(r"UNBROKEN_[A-Z_]*[A-Z]", text)}
    assert read <= KNOWN | set(PRIVATE)


def test_the_readme_has_the_table_of_today():
    readme = (ROOT / "README.md").read_text()
    assert table() in readme, "python -m scripts.settings writes it"


def test_a_misspelt_name_is_answered_with_the_nearest_one():
    names = ["UNBROKEN_ARCHIV", "UNBROKEN_DATA", "UNBROKEN_XYZZY_QQQ", "HOME", *PRIVATE]
    assert list(misspelt(names)) == [
        "UNBROKEN_ARCHIV is not a setting: did you mean UNBROKEN_ARCHIVE?",
        "UNBROKEN_XYZZY_QQQ is not a setting; it is ignored.",
    ]
