"""The page about the shapes is made of what their test drives."""

from tests.e2e.shapes.table import PAGE, table


def test_the_page_names_every_shape_as_it_is_tested():
    page = PAGE.read_text(encoding="utf-8")
    assert page.endswith(table()), "python -m tests.e2e.shapes.table writes it anew"
