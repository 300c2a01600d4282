// Products as cards, a product as a page of its own, and the labels of a piece.
import { $, h, icon, toast } from './dom.js';
import { money, t } from './i18n.js';
import { dot, label } from './labels.js';
import * as api from './api.js';

export function swatch(name, hex) {
  const shade = /^#[0-9a-f]{6}$/i.test(hex ?? '') ? hex : dot(name);
  const point = h('span', { class: `dot${shade ? '' : ' multi'}`, 'aria-hidden': 'true' });
  if (shade) point.style.backgroundColor = shade;
  return h('span', { class: 'swatch' }, point, label(name));
}

export function priceOf(p) {
  if (p.price === null) return h('p', { class: 'price' }, t('noPrice'));
  const reduced = p.sale !== null && p.sale < p.price;
  if (!reduced) return h('p', { class: 'price' }, money(p.price, p.currency));
  return h('p', { class: 'price' }, h('span', { class: 'hidden' }, `${t('now')} `), h('strong', {}, money(p.sale, p.currency)), h('span', { class: 'hidden' }, `${t('before')} `), h('s', {}, money(p.price, p.currency)));
}

function reduction(p) {
  if (p.price === null || p.sale === null || p.sale >= p.price) return null;
  return h('span', { class: 'badge', 'aria-hidden': 'true' }, `−${Math.round((1 - p.sale / p.price) * 100)} %`);
}

function stockOf(p, shopName) {
  if (p.available === null) return null;
  return h('p', { class: p.available ? 'stock' : 'stock none' }, p.available ? (shopName ? t('inShop', shopName) : t('inStock')) : t('outOfStock'));
}

function verdict(p, token, card) {
  const give = async (button, other, liked) => {
    button.setAttribute('aria-pressed', 'true');
    other.setAttribute('aria-pressed', 'false');
    card.classList.toggle('refused', !liked);
    try {
      await api.feedback(p.id, liked, token);
      toast(t(liked ? 'liked' : 'disliked'));
    } catch (e) {
      button.setAttribute('aria-pressed', 'false');
      card.classList.remove('refused');
      toast(e instanceof api.NoNetwork ? t('noNetwork') : e.message);
    }
  };
  const like = h('button', { type: 'button', 'aria-label': t('like', p.title), 'aria-pressed': 'false' }, icon('like'));
  const dislike = h('button', { type: 'button', 'aria-label': t('dislike', p.title), 'aria-pressed': 'false' }, icon('dislike'));
  like.addEventListener('click', () => give(like, dislike, true));
  dislike.addEventListener('click', () => give(dislike, like, false));
  return h('div', { class: 'verdict' }, like, dislike);
}

/** One card. `eager`: among the first, which are seen at once. */
export function card(p, { token, shopName, eager, index = 0, open, small }) {
  const image = p.picture
    ? h('img', { src: api.picture(p.picture, 640), alt: '', width: 240, height: 320, loading: eager ? 'eager' : 'lazy', decoding: 'async' })
    : null;
  const box = h('li', { class: 'card' });
  box.style.animationDelay = `${Math.min(index, 12) * 35}ms`;
  box.append(
    h('div', { class: 'card-picture' }, image, reduction(p)),
    p.brand ? h('p', { class: 'brand' }, p.brand) : '',
    h('button', { type: 'button', class: 'card-open', 'aria-haspopup': 'dialog', onclick: () => open(p) }, p.title),
    priceOf(p),
  );
  if (small) return box;
  const stock = stockOf(p, shopName);
  const reasons = p.reasons.filter((r) => r.code !== 'on_sale').slice(0, 3);
  if (reasons.length) box.append(h('div', { class: 'reasons' }, reasons.map((r) => h('span', { class: 'reason' }, r.text))));
  if (stock) box.append(stock);
  box.append(verdict(p, token, box));
  return box;
}

export function skeletons(n) {
  return Array.from({ length: n }, () => h('li', { class: 'card skeleton', 'aria-hidden': 'true' }, h('div', { class: 'card-picture' }), h('div', { class: 'line' }), h('div', { class: 'line' })));
}

export function pieceLabels(x) {
  return [
    h('span', { class: 'piece-name' }, x.category ? label(x.category) : t('piece'), h('small', {}, x.sure && x.p !== null ? t('sure', Math.round(x.p * 100)) : t('unsure'))),
    h('span', { class: 'tags' }, x.colours.slice(0, 3).map((c) => swatch(c.name, c.hex)), x.style ? h('span', {}, label(x.style)) : null, x.season ? h('span', {}, label(x.season)) : null),
  ];
}

function facts(p) {
  const rows = [['colour', p.colour && swatch(p.colour)], ['material', p.material && label(p.material)], ['pattern', p.pattern && label(p.pattern)], ['gender', p.gender && label(p.gender)], ['style', p.style && label(p.style)], ['season', p.season && label(p.season)]];
  return h('dl', {}, rows.filter(([, v]) => v).flatMap(([k, v]) => [h('dt', {}, t(k)), h('dd', {}, v)]));
}

function sizesOf(p) {
  const list = [];
  for (const v of p.variants) if (v.size && !list.some((s) => s.size === v.size)) list.push({ size: v.size, has: v.availability ? v.availability !== 'out_of_stock' : true });
  if (!list.length) return null;
  return [h('h3', { class: 'field-title' }, t('sizes')), h('ul', { class: 'sizes' }, list.map((s) => h('li', { class: s.has ? 'size' : 'size none' }, s.size, s.has ? null : h('span', { class: 'hidden' }, ` ${t('notAvailable')}`))))];
}

let asked = null;
/** Opens the sheet of one product: at once with what the card knows, then with all of it. */
export async function openProduct(p, shop, token) {
  const dialog = $('product-dialog');
  const body = $('product-body');
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const fill = (full, similar) => {
    $('product-brand').textContent = full.brand ?? '';
    const link = full.link && /^https?:/.test(full.link) ? h('a', { class: 'button primary', href: full.link, target: '_blank', rel: 'noopener noreferrer' }, t('see')) : null;
    body.replaceChildren(
      h('div', { class: 'product' },
        h('div', { class: 'product-picture' }, full.picture ? h('img', { src: full.picture, alt: full.title }) : ''),
        h('div', {}, h('h2', { id: 'product-title' }, full.title), priceOf(full), full.description ? h('p', { class: 'text' }, full.description) : '', facts(full), sizesOf(full) ?? '', link ?? '')),
      h('section', { class: 'similar', 'aria-label': t('similar') }, h('h3', {}, t('similar')),
        h('ul', { class: 'grid' }, similar ? similar.items.map((s, i) => card(s, { token: similar.token, index: i, small: true, open: (x) => openProduct(x, shop, similar.token) })) : skeletons(4))),
    );
    body.scrollTop = 0;
  };
  fill(p, null);
  if (!dialog.open) dialog.showModal();
  body.focus({ preventScroll: true });
  const full = await api.one(p.id, shop, signal).catch(() => p);
  if (signal.aborted) return;
  const alike = await api.similar(p.id, shop, signal).catch(() => ({ items: [] }));
  if (!signal.aborted && dialog.open) fill({ ...full, reasons: p.reasons }, alike);
}
