// Texts and marks whose contrast to what lies behind them is too low, each with its ratio: `[kind, what, ratio]`.
const parse = (colour) => {
  const parts = colour.match(/[\d.]+/g).map(Number);
  return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
};
const over = (front, behind) => front.rgb.map((x, i) => x * front.alpha + behind[i] * (1 - front.alpha));
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((x) => (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const canvas = getComputedStyle(document.body).backgroundColor;
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
  return layers.reduce((colour, layer) => over(layer, colour), parse(canvas).rgb);
};
const found = [];
const check = (kind, what, colour, element, least, opacity = 1) => {
  const paint = parse(colour);
  const ground = behind(element);
  const measured = ratio(over({ rgb: paint.rgb, alpha: paint.alpha * opacity }, ground), ground);
  if (measured < least) found.push([kind, what, Math.round(measured * 100) / 100]);
};
let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  if (!text || ["SCRIPT", "STYLE"].includes(element.tagName) || element.closest("title, desc") || !element.getClientRects().length) continue;
  texts += 1;
  const style = getComputedStyle(element);
  check("text", text.slice(0, 40), element.ownerSVGElement ? style.fill : style.color, element, 4.5, Number(style.opacity));
}
for (const mark of document.querySelectorAll("svg .mark")) {
  const style = getComputedStyle(mark);
  check("mark", mark.parentElement.textContent.slice(0, 40), style.fill, mark, 3, Number(style.fillOpacity));
}
for (const line of document.querySelectorAll("svg .line, svg .cross, svg .guide, svg .axis")) {
  check("line", line.getAttribute("class"), getComputedStyle(line).stroke, line, 3);
}
return { texts, found };
