"""All shapes, by name."""

from tests.e2e.shapes import alone, asking, looking, several
from tests.e2e.shapes.shape import Shape

SHAPES = {
    shape.name: shape
    for module in (alone, several, asking, looking)
    for shape in vars(module).values()
    if isinstance(shape, Shape)
}
