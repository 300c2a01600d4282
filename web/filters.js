// The filters: what is chosen, the sheet to choose in, and the chips that show and remove them.
import { $, h, icon } from './dom.js';
import { t } from './i18n.js';
import { dot, label } from './labels.js';

const MANY = ['category', 'colour', 'gender', 'size', 'style'];
export const empty = () => ({ category: [], colour: [], gender: [], size: [], style: [], shop: '', price_min: '', price_max: '', sale: false, available: false });
export const count = (f) => MANY.reduce((n, k) => n + f[k].length, 0) + [f.shop, f.price_min || f.price_max, f.sale, f.available].filter(Boolean).length;

const sizeOrder = ['XXS', 'XS', 'S', 'M', 'L', 'XL', 'XXL', '3XL'];
function bySize(a, b) {
  const i = sizeOrder.indexOf(a.value), k = sizeOrder.indexOf(b.value);
  if (i >= 0 || k >= 0) return (i < 0 ? 99 : i) - (k < 0 ? 99 : k);
  return a.value.localeCompare(b.value, undefined, { numeric: true });
}

function option(field, value, text, n, checked, colour) {
  const face = h('span', { class: 'face' });
  if (colour !== undefined) {
    const point = h('span', { class: `dot${colour ? '' : ' multi'}`, 'aria-hidden': 'true' });
    if (colour) point.style.backgroundColor = colour;
    face.append(point);
  }
  face.append(text, n === undefined ? '' : h('small', {}, String(n)));
  return h('label', { class: 'option' }, h('input', { type: 'checkbox', name: field, value, checked }), face);
}

function choices(field, facet, chosen) {
  const values = [...(facet ?? [])];
  for (const v of chosen) if (!values.some((x) => x.value === v)) values.push({ value: v }); // chosen ones stay in sight
  if (field === 'size') values.sort(bySize);
  if (!values.length) return null;
  return h('fieldset', {}, h('legend', {}, t(field)), h('div', { class: 'options' },
    values.slice(0, field === 'size' ? 40 : 24).map((v) => option(field, v.value, label(v.value), v.count, chosen.includes(v.value), field === 'colour' ? dot(v.value) : undefined))));
}

/** Fills the sheet's form. `facets`: {field: [{value, count}]}; `shops`: [{id, name}]. */
export function fillForm(filters, facets, shops) {
  const price = h('fieldset', {}, h('legend', {}, t('price')), h('div', { class: 'pair' },
    ['price_min', 'price_max'].map((name, i) => h('label', { class: 'field' }, t(i ? 'to' : 'from'), h('input', { type: 'number', name, min: '0', max: '100000', step: '1', inputmode: 'numeric', value: filters[name] })))));
  const shop = shops.length < 2 ? null : h('fieldset', {}, h('label', { class: 'field-title', for: 'filter-shop' }, t('shop')), h('div', { class: 'field' },
    h('select', { id: 'filter-shop', name: 'shop' }, shops.map((s) => h('option', { value: s.id, selected: s.id === filters.shop }, s.name)))));
  const sale = h('fieldset', {}, h('legend', {}, t('sale')), h('div', { class: 'options' }, option('sale', '1', t('onSale'), undefined, filters.sale), option('available', '1', t('available'), undefined, filters.available)));
  $('filter-fields').replaceChildren(...[choices('category', facets.category, filters.category), choices('colour', facets.colour, filters.colour), choices('gender', facets.gender, filters.gender),
    choices('size', facets.size, filters.size), price, shop, sale, choices('style', facets.style, filters.style)].filter(Boolean));
}

export function readForm() {
  const data = new FormData($('filter-form'));
  const out = empty();
  for (const k of MANY) out[k] = data.getAll(k);
  out.shop = data.get('shop') ?? '';
  for (const k of ['price_min', 'price_max']) out[k] = /^\d{1,6}$/.test(data.get(k) ?? '') ? data.get(k) : '';
  out.sale = data.has('sale');
  out.available = data.has('available');
  return out;
}

/** The chips above the results; `change` gets the filters without the one removed. */
export function showActive(filters, shops, change) {
  const box = $('active');
  const chips = [];
  const chip = (text, next) => chips.push(h('button', { type: 'button', class: 'chip', 'aria-label': t('remove', text), onclick: () => change(next) }, text, icon('cross')));
  for (const k of MANY) for (const v of filters[k]) chip(label(v), { ...filters, [k]: filters[k].filter((x) => x !== v) });
  if (filters.price_min || filters.price_max) chip(`${filters.price_min || 0} – ${filters.price_max || '…'} €`, { ...filters, price_min: '', price_max: '' });
  if (filters.shop) chip(shops.find((s) => s.id === filters.shop)?.name ?? filters.shop, { ...filters, shop: '' });
  if (filters.sale) chip(t('onSale'), { ...filters, sale: false });
  if (filters.available) chip(t('available'), { ...filters, available: false });
  box.replaceChildren(...chips);
  box.hidden = chips.length === 0;
  const n = count(filters), badge = $('filter-count');
  badge.hidden = n === 0;
  badge.textContent = String(n);
}
