// My wardrobe: photos kept with consent, what was read from them, corrections, and what goes with them. Only for people who
// are signed in; nothing here is asked for before the sheet is opened.
import { $, h, say, toast } from './dom.js';
import { addWords, lang, t } from './i18n.js';
import { label } from './labels.js';
import * as api from './api.js';
import { card, openProduct, swatch } from './cards.js';
import { NotAPicture, prepare } from './photo.js';

addWords('fr', {
  wardrobe: 'Ma garde-robe', wardrobeAdd: 'Ajouter une photo', wardrobeEmpty: 'Votre garde-robe est vide. Photographiez une pièce : nous vous dirons ce qui va avec.', wardrobeFor: 'Va avec vos pièces', wardrobePlain: 'Nouveautés (sans profil, comme vous l’avez demandé)',
  wardrobeConsents: 'Votre accord, photo par photo', wardrobeSend: 'Garder cette photo', wardrobeCancel: 'Annuler', wardrobeKept: 'Photo gardée, chiffrée.', wardrobeRemoved: 'Photo supprimée, avec tout ce qui en venait.', wardrobeRemove: 'Supprimer la photo', wardrobeSure: 'Supprimer cette photo ? Rien n’en restera.',
  wardrobeFaces: (n) => (n > 1 ? `${n} visages masqués` : n === 1 ? '1 visage masqué' : ''), wardrobeCorrect: 'Corriger', wardrobeSaved: 'Corrigé, merci.', wardrobeNotMine: 'Ce n’est pas une pièce', wardrobePhoto: (d) => `Photo du ${d}`, wardrobeKeepFaces: 'Garder aussi la photo avec mon visage, pour l’essayage',
  wardrobeNeeded: 'nécessaire pour garder la photo', wardrobeOptional: 'facultatif', recommendationShort: 'Recommandations', tryonShort: 'Essayage virtuel', improvementShort: 'Amélioration du modèle', wardrobeFull: 'En savoir plus', wardrobeWorking: 'Nous regardons votre photo…', wardrobeWith: 'Avec',
  wardrobeNoRec: 'Rien à proposer pour l’instant.', wardrobeUnknown: 'Nous ne savons pas',
});
addWords('en', {
  wardrobe: 'My wardrobe', wardrobeAdd: 'Add a photo', wardrobeEmpty: 'Your wardrobe is empty. Photograph a piece: we will tell you what goes with it.', wardrobeFor: 'Goes with your pieces', wardrobePlain: 'New in (without a profile, as you asked)',
  wardrobeConsents: 'Your consent, photo by photo', wardrobeSend: 'Keep this photo', wardrobeCancel: 'Cancel', wardrobeKept: 'Photo kept, encrypted.', wardrobeRemoved: 'Photo deleted, with all that came from it.', wardrobeRemove: 'Delete the photo', wardrobeSure: 'Delete this photo? Nothing of it will be left.',
  wardrobeFaces: (n) => (n > 1 ? `${n} faces hidden` : n === 1 ? '1 face hidden' : ''), wardrobeCorrect: 'Correct', wardrobeSaved: 'Corrected, thank you.', wardrobeNotMine: 'This is no piece', wardrobePhoto: (d) => `Photo of ${d}`, wardrobeKeepFaces: 'Keep the photo with my face as well, for try-on',
  wardrobeNeeded: 'needed to keep the photo', wardrobeOptional: 'optional', recommendationShort: 'Recommendations', tryonShort: 'Virtual try-on', improvementShort: 'Improving the model', wardrobeFull: 'More about it', wardrobeWorking: 'Looking at your photo…', wardrobeWith: 'With',
  wardrobeNoRec: 'Nothing to suggest yet.', wardrobeUnknown: 'We do not know',
});

const COLOURS = ['Black', 'White', 'Grey', 'Beige', 'Cream', 'Brown', 'Tan', 'Navy Blue', 'Blue', 'Turquoise Blue', 'Green', 'Olive', 'Khaki', 'Yellow', 'Mustard', 'Orange', 'Red', 'Burgundy', 'Pink', 'Purple', 'Silver', 'Gold', 'Multi'];
let categories = null;
let photos = [];

const why = (e) => (e instanceof api.NoNetwork ? t('noNetwork') : e instanceof NotAPicture ? t('notPicture') : e.message);
const day = (date) => new Intl.DateTimeFormat(lang() === 'fr' ? 'fr-FR' : 'en-IE', { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`));

// --- adding a photo -----------------------------------------------------------------------------------

/** One purpose with its box, which nobody ticked beforehand, and its words in full. */
function consentBox(text) {
  const needed = text.purpose === 'recommendation';
  return h('div', { class: 'consent' },
    h('label', { class: 'check' }, h('input', { type: 'checkbox', name: text.purpose, value: text.version, required: needed }), h('span', {}, t(`${text.purpose}Short`), ' ', h('small', { class: 'muted' }, t(needed ? 'wardrobeNeeded' : 'wardrobeOptional')))),
    h('details', {}, h('summary', {}, t('wardrobeFull')), h('p', {}, text.text)));
}

async function ask(file) {
  const canvas = h('canvas', { class: 'wardrobe-preview', role: 'img', 'aria-label': t('yourPhoto') });
  const [blob, texts] = await Promise.all([prepare(file, canvas), api.call('/v1/consent-texts')]);
  const mine = texts.texts.filter((x) => x.language === lang() && x.version === texts.version);
  const fault = h('p', { class: 'fault', role: 'alert', hidden: true });
  const send = h('button', { type: 'submit', class: 'button primary' }, t('wardrobeSend'));
  const faces = h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'keep_faces' }), t('wardrobeKeepFaces'));
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const body = new FormData();
    body.append('photo', blob, 'photo.jpg');
    body.append('consent_language', lang());
    for (const [purpose, name] of [['recommendation', 'consent'], ['tryon', 'consent_tryon'], ['improvement', 'consent_improvement']]) if (form.get(purpose)) body.append(name, form.get(purpose));
    if (form.get('keep_faces') && form.get('tryon')) body.append('keep_faces', 'true');
    send.disabled = true;
    fault.hidden = true;
    say(t('wardrobeWorking'));
    try {
      await api.call('/v1/wardrobe/photos', { method: 'POST', body }, 0);
      toast(t('wardrobeKept'));
      await show();
    } catch (e) {
      fault.textContent = why(e);
      fault.hidden = false;
      send.disabled = false;
    }
  };
  const form = h('form', { class: 'stack', onsubmit: submit }, canvas, h('h3', { class: 'field-title' }, t('wardrobeConsents')), ...mine.map(consentBox), faces, fault,
    h('div', { class: 'pair' }, send, h('button', { type: 'button', class: 'button quiet', onclick: show }, t('wardrobeCancel'))));
  const box = (name) => form.querySelector(`input[name="${name}"]`);
  const follow = () => { faces.hidden = !box('tryon')?.checked; if (faces.hidden) box('keep_faces').checked = false; };
  form.addEventListener('change', follow);
  follow();
  $('wardrobe-body').replaceChildren(form);
  $('wardrobe-body').scrollTop = 0;
}

// --- photos and pieces --------------------------------------------------------------------------------

const options = (names, chosen) => [h('option', { value: '', selected: !chosen }, t('wardrobeUnknown')), ...[...new Set([...(chosen ? [chosen] : []), ...names])].map((n) => h('option', { value: n, selected: n === chosen }, label(n)))];

function pieceRow(photo, piece) {
  const correct = async (change) => {
    try {
      const next = await api.call(`/v1/wardrobe/photos/${photo.id}`, { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ pieces: [{ id: piece.id, ...change }] }) }, 0);
      photos = photos.map((p) => (p.id === photo.id ? next : p));
      toast(t('wardrobeSaved'));
      draw();
    } catch (e) { toast(why(e)); }
  };
  const choice = (key, names) => h('label', { class: 'field' }, t(key), h('select', { onchange: (e) => correct({ [key]: e.target.value || null }) }, options(names, piece[key])));
  return h('li', { class: 'wardrobe-piece' },
    h('p', { class: 'piece-name' }, piece.category ? label(piece.category) : t('piece'), piece.colour ? swatch(piece.colour, piece.corrected.includes('colour') ? null : piece.colours?.[0]?.hex) : null),
    h('details', {}, h('summary', {}, t('wardrobeCorrect')), h('div', { class: 'pair' }, choice('category', categories ?? []), choice('colour', COLOURS)),
      photo.pieces.length > 1 ? h('button', { type: 'button', class: 'button quiet', onclick: () => correct({ remove: true }) }, t('wardrobeNotMine')) : null));
}

function photoCard(photo) {
  const remove = async () => {
    if (!window.confirm(t('wardrobeSure'))) return;
    try {
      await api.call(`/v1/wardrobe/photos/${photo.id}`, { method: 'DELETE' }, 0);
      photos = photos.filter((p) => p.id !== photo.id);
      toast(t('wardrobeRemoved'));
      await show();
    } catch (e) { toast(why(e)); }
  };
  return h('li', { class: 'wardrobe-photo' },
    h('img', { src: photo.image, alt: t('wardrobePhoto', day(photo.date)), loading: 'lazy', width: photo.width, height: photo.height }),
    h('div', {}, h('p', { class: 'small-title' }, day(photo.date), photo.faces_hidden ? ` · ${t('wardrobeFaces', photo.faces_hidden)}` : ''),
      h('ul', { class: 'wardrobe-pieces' }, photo.pieces.map((p) => pieceRow(photo, p))),
      h('button', { type: 'button', class: 'button quiet', onclick: remove }, t('wardrobeRemove'))));
}

// --- what goes with them ------------------------------------------------------------------------------

const event = (product, kind) => api.call('/v1/wardrobe/events', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ product, kind }) }, 0).catch(() => {});

function suggestion(item, index) {
  const p = { ...item.product, brand: item.product.brand ?? '', sale: item.product.sale_price, price: item.product.price ?? null, currency: item.product.currency ?? 'EUR' };
  const box = card(p, { token: null, index, open: (x) => { event(p.id, 'view'); openProduct(x, '', null); }, small: true });
  box.append(h('div', { class: 'reasons' }, p.reasons.slice(0, 3).map((r) => h('span', { class: 'reason' }, r.text))));
  const give = (kind, words, key) => h('button', { type: 'button', class: 'button quiet', 'aria-label': t(key, p.title), onclick: async () => { await event(p.id, kind); if (kind === 'dismiss') box.remove(); toast(t(words)); } }, kind === 'like' ? '♥' : '✕');
  box.append(h('div', { class: 'wardrobe-verdict' }, give('like', 'liked', 'like'), give('dismiss', 'disliked', 'dislike')));
  const with_ = item.goes_with && photos.find((x) => x.id === item.goes_with.photo);
  if (with_) box.querySelector('.card-picture').append(h('img', { class: 'wardrobe-with', src: with_.image, alt: '', loading: 'lazy' }));
  return box;
}

async function suggest(list, title) {
  try {
    const answer = await api.call(`/v1/wardrobe/recommendations?${new URLSearchParams({ limit: 12, lang: lang() })}`);
    title.textContent = t(answer.profile ? 'wardrobeFor' : 'wardrobePlain');
    list.replaceChildren(...(answer.items.length ? answer.items.map(suggestion) : [h('li', { class: 'muted' }, t('wardrobeNoRec'))]));
  } catch (e) { list.replaceChildren(h('li', { class: 'muted' }, why(e))); }
}

// --- the sheet ----------------------------------------------------------------------------------------

function draw() {
  const input = h('input', { id: 'wardrobe-file', class: 'hidden', type: 'file', accept: 'image/*', onchange: async (e) => { const [file] = e.target.files; if (file) try { await ask(file); } catch (x) { toast(why(x)); } } });
  const title = h('h3', {}, t('wardrobeFor'));
  const list = h('ul', { class: 'grid' });
  $('wardrobe-body').replaceChildren(
    h('div', { class: 'wardrobe-top' }, h('label', { class: 'button primary', for: 'wardrobe-file' }, t('wardrobeAdd')), input),
    photos.length ? h('ul', { class: 'wardrobe-photos' }, photos.map(photoCard)) : h('p', { class: 'muted' }, t('wardrobeEmpty')),
    photos.length ? h('section', { class: 'similar' }, title, list) : '');
  if (photos.length) suggest(list, title);
}

async function show() {
  try {
    [photos, categories] = await Promise.all([api.call('/v1/wardrobe/photos').then((a) => a.items), categories ?? api.call('/v1/categories').then((a) => a.items.map((c) => c.category))]);
    draw();
  } catch (e) { $('wardrobe-body').replaceChildren(h('p', { class: 'fault', role: 'alert' }, why(e))); }
  if (!$('wardrobe-dialog').open) $('wardrobe-dialog').showModal();
  $('wardrobe-title').textContent = t('wardrobe');
  $('wardrobe-body').focus({ preventScroll: true });
}

/** Puts the way into the wardrobe on the page for as long as somebody is signed in. */
export function startWardrobe() {
  const enter = $('wardrobe-open');
  enter.addEventListener('click', show);
  $('wardrobe-dialog').querySelector('.close').addEventListener('click', () => $('wardrobe-dialog').close());
  document.addEventListener('penderie-account', (e) => {
    enter.hidden = e.detail === null;
    if (e.detail === null) { photos = []; $('wardrobe-dialog').close(); $('wardrobe-body').replaceChildren(); }
  });
}
