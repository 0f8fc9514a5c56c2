// What a page owes to everybody: controls with a name, and text that stands out from its ground.
() => {
  const drawing = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = (colours) => {
    drawing.clearRect(0, 0, 1, 1);
    for (const colour of colours) { drawing.fillStyle = colour; drawing.fillRect(0, 0, 1, 1); }
    return [...drawing.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (element) => (element === null ? [] : [...grounds(element.parentElement), getComputedStyle(element).backgroundColor]);
  const contrast = (element) => {
    const under = ["white", ...grounds(element)];
    const [a, b] = [painted(under), painted([...under, getComputedStyle(element).color])].map(luminance);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !element.closest(".hidden, .skip, :disabled, [aria-disabled=true]");
  const text = (element) => (element.textContent ?? "").trim();
  const name = (element) => element.ariaLabel || (element.labels?.[0] && text(element.labels[0])) || text(element);
  const words = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
  const all = [...document.body.querySelectorAll("*")].filter(isShown);
  const faint = all.filter(words).map((element) => [contrast(element), element])
    .filter(([found]) => found < 4.5).map(([found, element]) => `${found.toFixed(2)}: ${text(element).slice(0, 40)}`);
  const nameless = all.filter((element) => element.matches("a, button, input, select, textarea, summary, [role=button], [tabindex='0']"))
    .filter((element) => !name(element)).map((element) => element.outerHTML.slice(0, 80));
  return { faint, nameless };
}
