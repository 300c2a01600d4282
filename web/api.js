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

/** `renew` gets a new access token when the old one has ended: true when there is one (account.js). */
export const session = { renew: null };

export async function call(path, options = {}, tries = 2, renewed = false) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Accept: 'application/json', 'Accept-Language': lang(), ...options.headers }, credentials: 'same-origin' });
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new NoNetwork();
  }
  if (answer.status === 401 && !renewed && session.renew && !path.startsWith('/v1/sessions') && await session.renew()) return call(path, options, tries, true);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const retryAfter = Number(answer.headers.get('Retry-After')) || 0;
  if (answer.status === 503 && tries > 0) {
    await wait(Math.min(5, Math.max(0.5, retryAfter)) * 1000);
    return call(path, options, tries - 1, renewed);
  }
  let body = null;
  try { body = await answer.json(); } catch { /* not problem+json: the status says what there is to say */ }
  throw new Problem(answer.status, body, retryAfter);
}

/** filters: {category: [..], colour: [..], gender: [..], size: [..], style: [..], shop, price_min, price_max, sale, available} */
function parameters(filters = {}, cursor = null, limit = 24) {
  const p = new URLSearchParams({ limit, lang: lang() });
  for (const field of ['category', 'colour', 'gender', 'size', 'style']) if (filters[field]?.length) p.set(field, filters[field].join(','));
  for (const field of ['shop', 'price_min', 'price_max']) if (filters[field]) p.set(field, filters[field]);
  if (filters.sale) p.set('on_sale', 'true');
  if (filters.available) p.set('available', 'true');
  if (cursor) p.set('cursor', cursor);
  return p;
}

/** The address of a picture: `width` is 240 or 640 for a tile on white, nothing for the original. */
export const picture = (url, width) => (url && width ? `${url}?w=${width}` : url);

function product(p) {
  return {
    id: p.id, title: p.title, brand: p.brand ?? '', link: p.link, description: p.description ?? '', category: p.category, colour: p.colour, gender: p.gender, season: p.season, style: p.style,
    material: p.material, pattern: p.pattern, picture: p.picture, price: p.price ?? null, sale: p.sale_price ?? null, currency: p.currency ?? 'EUR', available: p.available, variants: p.variants ?? [],
    reasons: p.reasons ?? [],
  };
}

function page(answer) {
  const facets = {};
  for (const f of answer.facets ?? []) (facets[f.field] ??= []).push({ value: f.value, label: f.label, count: f.count });
  return { items: answer.items.map(product), next: answer.next_cursor, matched: answer.matched, facets, corrected: answer.corrected ?? null, token: answer.attribution };
}

export async function search(words, filters, cursor, signal) {
  const p = parameters(filters, cursor);
  if (words) p.set('q', words);
  return page(await call(`/v1/search?${p}`, { signal }));
}

function piece(x) {
  const [left, top, width, height] = x.box ?? [];
  return {
    box: x.box ? { x: left, y: top, w: width, h: height } : null, category: x.category, p: x.probability ?? x.categories?.[0]?.probability ?? null, sure: x.sure,
    colours: x.colours?.length ? x.colours : x.colour ? [{ name: x.colour }] : [], style: x.style, season: x.season,
  };
}

/** What is seen on the photo, and products for it, or for its piece number `only` (-1: the whole photo). */
export async function recommend(photo, only, filters, cursor, signal) {
  const p = parameters(filters, cursor);
  if (only >= 0) p.set('piece', only);
  const form = new FormData();
  form.append('photo', photo, 'photo.jpg');
  const answer = await call(`/v1/recommendations?${p}`, { method: 'POST', body: form, signal });
  return { ...page(answer), whole: piece(answer.photo), pieces: (answer.photo.pieces ?? []).map(piece), garment: answer.photo.garment ?? 1 };
}

export async function similar(id, shop, signal) {
  const p = parameters({ shop }, null, 8);
  p.set('facets', 'false');
  return page(await call(`/v1/products/${encodeURIComponent(id)}/similar?${p}`, { signal }));
}
export async function one(id, shop, signal) {
  return product(await call(`/v1/products/${encodeURIComponent(id)}${shop ? `?${new URLSearchParams({ shop })}` : ''}`, { signal }));
}
export async function suggest(words, signal) {
  const answer = await call(`/v1/suggest?${new URLSearchParams({ q: words.slice(0, 100), lang: lang(), limit: 7 })}`, { signal }, 0);
  return answer.suggestions.map((s) => s.text);
}
export async function categories() {
  return (await call('/v1/categories')).items.map((c) => ({ value: c.category, fr: c.fr, en: c.en }));
}
export async function shops() {
  return (await call('/v1/shops')).items.map((s) => ({ id: s.shop, name: s.name }));
}
/** Photos to try the page with; only a demonstration has any. */
export async function samples() {
  return (await call('/v1/demo/photos')).photos;
}
export function feedback(id, liked, token) {
  return call('/v1/feedback', { method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }, body: JSON.stringify({ product: id, kind: liked ? 'like' : 'dislike', attribution: token }) }, 0);
}
