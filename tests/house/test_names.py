"""A class is found by its name: no two of the package have the same."""

import re
from collections import Counter

from tests.house.test_readme import ROOT

CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


def test_no_two_classes_have_one_name():
    files = (ROOT / "src" / "unbroken").rglob("*.py")
    names = Counter(name for file in files for name in CLASS.findall(file.read_text("utf-8")))
    assert len(names) > 100
    assert [name for name, times in names.items() if times > 1] == []
