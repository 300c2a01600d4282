// Building elements without innerHTML: what comes from a server is only ever text.

export const $ = (id) => document.getElementById(id);

/** h('li', {class: 'card', onclick: f, 'aria-label': 'x'}, child, 'text', null) */
export function h(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (name in e && typeof value !== 'string') e[name] = value;
    else e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

const SVG = 'http://www.w3.org/2000/svg';
const shapes = {
  like: 'M12 20S4 15 4 9.200A4.200 4.200 0 0 1 12 7.300 4.200 4.200 0 0 1 20 9.200C20 15 12 20 12 20Z',
  dislike: 'm6 6 12 12M18 6 6 18',
  cross: 'm6 6 12 12M18 6 6 18',
};
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  path.setAttribute('d', shapes[name]);
  svg.append(path);
  return svg;
}

export function say(text) {
  const live = $('live');
  live.textContent = '';
  requestAnimationFrame(() => { live.textContent = text; });
}

let timer = 0;
export function toast(text) {
  const box = $('toast');
  box.textContent = text;
  box.hidden = false;
  say(text);
  clearTimeout(timer);
  timer = setTimeout(() => { box.hidden = true; }, 3200);
}
