// The one place that knows the service's addresses and shapes.
import { lang } from './i18n.js';

export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail ?? body?.title ?? `HTTP ${status}`);
    this.status = status;
    this.title = body?.title ?? '';
    this.type = body?.type ?? '';
    this.request = body?.request_id ?? '';
    this.retryAfter = retryAfter;
  }
}
export class NoNetwork extends Error {}

const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

async function call(path, options = {}, tries = 2) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Accept: 'application/json', 'Accept-Language': lang(), ...options.headers }, credentials: 'same-origin' });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new NoNetwork();
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const retryAfter = Number(answer.headers.get('Retry-After')) || 0;
  if (answer.status === 503 && tries > 0) {
    await wait(Math.min(5, Math.max(0.5, retryAfter)) * 1000);
    return call(path, options, tries - 1);
  }
  let body = null;
  try { body = await answer.json(); } catch { /* not problem+json: the status says what there is to say */ }
  throw new Problem(answer.status, body, retryAfter);
}

/** filters: {category: [..], colour: [..], gender: [..], size: [..], shop, price_min, price_max, sale, available} */
function filterParams(filters = {}) {
  const p = new URLSearchParams();
  for (const field of ['category', 'colour', 'gender', 'size', 'style', 'brand']) for (const v of filters[field] ?? []) p.append(field, v);
  if (filters.shop) p.set('shop', filters.shop);
  if (filters.price_min) p.set('price_min', filters.price_min);
  if (filters.price_max) p.set('price_max', filters.price_max);
  if (filters.sale) p.set('on_sale', 'true');
  if (filters.available) p.set('available', 'true');
  p.set('lang', lang());
  return p;
}

const price = (v) => (v === null || v === undefined ? null : typeof v === 'number' ? v : Number(v.value ?? v.amount ?? v));
export const picture = (url, width) => (url ? `${url}${url.includes('?') ? '&' : '?'}w=${width}` : null);

function product(item) {
  const p = item.product ?? item;
  return {
    id: p.id, title: p.title, brand: p.brand, link: p.link, description: p.description, category: p.category, colour: p.colour, gender: p.gender, season: p.season, style: p.style, material: p.material, pattern: p.pattern,
    picture: p.picture ?? p.pictures?.[0]?.url ?? null, pictures: p.pictures ?? [], price: price(p.price), sale: price(p.sale_price), currency: p.currency ?? 'EUR', available: p.available ?? null, sizes: p.sizes ?? [],
    variants: p.variants ?? [], shops: p.shops ?? [], reasons: (item.reasons ?? []).map((r) => ({ code: r.code, text: r.text })), score: item.score ?? null,
  };
}

function facets(list) {
  const out = {};
  if (Array.isArray(list)) for (const f of list) (out[f.field] ??= []).push({ value: f.value, label: f.label, count: f.count });
  else for (const [field, values] of Object.entries(list ?? {})) out[field] = values.map((v) => ({ value: v.value, label: v.label, count: v.count }));
  return out;
}

function page(answer) {
  const items = answer.items ?? answer.products ?? [];
  return { items: items.map(product), next: answer.next_cursor ?? null, total: answer.matched ?? answer.total ?? items.length, facets: facets(answer.facets), corrected: answer.corrected ?? null, token: answer.attribution ?? answer.attribution_token ?? null };
}

const SIZE = 24;

export async function search(words, filters, cursor, signal) {
  const p = filterParams(filters);
  if (words) p.set('q', words);
  p.set('limit', SIZE);
  if (cursor) p.set('cursor', cursor);
  return page(await call(`/v1/search?${p}`, { signal }));
}

function piece(x) {
  return { box: x.box && { x: x.box[0] ?? x.box.x, y: x.box[1] ?? x.box.y, w: x.box[2] ?? x.box.w, h: x.box[3] ?? x.box.h }, category: x.category, p: x.p ?? x.confidence ?? x.category_p ?? null, sure: x.sure !== false,
    colours: (x.colours ?? (x.colour ? [x.colour] : [])).map((c) => (typeof c === 'string' ? { name: c, share: 1 } : { name: c.name, share: c.share })), gender: x.gender, style: x.style, season: x.season, pattern: x.pattern };
}

/** What is seen on the photo, and products for it. */
export async function recommend(photo, filters, cursor, signal) {
  const p = filterParams(filters);
  p.set('limit', SIZE);
  if (cursor) p.set('cursor', cursor);
  const form = new FormData();
  form.append('photo', photo, 'photo.jpg');
  const answer = await call(`/v1/recommendations?${p}`, { method: 'POST', body: form, signal });
  const seen = answer.photo ?? answer.seen ?? answer.labels ?? answer;
  const pieces = (answer.pieces ?? seen.pieces ?? []).map(piece);
  return { ...page(answer), pieces, whole: piece(seen) };
}

export async function similar(id, signal) {
  const p = new URLSearchParams({ limit: 8, lang: lang() });
  return page(await call(`/v1/products/${encodeURIComponent(id)}/similar?${p}`, { signal }));
}
export async function one(id, shop, signal) {
  const p = new URLSearchParams({ lang: lang() });
  if (shop) p.set('shop', shop);
  return product(await call(`/v1/products/${encodeURIComponent(id)}?${p}`, { signal }));
}
export async function suggest(words, signal) {
  const p = new URLSearchParams({ q: words, lang: lang(), limit: 7 });
  const answer = await call(`/v1/suggest?${p}`, { signal }, 0);
  return (answer.suggestions ?? answer.items ?? []).map((s) => (typeof s === 'string' ? { text: s } : { text: s.text, kind: s.kind }));
}
export async function categories() {
  const answer = await call(`/v1/categories?lang=${lang()}`);
  return (answer.categories ?? answer.items ?? []).map((c) => ({ value: c.name ?? c.category, label: c.label ?? c[lang()], group: c.group }));
}
export async function shops() {
  const answer = await call('/v1/shops');
  return (answer.shops ?? answer.items ?? []).map((s) => ({ id: s.shop ?? s.id ?? s.code, name: s.name ?? s.shop, city: s.city }));
}
export async function samples() {
  const answer = await call('/v1/demo/photos');
  return answer.photos ?? [];
}
export function feedback(id, liked, token) {
  return call('/v1/feedback', { method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }, body: JSON.stringify({ product: id, kind: liked ? 'like' : 'dislike', attribution: token ?? undefined }) }, 0);
}
